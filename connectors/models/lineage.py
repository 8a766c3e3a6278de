"""Lineage: edges between entities, each named as the catalogue names it."""

from typing import ClassVar, Literal

from connectors.models.base import EntityReference, Request, Wire

LineageSource = Literal[
    "Manual",
    "ViewLineage",
    "QueryLineage",
    "PipelineLineage",
    "DashboardLineage",
    "DbtLineage",
    "SparkLineage",
    "OpenLineage",
    "ExternalTableLineage",
    "CrossDatabaseLineage",
    "ChildAssets",
]


class ColumnLineage(Wire, frozen=True, kw_only=True):
    """The column `to_column` is made of `from_columns`, by fully qualified names."""

    from_columns: tuple[str, ...]
    to_column: str
    function: str | None = None


class LineageDetails(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """How data gets from one entity to another; `pipeline` is what moves it, by its fully qualified name."""

    source: LineageSource
    description: str | None = None
    sql_query: str | None = None
    columns_lineage: tuple[ColumnLineage, ...] = ()
    pipeline: EntityReference | None = None


class EntitiesEdge(Wire, frozen=True, kw_only=True):
    """From one entity to another, by type and fully qualified name."""

    from_entity: EntityReference
    to_entity: EntityReference
    lineage_details: LineageDetails


class AddLineageRequest(Request, frozen=True, kw_only=True):
    """One edge. It is sent after all entities; where the catalogue lacks an end of it, it is left out."""

    entity: ClassVar[str] = "lineage"
    collection: ClassVar[str] = "lineage"
    rank: ClassVar[int] = 100
    bulk: ClassVar[bool] = False
    hashed: ClassVar[bool] = False
    leaf: ClassVar[bool] = True
    joins: ClassVar[bool] = True

    edge: EntitiesEdge

    @classmethod
    def between(cls, origin: tuple[str, str], target: tuple[str, str], details: LineageDetails) -> "AddLineageRequest":
        """The edge from one entity to another, each a type and a fully qualified name."""
        ends = [EntityReference(type=kind, fully_qualified_name=name) for kind, name in (origin, target)]
        return cls(edge=EntitiesEdge(from_entity=ends[0], to_entity=ends[1], lineage_details=details))

    @property
    def fqn(self) -> str:
        """The entity that it leads to."""
        return self.edge.to_entity.fully_qualified_name or ""
