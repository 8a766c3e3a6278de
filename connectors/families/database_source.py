"""What a connector of databases answers, and in which words."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from connectors.errors import ConnectorError
from connectors.models.database import (
    Column,
    LifeCycle,
    StoredProcedureCode,
    TableConstraint,
    TablePartition,
    TableType,
)


class ListedInPart(ConnectorError):
    """Raised at the end of `DatabaseSource.tables`, which left some out by its own limits: a warning of the run."""


class Database(msgspec.Struct, frozen=True):
    """A database as its system describes it; one that is `closed` exists, and cannot be looked into.

    Of one that is read `in_part`, not all schemas are listed: none is ever deleted there. Nor where `schemas_need`
    is a right that the user lacks to see them all, written as the statement that gives it.
    """

    name: str
    description: str | None = None
    owner: str | None = None
    closed: bool = False
    in_part: bool = False
    schemas_need: str | None = None


class Schema(msgspec.Struct, frozen=True):
    """A schema as its system describes it. Of one that is read `in_part`, not all tables are listed: none is deleted.

    `tables_need` and `routines_need` are rights that the user lacks to see all of them, written as the statements that
    give them: none is deleted then.
    """

    name: str
    description: str | None = None
    owner: str | None = None
    tables_need: str | None = None
    routines_need: str | None = None
    in_part: bool = False


class ForeignKey(msgspec.Struct, frozen=True):
    """`columns` of one table refer to `referred_columns` of another, in order; names as the system has them."""

    columns: tuple[str, ...]
    referred_database: str
    referred_schema: str
    referred_table: str
    referred_columns: tuple[str, ...]
    unique: bool = False


class Table(msgspec.Struct, frozen=True):
    """A table or view. `columns` and `constraints` hold encoded names; `definition` is a view's own text.

    `described` asks for the rest where that takes questions of its own, once the filters have kept the table; what it
    raises is the failure of this table alone. One that is `unchanged` since an incremental run's beginning needs no
    more than its name and its type; so does one that an option of the connection has `left_out`, which is there and
    not gone. Of one that is `only_there` nothing else is told, and `counts` leaves it out. `new_tags` are those that it
    or its columns carry and that `tags` of the source does not tell of.
    """

    name: str
    type: TableType
    columns: tuple[Column, ...]
    constraints: tuple[TableConstraint, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    partition: TablePartition | None = None
    definition: str | None = None
    ddl: Callable[[], str] | None = None
    described: "Callable[[], Table] | None" = None
    description: str | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()
    new_tags: "tuple[Tag, ...]" = ()
    location: str | None = None
    life_cycle: LifeCycle | None = None
    unchanged: bool = False
    left_out: bool = False
    only_there: bool = False


def unread(name: str, problem: ConnectorError) -> Table:
    """A table that is there, and of which no more can be told: `problem` is its own failure and no other's."""

    def described() -> Table:
        raise problem

    return Table(name, TableType.REGULAR, (), described=described)


class Routine(msgspec.Struct, frozen=True):
    """A function or procedure; `name` is unique within its schema and kept as it is."""

    name: str
    code: StoredProcedureCode
    is_function: bool
    display_name: str | None = None
    description: str | None = None
    owner: str | None = None


class Tag(msgspec.Struct, frozen=True):
    """A tag that tables of a database carry."""

    classification: str
    classification_description: str
    name: str
    description: str


class DatabaseSource(Protocol):
    """What a connector of databases answers; every listing is ordered and streamed.

    Called from as many threads as the run has, at the same time for different schemas.
    """

    @property
    def lists_all_databases(self) -> bool:
        """Whether `databases` gives every one there is, so that others are gone; if not, none is ever deleted.

        It is not so where the definition names the database: another one may name it otherwise in the same service.
        """
        ...

    def databases(self) -> Iterable[Database]:
        """Every database the definition speaks of."""
        ...

    def counts(self, database: str, /) -> Mapping[str, Mapping[str, int]]:
        """How many items of each entity type lie below each schema of `database`; may be an estimate."""
        ...

    def tags(self, database: str, /) -> Iterable[Tag]:
        """The tags that tables of `database` carry, each once."""
        ...

    def schemas(self, database: str, /) -> Iterable[Schema]:
        """The schemas of `database`."""
        ...

    def tables(self, database: str, schema: str, /) -> Iterable[Table]:
        """The tables and views of one schema.

        Raises:
            ListedInPart: At the end; nothing of the schema counts as gone.
        """
        ...

    def routines(self, database: str, schema: str, /) -> Iterable[Routine]:
        """The functions and procedures of one schema."""
        ...
