"""What the APIs of Elasticsearch and OpenSearch answer: only what is read of it."""

from typing import Any

import msgspec


class Field(msgspec.Struct):
    """A field of a mapping: `properties` lie in it, `fields` are other ways in which it is indexed.

    `path` is what an alias stands for. Objects have no `type`.
    """

    type: str = ""
    properties: dict[str, "Field"] = {}
    fields: dict[str, "Field"] = {}
    path: Any = None


class Mapping(msgspec.Struct):
    """The fields of an index; those of `runtime` (`derived` in OpenSearch) are made when it is searched."""

    properties: dict[str, Field] = {}
    runtime: dict[str, Field] = {}
    derived: dict[str, Field] = {}
    meta: dict[str, Any] = msgspec.field(default_factory=dict[str, Any], name="_meta")


class Index(msgspec.Struct):
    """An index by its own name, or what a template gives to one."""

    mappings: Mapping = msgspec.field(default_factory=Mapping)
    settings: dict[str, Any] = {}
    aliases: dict[str, Any] = {}


class ResolvedIndex(msgspec.Struct):
    """An index in the listing of names; `data_stream` is that which it holds a part of."""

    name: str
    attributes: list[str] = []
    data_stream: str | None = None


class ResolvedStream(msgspec.Struct):
    """A data stream and its indexes, the one that is written to last."""

    name: str
    backing_indices: list[str]
    timestamp_field: str = ""


class Resolved(msgspec.Struct):
    """The listing of names. An answer without both of these is none: nothing would be taken for gone."""

    indices: list[ResolvedIndex]
    data_streams: list[ResolvedStream]


class IndexTemplate(msgspec.Struct):
    """What new indexes with such names get: from components, in this order, then from `template`."""

    index_patterns: list[str]
    composed_of: list[str] = []
    template: Index = msgspec.field(default_factory=Index)
    priority: int | None = None
    data_stream: dict[str, Any] | None = None
    meta: dict[str, Any] = msgspec.field(default_factory=dict[str, Any], name="_meta")


class NamedTemplate(msgspec.Struct):
    """With its name."""

    name: str
    index_template: IndexTemplate


class IndexTemplates(msgspec.Struct):
    """All of them."""

    index_templates: list[NamedTemplate]


class Component(msgspec.Struct):
    """A part that templates share."""

    template: Index = msgspec.field(default_factory=Index)


class NamedComponent(msgspec.Struct):
    """With its name."""

    name: str
    component_template: Component


class Components(msgspec.Struct):
    """All of them."""

    component_templates: list[NamedComponent]


class LegacyTemplate(Index):
    """A template of the older kind."""

    index_patterns: list[str] = []
    order: int = 0


class Version(msgspec.Struct):
    """Which release answers; Elasticsearch has no `distribution`."""

    number: str
    distribution: str = "elasticsearch"


class Info(msgspec.Struct):
    """What the cluster tells of itself."""

    version: Version
    cluster_name: str = ""
