"""The entities of the fake server, and the rules by which it takes them."""

import copy
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.models.names import MAX_FQN_LENGTH, child_fqn, fqn, split_fqn
from tests.fake_openmetadata.schemas import Check, checker

Body = dict[str, Any]
ILLEGAL = ("::", ">", '"', "\n", "\r", "\t")
WITH_LENGTH = {"VARCHAR", "CHAR", "BINARY", "VARBINARY"}


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection of the API: its entity, its create request, and the key and collection of the parent.

    `below` stands in qualified names after the parent's, `points_at` are collections of what its keys name.
    """

    entity: str
    schema: str | None
    parent: tuple[str, str] | None = None
    bulk: bool = True
    below: str = ""
    points_at: Mapping[str, str] = field(default_factory=dict[str, str])


COLLECTIONS: Mapping[str, Collection] = {
    "services/databaseServices": Collection("databaseService", "CreateDatabaseServiceRequest", bulk=False),
    "databases": Collection("database", "CreateDatabaseRequest", ("service", "services/databaseServices")),
    "databaseSchemas": Collection("databaseSchema", "CreateDatabaseSchemaRequest", ("database", "databases")),
    "tables": Collection("table", "CreateTableRequest", ("databaseSchema", "databaseSchemas")),
    "storedProcedures": Collection(
        "storedProcedure", "CreateStoredProcedureRequest", ("databaseSchema", "databaseSchemas")
    ),
    "services/messagingServices": Collection("messagingService", "CreateMessagingServiceRequest", bulk=False),
    "topics": Collection("topic", "CreateTopicRequest", ("service", "services/messagingServices")),
    "services/dashboardServices": Collection("dashboardService", "CreateDashboardServiceRequest", bulk=False),
    "dashboard/datamodels": Collection(
        "dashboardDataModel",
        "CreateDashboardDataModelRequest",
        ("service", "services/dashboardServices"),
        below="model",
    ),
    "charts": Collection("chart", "CreateChartRequest", ("service", "services/dashboardServices")),
    "dashboards": Collection(
        "dashboard",
        "CreateDashboardRequest",
        ("service", "services/dashboardServices"),
        points_at={"charts": "charts", "dataModels": "dashboard/datamodels"},
    ),
    "services/mlmodelServices": Collection("mlmodelService", "CreateMlModelServiceRequest", bulk=False),
    "mlmodels": Collection("mlmodel", "CreateMlModelRequest", ("service", "services/mlmodelServices")),
    "services/pipelineServices": Collection("pipelineService", "CreatePipelineServiceRequest", bulk=False),
    "pipelines": Collection("pipeline", "CreatePipelineRequest", ("service", "services/pipelineServices"), bulk=False),
    "services/storageServices": Collection("storageService", "CreateStorageServiceRequest", bulk=False),
    "containers": Collection(
        "container", "CreateContainerRequest", ("service", "services/storageServices"), bulk=False
    ),
    "services/searchServices": Collection("searchService", "CreateSearchServiceRequest", bulk=False),
    "searchIndexes": Collection("searchIndex", "CreateSearchIndexRequest", ("service", "services/searchServices")),
    "services/apiServices": Collection("apiService", "CreateApiServiceRequest", bulk=False),
    "apiCollections": Collection("apiCollection", "CreateAPICollectionRequest", ("service", "services/apiServices")),
    "apiEndpoints": Collection("apiEndpoint", "CreateAPIEndpointRequest", ("apiCollection", "apiCollections")),
    "classifications": Collection("classification", "CreateClassificationRequest", bulk=False),
    "tags": Collection("tag", "CreateTagRequest", ("classification", "classifications"), bulk=False),
    "users": Collection("user", None, bulk=False),
    "teams": Collection("team", None, bulk=False),
    "glossaryTerms": Collection("glossaryTerm", None, bulk=False),
}


EXECUTION_STATUS = {"Successful", "Failed", "Pending", "Skipped"}
EDGE = checker("AddLineageRequest")


class Refused(Exception):
    """The server does not take a request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


# Of a table the real server lists the columns, whatever fields are asked for.
SHOWN = ("serviceType", "connection", "sourceHash", "columns")


@dataclass(slots=True)
class Entity:
    """One stored entity and the last request that made it."""

    id: str
    name: str
    fqn: str
    request: Body
    version: int = 1
    deleted: bool = False

    def shown(self, fields: Iterable[str] = ()) -> Body:
        return {
            "id": self.id,
            "name": self.name,
            "fullyQualifiedName": self.fqn,
            "version": self.version / 10,
            "deleted": self.deleted,
            **{key: self.request[key] for key in (*SHOWN, "description", *fields) if key in self.request},
        }


@dataclass
class Catalogue:
    """Thread-safe; every public method is one transaction."""

    entities: dict[str, dict[str, Entity]] = field(default_factory=lambda: {name: {} for name in COLLECTIONS})
    edges: dict[tuple[str, str], Body] = field(default_factory=dict[tuple[str, str], Body])
    statuses: dict[tuple[str, int], Body] = field(default_factory=dict[tuple[str, int], Body])
    unchanged: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _checks: dict[str, Check] = field(default_factory=dict[str, Check])

    def fqn_of(self, collection: str, body: Body) -> str:
        """The name that the request asks for; raises Refused when it is none."""
        rules = COLLECTIONS[collection]
        name = body.get("name")
        if not isinstance(name, str) or not name or any(text in name for text in ILLEGAL):
            raise Refused(400, f'[query param name "{name}" must match ""^((?!::).)*$""]')
        if rules.parent is None:
            return fqn(name)
        parent = body.get(rules.parent[0])
        if not isinstance(parent, str) or not parent:
            raise Refused(400, f"[query param {rules.parent[0]} must not be null]")
        if "parent" in body:
            parent = self._named(collection, body["parent"])
        return child_fqn(f"{parent}.{rules.below}" if rules.below else parent, name)

    def _named(self, collection: str, reference: Body) -> str:
        """The name of another entity of the collection, by the id that a request refers to it by."""
        for entity in self.entities[collection].values():
            if entity.id == reference.get("id") and not entity.deleted:
                return entity.fqn
        raise Refused(404, f"{COLLECTIONS[collection].entity} instance for {reference.get('id')} not found")

    def put(self, collection: str, body: Body, *, override: bool = False) -> tuple[int, Entity]:
        """Create or update; raises Refused."""
        with self._lock:
            name = self.fqn_of(collection, body)
            self._check(collection, body, name)
            known = self.entities[collection].get(name)
            if known is None:
                entity = Entity(str(uuid.uuid4()), body["name"], name, body)
                self.entities[collection][name] = entity
                return 201, entity
            same = known.request.get("sourceHash") == body.get("sourceHash") is not None
            if same and not known.deleted and not override:
                self.unchanged += 1
            else:
                known.request, known.version, known.deleted = body, known.version + 1, False
            return 200, known

    def change(self, table_id: str, fields: Body) -> Body:
        """Set fields of a table, by its id; raises Refused where they would not fit."""
        with self._lock:
            entity = next((each for each in self.entities["tables"].values() if each.id == table_id), None)
            if entity is None or entity.deleted:
                raise Refused(404, f"table instance for {table_id} not found")
            changed = {**entity.request, **fields}
            self._check("tables", changed, entity.fqn)
            entity.request, entity.version = changed, entity.version + 1
            return entity.shown()

    def patch(self, table_id: str, operations: list[Body]) -> Body:
        """Apply a JSON patch to a table, which may only add; raises Refused."""
        with self._lock:
            entity = next((each for each in self.entities["tables"].values() if each.id == table_id), None)
            document = copy.deepcopy(entity.request) if entity else {}
            for operation in operations:
                *path, last = str(operation["path"]).removeprefix("/").split("/")
                place: Any = document
                for step in path:
                    place = place[int(step) if isinstance(place, list) else step]
                if operation["op"] != "add" or not isinstance(place, dict):
                    raise Refused(400, f"{operation} is not what this fake takes")
                place[last] = operation["value"]
            return self.change(table_id, document)

    def find(self, collection: str, name: str, *, deleted: bool = False) -> Entity | None:
        """The entity of this name, one that was `deleted` only when it is asked for."""
        with self._lock:
            entity = self.entities[collection].get(name)
            return None if entity is None or (entity.deleted and not deleted) else entity

    def below(self, collection: str, scope: str) -> list[Entity]:
        """The entities that lie in `scope`, by name."""
        with self._lock:
            return list(self._below(collection, split_fqn(scope)))

    def delete(self, collection: str, entity_id: str, *, recursive: bool) -> bool:
        """Mark as deleted, with all that lies below; False when there is no such entity."""
        with self._lock:
            for entity in self.entities[collection].values():
                if entity.id == entity_id and not entity.deleted:
                    inside = [each for name in COLLECTIONS for each in self._below(name, split_fqn(entity.fqn))]
                    if inside and not recursive:
                        raise Refused(400, f"{collection} {entity.fqn} is not empty")
                    for each in (entity, *inside):
                        each.deleted = True
                    return True
        return False

    def add_person(self, collection: str, name: str) -> str:
        """A user or team, for owners; gives its id."""
        with self._lock:
            entity = Entity(str(uuid.uuid4()), name, name, {"name": name})
            self.entities[collection][name] = entity
            return entity.id

    def join(self, origin: tuple[str, str], target: tuple[str, str], details: Body) -> Body:
        """Keep an edge between two entities, each a type and a name; raises Refused."""
        with self._lock:
            left, right = self._end(*origin), self._end(*target)
            ends = {"fromEntity": {"id": left.id, "type": origin[0]}, "toEntity": {"id": right.id, "type": target[0]}}
            if (error := EDGE({"edge": {**ends, "lineageDetails": details}})) is not None:
                raise Refused(400, f"[{error}]")
            for columns in details.get("columnsLineage") or ():
                for column in (*columns["fromColumns"], columns["toColumn"]):
                    *table, name = split_fqn(column)
                    if fqn(*table) not in (left.fqn, right.fqn) or name not in self._columns(fqn(*table)):
                        raise Refused(400, f"Invalid column name {column}")
            self.edges[left.fqn, right.fqn] = details
            return {"message": "lineage added"}

    def tell(self, pipeline: str, status: Body) -> Body:
        """Keep what became of a run of a pipeline; raises Refused."""
        with self._lock:
            entity = self._end("pipeline", pipeline)
            tasks = {task["name"] for task in entity.request.get("tasks") or ()}
            for task in status["taskStatus"]:
                if task["name"] not in tasks:
                    raise Refused(400, f"Invalid task name {task['name']}")
            if not isinstance(status["timestamp"], int) or status["executionStatus"] not in EXECUTION_STATUS:
                raise Refused(400, "Unable to process JSON")
            self.statuses[entity.fqn, status["timestamp"]] = status
            return entity.shown()

    def _end(self, kind: str, name: str) -> Entity:
        [collection] = [key for key, rules in COLLECTIONS.items() if rules.entity == kind] or [""]
        entity = self.find(collection, name) if collection else None
        if entity is None:
            raise Refused(404, f"{kind} instance for {name} not found")
        return entity

    def _below(self, collection: str, scope: tuple[str, ...]) -> Iterator[Entity]:
        for name, entity in sorted(self.entities[collection].items()):
            if not entity.deleted and split_fqn(name)[: len(scope)] == scope != split_fqn(name):
                yield entity

    def _check(self, collection: str, body: Body, name: str) -> None:
        rules = COLLECTIONS[collection]
        if rules.schema is None:
            raise Refused(405, "HTTP 405 Method Not Allowed")
        if rules.schema not in self._checks:
            self._checks[rules.schema] = checker(rules.schema)
        if (error := self._checks[rules.schema](body)) is not None:
            raise Refused(400, f"[{error}]")
        if len(name) > MAX_FQN_LENGTH:
            raise Refused(400, "[fullyQualifiedName is too long]")
        self._require_others(rules, body)
        if collection == "tables":
            self._check_table(body, name)
        elif "columns" in body:
            self._check_columns(body["columns"])

    def _require_others(self, rules: Collection, body: Body) -> None:
        """What a request names has to be there."""
        if rules.parent is not None:
            self._require(rules.parent[1], body[rules.parent[0]])
        self._require_owners(body.get("owners") or [])
        self._require_tags(body.get("tags") or [])
        for key, pointed_at in rules.points_at.items():
            for each in body.get(key) or ():
                self._require(pointed_at, each)

    def _require_owners(self, owners: list[Body]) -> None:
        for owner in owners:
            if owner["id"] not in {each.id for each in self.entities[f"{owner['type']}s"].values()}:
                raise Refused(404, f"{owner['type']} instance for {owner['id']} not found")

    def _check_table(self, body: Body, name: str) -> None:
        columns: list[Body] = body["columns"]
        self._check_columns(columns)
        names = {column["name"] for column in columns}
        for constraint in body.get("tableConstraints") or ():
            unknown = [column for column in constraint.get("columns") or () if column not in names]
            if unknown:
                raise Refused(400, f"Invalid column name found in table constraint {unknown[0]}")
            for referred in constraint.get("referredColumns") or ():
                *table, column = split_fqn(referred)
                there = names if fqn(*table) == name else self._columns(fqn(*table))
                if column not in there:
                    raise Refused(404, f"column instance for {referred} not found")

    def _check_columns(self, columns: list[Body]) -> None:
        seen: set[str] = set()
        for column in columns:
            if column["name"] in seen:
                raise Refused(400, f"Column name {column['name']} is repeated")
            seen.add(column["name"])
            if column["dataType"] in WITH_LENGTH and not column.get("dataLength"):
                raise Refused(400, f"For column data types {column['dataType']} dataLength must not be null")
            if column["dataType"] == "ARRAY" and not column.get("arrayDataType"):
                raise Refused(400, "For column data type array, arrayDataType must not be null")
            self._require_tags(column.get("tags") or [])
            self._check_columns(column.get("children") or [])

    def _columns(self, table: str) -> set[str]:
        return {column["name"] for column in self._require("tables", table).request["columns"]}

    def _require_tags(self, labels: list[Body]) -> None:
        for label in labels:
            glossary = label["source"] == "Glossary"
            self._require("glossaryTerms" if glossary else "tags", label["tagFQN"])

    def _require(self, collection: str, name: str) -> Entity:
        try:
            split_fqn(name)
        except ValueError as error:
            raise Refused(400, str(error)) from error
        entity = self.find(collection, name)
        if entity is None:
            raise Refused(404, f"{COLLECTIONS[collection].entity} instance for {name} not found")
        return entity
