"""What Superset's API answers: only what is read of it."""

from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")
MADE_BY_PEOPLE = 1


class Token(msgspec.Struct):
    """Of a session."""

    access_token: str

    def __repr__(self) -> str:
        return "Token()"


class Person(msgspec.Struct):
    """An owner; data sets name theirs without the address."""

    id: int
    email: str | None = None


class Tag(msgspec.Struct):
    """A tag; those that nobody made are Superset's own notes."""

    name: str
    type: int = MADE_BY_PEOPLE


class Named(msgspec.Struct):
    """What is pointed at."""

    id: int


class Dashboard(msgspec.Struct):
    """A dashboard, as it is listed."""

    id: int
    dashboard_title: str | None = None
    url: str | None = None
    published: bool | None = None
    owners: list[Person] = []
    tags: list[Tag] = []


class Chart(msgspec.Struct):
    """A chart, with the dashboards that it is on."""

    id: int
    slice_name: str | None = None
    viz_type: str | None = None
    description: str | None = None
    url: str | None = None
    datasource_id: int | None = None
    datasource_type: str | None = None
    owners: list[Person] = []
    tags: list[Tag] = []
    dashboards: list[Named] = []


class DataSet(msgspec.Struct):
    """A data set, as it is listed; with `sql` it is a query, else a table."""

    id: int
    table_name: str
    catalog: str | None = None
    schema: str | None = None
    sql: str | None = None
    description: str | None = None
    explore_url: str | None = None
    database: Named | None = None
    owners: list[Person] = []


class TableColumn(msgspec.Struct):
    """A column."""

    column_name: str
    type: str | None = None
    description: str | None = None


class DataSetDetails(msgspec.Struct):
    """What only one data set by itself tells."""

    columns: list[TableColumn] = []


class Connection(msgspec.Struct):
    """How Superset reaches a database, without its password."""

    sqlalchemy_uri: str | None = None


class Owner(msgspec.Struct):
    """A user who may own something."""

    value: int
    extra: dict[str, Any] = {}


class Listed(msgspec.Struct, Generic[T]):
    """A page; `count` is of all pages."""

    count: int
    result: list[T] = []


class One(msgspec.Struct, Generic[T]):
    """One by itself."""

    result: T
