"""What becomes of a project: data models and lineage of its tables, tests of data, exposures."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast

import msgspec

from connectors.connector import RunContext
from connectors.decoding import decode
from connectors.definition import FilterPattern
from connectors.errors import ConnectorError
from connectors.families.dbt import data_tests
from connectors.families.dbt.artefacts import Artefacts, Freshness, Manifest, RunResult
from connectors.families.dbt.column_lineage import ColumnOrigins
from connectors.families.dbt.config import DbtArtefacts, DbtMetadata
from connectors.families.dbt.data_tests import FoundTest
from connectors.families.dbt.nodes import Column, DataTest, Exposure, Group, Meta, Relation, several
from connectors.families.dbt.project import Project, TableName
from connectors.families.own_tags import OwnTags
from connectors.filters import Filter, compile_filter
from connectors.models.base import TagLabel
from connectors.models.data_model import AddDataModelRequest, DataModel, ModelColumn
from connectors.models.lineage import AddLineageRequest, LineageDetails
from connectors.models.names import encode_name, fqn, split_fqn
from connectors.models.quality import AddTestCaseResultRequest, CreateTestCaseRequest
from connectors.models.records import Record
from connectors.topology import Filtered, Node

DBT_LINEAGE = "DbtLineage"
# What OpenMetadata has for the types of exposures; others have no entity there.
EXPOSED: Mapping[str, str] = {"dashboard": "dashboard", "ml": "mlmodel", "application": "apiEndpoint"}
EXPOSED_AS = "open_metadata_fqn"
OWN_META = "openmetadata"
TEST = "test."
T = TypeVar("T")
logger = logging.getLogger(__name__)


class Item(msgspec.Struct, frozen=True):
    """A node on the walk; `raw` is what the manifest says of it."""

    unique_id: str
    name: TableName
    raw: msgspec.Raw


class Named(msgspec.Struct, frozen=True):
    """Anything else on the walk."""

    unique_id: str
    make: Callable[[], FoundTest | Exposure]


class DbtWalk:
    """The stages of one run's topology."""

    def __init__(self, context: RunContext[DbtArtefacts, DbtMetadata], artefacts: Artefacts) -> None:
        self._service = fqn(context.service)
        self._options = options = context.options
        self._artefacts = artefacts
        self._report = context.report
        self._project = Project(artefacts, context.service)
        self._tags = OwnTags(options.dbt_classification_name, "dbt")
        self._database, self._schema, self._table, self._tag = map(
            _filter,
            (
                options.database_filter_pattern,
                options.schema_filter_pattern,
                options.table_filter_pattern,
                options.tag_filter_pattern,
            ),
        )
        results = artefacts.run_results
        self._results: dict[str, RunResult] = {each.unique_id: each for each in results.results} if results else {}
        self._groups = dict(_groups(artefacts.manifest))
        self._defined: set[str] = set()
        self.origins = ColumnOrigins(self._project, options.parsing_timeout_limit, context.report, context.cancellation)

    def topology(self) -> Node[None, Any]:
        """The tree to walk. The service itself is in the catalogue: its tables are what all this is about."""
        models = Node(
            entity=AddDataModelRequest.entity,
            name=lambda item: item.name.fqn,
            produce=self._models,
            stages=(self.data_model, self.lineage),
            parallel=True,
        )
        tests = Node(
            entity=CreateTestCaseRequest.entity,
            name=lambda item: item.unique_id,
            produce=self._tests,
            stages=(self.data_test,),
        )
        exposures = Node(
            entity="exposure", name=lambda item: item.unique_id, produce=self._exposures, stages=(self.exposure,)
        )
        return Node(
            entity="databaseService",
            name=lambda name: name,
            produce=lambda _nothing: (self._service,),
            stages=(),
            children=(models, tests, exposures),
            expect=lambda _name: {AddDataModelRequest.entity: len(self._project.tables)},
        )

    def _models(self, _service: str) -> Iterator[Item | Filtered]:
        manifest = self._artefacts.manifest
        for unique_id, name in self._project.tables.items():
            raw = manifest.sources[unique_id] if unique_id in manifest.sources else manifest.nodes[unique_id]
            yield Item(unique_id, name, raw) if self._keeps(name) else Filtered(name.fqn)

    def _tests(self, _service: str) -> Iterator[Named]:
        for unique_id, raw in self._artefacts.manifest.nodes.items():
            if unique_id.startswith(TEST):
                yield Named(unique_id, lambda unique_id=unique_id, raw=raw: self._found_test(unique_id, raw))
        for each in self._artefacts.sources.results if self._artefacts.sources else ():
            yield Named(f"{each.unique_id} freshness", lambda each=each: self._freshness(each))

    def _exposures(self, _service: str) -> Iterator[Named]:
        for unique_id, raw in self._artefacts.manifest.exposures.items():
            yield Named(unique_id, lambda unique_id=unique_id, raw=raw: _decoded(raw, Exposure, unique_id))

    def data_model(self, item: Item) -> Iterator[Record]:
        """What the project says of a table, after those of its tags that nothing had before."""
        row = _decoded(item.raw, Relation, item.unique_id)
        columns = row.columns.values()
        tags = self._wanted(several(row.tags))
        of_columns = [self._wanted(_tags_of(column)) for column in columns]
        yield from self._tags.new([*tags, *(tag for each in of_columns for tag in each)])
        yield AddDataModelRequest(
            table=item.name.fqn,
            data_model=self._model(row),
            description=row.description or None,
            owner_names=self._owners(item.unique_id, row),
            tags=(*self._tags.labels(tags), *_own_labels(row)),
            columns=tuple(
                ModelColumn(
                    name=encode_name(column.name),
                    description=column.description or None,
                    tags=self._tags.labels(labels),
                )
                for column, labels in zip(columns, of_columns, strict=True)
            ),
            update_descriptions=self._options.dbt_update_descriptions or self._options.override_metadata,
            update_owners=self._options.dbt_update_owners or self._options.override_metadata,
        )

    def lineage(self, item: Item) -> Iterator[Record]:
        """Edges from what a table is made of; the sink leaves out what the catalogue does not know."""
        row = _decoded(item.raw, Relation, item.unique_id)
        target, columns = item.name.fqn, self.origins.of(item.unique_id, row)
        for origin in self._project.upstream(row.depends_on.nodes):
            if origin != target:
                details = LineageDetails(source=DBT_LINEAGE, columns_lineage=columns.get(origin, ()))
                yield AddLineageRequest.between(("table", origin), ("table", target), details)

    def data_test(self, item: Named) -> Iterator[Record]:
        """A test's definition, its cases and their results."""
        test = cast("FoundTest", item.make())
        tables = self._project.tables
        kept = [each for each in test.nodes if each in tables and self._keeps(tables[each])]
        if not kept:
            filtered = any(each in tables for each in test.nodes)
            why = "filters leave its tables out" if filtered else "it is of no table"
            logger.info("the test %s is left out: %s", item.unique_id, why)
            self._report.counted(CreateTestCaseRequest.entity, "filtered")
        if kept and test.name not in self._defined:
            self._defined.add(test.name)
            yield data_tests.definition(test)
        for each in kept:
            column = None if test.column is None else self._project.column(each, test.column)
            case = data_tests.case(test, tables[each].fqn, column)
            yield case
            if test.result is not None:
                yield AddTestCaseResultRequest(test_case=case.fqn, result=test.result)

    def exposure(self, item: Named) -> Iterator[Record]:
        """Edges to what makes use of tables, if its `meta` says what that is in the catalogue."""
        row = cast("Exposure", item.make())
        kind, target = EXPOSED.get(row.type), (row.config.meta or {}).get(EXPOSED_AS, (row.meta or {}).get(EXPOSED_AS))
        if kind is not None and isinstance(target, str) and target:
            _require_name(target, item.unique_id)
            details = LineageDetails(source=DBT_LINEAGE)
            for origin in self._project.upstream(row.depends_on.nodes):
                yield AddLineageRequest.between(("table", origin), (kind, target), details)

    def _model(self, row: Relation) -> DataModel:
        return DataModel(
            model_type="DBT",
            resource_type=row.resource_type,
            description=row.description or None,
            path=row.original_file_path,
            raw_sql=row.raw_code or None,
            sql=row.compiled_code or None,
            upstream=self._project.upstream(row.depends_on.nodes),
            dbt_source_project=row.package_name or None,
        )

    def _keeps(self, name: TableName) -> bool:
        return self._database.keeps(name.database) and self._schema.keeps(name.schema) and self._table.keeps(name.table)

    def _wanted(self, tags: Iterable[str]) -> list[str]:
        return [tag for tag in tags if self._tag.keeps(tag)] if self._options.include_tags else []

    def _owners(self, unique_id: str, row: Relation) -> tuple[str, ...]:
        """Who the project names, else the owner of the group, else the owner in the warehouse."""
        meta = _meta(row)
        named = _own(meta).get("owner", meta.get("owner"))
        names = [named] if isinstance(named, str) else cast("list[object]", named if isinstance(named, list) else [])
        given = tuple(name for name in names if isinstance(name, str) and name)
        return given or self._groups.get(row.config.group or row.group or "", ()) or self._in_warehouse(unique_id)

    def _in_warehouse(self, unique_id: str) -> tuple[str, ...]:
        known = self._project.in_warehouse(unique_id)
        return (known.metadata.owner,) if known is not None and known.metadata.owner else ()

    def _found_test(self, unique_id: str, raw: msgspec.Raw) -> FoundTest:
        results = self._artefacts.run_results
        generated = results.metadata.generated_at if results else None
        test = _decoded(raw, DataTest, unique_id)
        return data_tests.found_test(test, self._project, self._results.get(unique_id), generated)

    def _freshness(self, found: Freshness) -> FoundTest:
        sources, known = self._artefacts.sources, self._project.tables.get(found.unique_id)
        generated = sources.metadata.generated_at if sources else None
        return data_tests.freshness_test(known.table if known else found.unique_id, found, generated)


def _filter(pattern: FilterPattern) -> Filter:
    return compile_filter(pattern.includes, pattern.excludes)


def _decoded(raw: msgspec.Raw, kind: type[T], unique_id: str) -> T:
    try:
        return decode(raw, kind)
    except msgspec.MsgspecError as error:
        msg = f"what dbt says of {unique_id} cannot be read: {error}"
        raise ConnectorError(msg, "have dbt write its artefacts anew, with dbt Core 1.3 to 1.11") from error


def _require_name(text: str, unique_id: str) -> None:
    try:
        split_fqn(text)
    except ValueError as error:
        msg = f"{EXPOSED_AS} of {unique_id} is none: {error}"
        raise ConnectorError(msg, f"correct meta.{EXPOSED_AS} of the exposure") from error


def _groups(manifest: Manifest) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The owners of groups: by their addresses, else by name."""
    for unique_id, raw in manifest.groups.items():
        group = _decoded(raw, Group, unique_id)
        email: object = group.owner.email
        emails = cast("list[object]", email if isinstance(email, list) else [email])
        given = tuple(each for each in emails if isinstance(each, str) and each)
        yield group.name, given or ((group.owner.name,) if group.owner.name else ())


def _tags_of(column: Column) -> tuple[str, ...]:
    """Of its own and of its config, each once."""
    own, configured = several(column.tags), several(column.config.tags) if column.config else ()
    return tuple(dict.fromkeys((*own, *configured)))


def _meta(row: Relation) -> Meta:
    """What people wrote; older versions of dbt have it at the node itself."""
    return row.config.meta or row.meta or {}


def _own(meta: Meta) -> Meta:
    """Of that, what is meant for the catalogue."""
    own: object = meta.get(OWN_META)
    return cast("Meta", own) if isinstance(own, dict) else {}


def _own_labels(row: Relation) -> Iterator[TagLabel]:
    """The tier and the glossary terms that the project gives a table, which the catalogue has to know."""
    own = _own(_meta(row))
    tier, terms = own.get("tier"), own.get("glossary")
    if isinstance(tier, str) and tier:
        yield TagLabel(tag_fqn=tier)
    for term in cast("list[object]", terms if isinstance(terms, list) else []):
        if isinstance(term, str) and term:
            yield TagLabel(tag_fqn=term, source="Glossary")
