"""What a transformation tool knows of a table that is in the catalogue already."""

from typing import ClassVar, Literal

from connectors.models.base import Request, TagLabel, Wire


class ModelColumn(Wire, frozen=True, kw_only=True):
    """What is said of one column, by its name; the name of a field of a struct has those above it before dots."""

    name: str
    description: str | None = None
    tags: tuple[TagLabel, ...] = ()


class DataModel(Wire, frozen=True, kw_only=True):
    """How a table is made; `upstream` are the fully qualified names of the tables that it is made of.

    The sink adds the columns, with the types that the catalogue has of them.
    """

    model_type: Literal["DBT", "DDL"]
    resource_type: str | None = None
    description: str | None = None
    path: str | None = None
    raw_sql: str | None = None
    sql: str | None = None
    upstream: tuple[str, ...] = ()
    dbt_source_project: str | None = None


class AddDataModelRequest(Request, frozen=True, kw_only=True):
    """A data model for a table, and what it says of that; where the catalogue lacks the table, it is left out.

    Tags are added to those that are there. A description and owners are put where there are none, or with
    `update_descriptions` and `update_owners` in place of others. `owner_names` are users, teams, or e-mail addresses.
    """

    entity: ClassVar[str] = "dataModel"
    collection: ClassVar[str] = "tables/dataModel"
    rank: ClassVar[int] = 100
    bulk: ClassVar[bool] = False
    hashed: ClassVar[bool] = False
    leaf: ClassVar[bool] = True
    joins: ClassVar[bool] = True

    table: str
    data_model: DataModel
    description: str | None = None
    owner_names: tuple[str, ...] = ()
    tags: tuple[TagLabel, ...] = ()
    columns: tuple[ModelColumn, ...] = ()
    update_descriptions: bool = False
    update_owners: bool = False

    @property
    def fqn(self) -> str:
        """The table."""
        return self.table
