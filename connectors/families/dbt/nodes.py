"""The nodes of a manifest and of a catalogue, as far as they are read. What people may write freely stays `Any`."""

from typing import Any

import msgspec

Meta = dict[str, Any]


class DependsOn(msgspec.Struct, frozen=True):
    """The nodes that one is made of, by their ids."""

    nodes: tuple[str, ...] = ()


class ColumnConfig(msgspec.Struct, frozen=True):
    """Where dbt from 1.10 on keeps what is said of a column."""

    tags: tuple[str, ...] | str | None = None


class Column(msgspec.Struct, frozen=True):
    """What is said of a column."""

    name: str
    description: str | None = None
    tags: tuple[str, ...] | str | None = None
    config: ColumnConfig | None = None


class Config(msgspec.Struct, frozen=True):
    """How a node is built."""

    materialized: str | None = None
    meta: Meta | None = None
    group: str | None = None


class Place(msgspec.Struct, frozen=True):
    """What tells where the table of a node is: all that is read of each node at first.

    `identifier` is of sources, `alias` of others, `relation_name` is how dbt writes it in SQL.
    """

    resource_type: str
    name: str
    package_name: str = ""
    alias: str | None = None
    identifier: str | None = None
    database: str | None = None
    schema: str | None = None
    relation_name: str | None = None
    source_name: str | None = None
    config: Config = Config()
    depends_on: DependsOn = DependsOn()


class Relation(msgspec.Struct, frozen=True):
    """A model, seed, snapshot or source; the code is that of models, in SQL unless `language` says otherwise."""

    resource_type: str
    language: str | None = None
    package_name: str = ""
    original_file_path: str | None = None
    raw_code: str | None = None
    compiled_code: str | None = None
    description: str | None = None
    columns: dict[str, Column] = {}
    tags: tuple[str, ...] | str | None = None
    meta: Meta | None = None
    group: str | None = None
    config: Config = Config()
    depends_on: DependsOn = DependsOn()


class GenericTest(msgspec.Struct, frozen=True):
    """Of a generic test: what it was made with."""

    name: str
    kwargs: dict[str, Any] = {}


class DataTest(msgspec.Struct, frozen=True):
    """A test of data; a generic one is attached to one node."""

    name: str
    description: str | None = None
    column_name: str | None = None
    attached_node: str | None = None
    test_metadata: GenericTest | None = None
    depends_on: DependsOn = DependsOn()


class Exposure(msgspec.Struct, frozen=True):
    """What makes use of nodes, outside of dbt."""

    name: str
    type: str
    label: str | None = None
    description: str | None = None
    meta: Meta | None = None
    config: Config = Config()
    depends_on: DependsOn = DependsOn()


class GroupOwner(msgspec.Struct, frozen=True):
    """Who to ask about a group."""

    name: str | None = None
    email: Any = None


class Group(msgspec.Struct, frozen=True):
    """Models that belong together."""

    name: str
    owner: GroupOwner = GroupOwner()


class TableMetadata(msgspec.Struct, frozen=True):
    """Of a catalogue: a table as the warehouse names it."""

    name: str
    schema: str | None = None
    database: str | None = None
    owner: str | None = None


class CatalogTable(msgspec.Struct, frozen=True):
    """Of a catalogue: one table."""

    metadata: TableMetadata
    columns: dict[str, msgspec.Raw] = {}


def several(value: tuple[str, ...] | str | None) -> tuple[str, ...]:
    """Dbt takes one text for a list of one."""
    return (value,) if isinstance(value, str) else value or ()
