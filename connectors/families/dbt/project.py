"""A project: where the tables of its nodes are, and what they are made of through nodes that have none."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from connectors.decoding import decode
from connectors.errors import FatalError
from connectors.families.dbt.artefacts import Artefacts, Manifest
from connectors.families.dbt.nodes import CatalogTable, Place
from connectors.models.names import encode_name, fqn

WITH_TABLES = frozenset({"model", "seed", "snapshot", "source"})
EPHEMERAL = "ephemeral"
# What OpenMetadata calls the database of systems whose schemas lie in none.
NO_DATABASE = "default"
FOLDING = frozenset({"snowflake"})


class TableName(msgspec.Struct, frozen=True):
    """A table as the catalogue has it: its fully qualified name, and the parts of that."""

    fqn: str
    database: str
    schema: str
    table: str


class Project:
    """Where everything is; small beside the manifest. Unchangeable, so that threads share it."""

    def __init__(self, artefacts: Artefacts, service: str) -> None:
        self.artefacts = artefacts
        self._service = service
        self._tables: dict[str, TableName] = {}
        self._without: dict[str, tuple[str, ...]] = {}
        self._references: dict[tuple[str, ...], list[str]] = {}
        self._folds = artefacts.manifest.metadata.adapter_type in FOLDING
        for unique_id, place in _places(artefacts.manifest):
            self._note(unique_id, place)

    @property
    def tables(self) -> Mapping[str, TableName]:
        """By the ids of their nodes, in the manifest's order."""
        return self._tables

    def upstream(self, unique_ids: Iterable[str]) -> tuple[str, ...]:
        """The fully qualified names of the tables behind these nodes."""
        return tuple(dict.fromkeys(self._tables[each].fqn for each in self.behind(unique_ids)))

    def behind(self, unique_ids: Iterable[str]) -> tuple[str, ...]:
        """The nodes with a table behind these nodes; those without one are seen through."""
        found: list[str] = []
        seen: set[str] = set()
        waiting = list(reversed(tuple(unique_ids)))
        while waiting:
            each = waiting.pop()
            if each in seen:
                continue
            seen.add(each)
            if each in self._tables:
                found.append(each)
            else:
                waiting.extend(reversed(self._without.get(each, ())))
        return tuple(found)

    def written(self, unique_id: str) -> str | None:
        """How dbt writes the table of a node in SQL."""
        manifest = self.artefacts.manifest
        raw = manifest.nodes.get(unique_id) or manifest.sources[unique_id]
        return decode(raw, Place).relation_name

    def referred(self, *names: str) -> list[str]:
        """The ids of the nodes that `ref('name')`, `ref('package', 'name')` or `source('name', 'table')` may mean."""
        return self._references.get(names, [])

    def in_warehouse(self, unique_id: str) -> CatalogTable | None:
        """What the warehouse said of the table of a node, where dbt has asked it; None also for what cannot be read."""
        catalog = self.artefacts.catalog
        raw = None if catalog is None else catalog.nodes.get(unique_id) or catalog.sources.get(unique_id)
        try:
            return None if raw is None else decode(raw, CatalogTable)
        except msgspec.MsgspecError:
            return None

    def column(self, unique_id: str, name: str) -> str:
        """A column as the warehouse writes its name, where that is known."""
        known = self.in_warehouse(unique_id)
        for column in known.columns if known else ():
            if column.casefold() == name.casefold():
                return column
        return name.upper() if self._folds else name

    def _note(self, unique_id: str, place: Place) -> None:
        own = (place.source_name or "", place.name) if place.resource_type == "source" else (place.name,)
        self._references.setdefault(own, []).append(unique_id)
        self._references.setdefault((place.package_name, place.name), []).append(unique_id)
        if place.config.materialized == EPHEMERAL:
            self._without[unique_id] = place.depends_on.nodes
        else:
            self._tables[unique_id] = self._named(unique_id, place)

    def _named(self, unique_id: str, place: Place) -> TableName:
        if (found := self.in_warehouse(unique_id)) is not None:
            known = found.metadata
            parts = (known.database or place.database or NO_DATABASE, known.schema or place.schema or "", known.name)
        else:
            table = place.identifier or place.alias or place.name
            parts = (place.database or NO_DATABASE, place.schema or "", table)
            if self._folds and '"' not in (place.relation_name or ""):
                parts = (parts[0].upper(), parts[1].upper(), parts[2].upper())
        return TableName(fqn(*map(encode_name, (self._service, *parts))), *parts)


def _places(manifest: Manifest) -> Iterator[tuple[str, Place]]:
    for nodes in (manifest.nodes, manifest.sources):
        for unique_id, raw in nodes.items():
            if unique_id.partition(".")[0] not in WITH_TABLES:
                continue
            try:
                place = decode(raw, Place)
            except msgspec.MsgspecError as error:
                msg = f"the node {unique_id} of the manifest cannot be read: {error}"
                raise FatalError(msg, "have dbt write the manifest anew") from error
            yield unique_id, place
