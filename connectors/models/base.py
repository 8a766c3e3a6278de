"""The shape that all create requests share.

Records are msgspec structs: 22,000 columns cost 0.05 s to build and encode, where validating
models would cost a second; they are made by our own mappers, so there is no input to validate.
"""

from typing import ClassVar, Literal

import msgspec

from connectors.models.names import quote_name


class Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel", gc=False):
    """Anything that goes over the wire: camelCase, fields at their default left out."""


class EntityReference(Wire, frozen=True, kw_only=True):
    """Points at an entity by a name; the sink puts in the `id` that the server knows it by."""

    type: str
    name: str | None = None
    fully_qualified_name: str | None = None
    id: str | None = None


class TagLabel(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """A tag attached to an entity or a column."""

    tag_fqn: str = msgspec.field(name="tagFQN")
    source: Literal["Classification", "Glossary"] = "Classification"
    label_type: Literal["Automated", "Manual", "Derived", "Propagated", "Generated"] = "Automated"
    state: Literal["Suggested", "Confirmed"] = "Suggested"


class Request(Wire, frozen=True, kw_only=True):
    """What the server is asked to store.

    `entity` is its type, `collection` its path below /api/v1, `rank` orders what is stored first, `bulk` says whether
    the collection takes many at once, `hashed` whether it has a sourceHash, `leaf` that no entity lies in it, `joins`
    that it joins entities which the server may not have, `nests` that entities of the collection lie in one another, by
    `parent` in the request: then the rank is that of the outermost. `listed_by` is the query parameter that lists the
    collection by the parent, or by the service where entities lie in one another; empty for none.
    """

    entity: ClassVar[str]
    collection: ClassVar[str]
    rank: ClassVar[int]
    bulk: ClassVar[bool] = True
    hashed: ClassVar[bool] = True
    leaf: ClassVar[bool] = False
    joins: ClassVar[bool] = False
    nests: ClassVar[bool] = False
    listed_by: ClassVar[str] = ""

    @property
    def fqn(self) -> str:
        """The fully qualified name of the entity that it is about."""
        raise NotImplementedError


class CreateRequest(Request, frozen=True, kw_only=True):
    """A create-or-update request for one entity; parents have a lower `rank` than their children.

    `below` is a word that stands in fully qualified names between the parent's and its own; empty for none.
    """

    below: ClassVar[str] = ""

    name: str
    display_name: str | None = None
    description: str | None = None

    @property
    def parent(self) -> str:
        """The fully qualified name of the entity this one lies in; empty at the top."""
        return ""

    @property
    def fqn(self) -> str:
        """The entity's own fully qualified name."""
        return self.named(self.parent, self.name)

    @classmethod
    def named(cls, parent: str, name: str) -> str:
        """The fully qualified name of one that lies in `parent`."""
        own = f"{cls.below}.{quote_name(name)}" if cls.below else quote_name(name)
        return f"{parent}.{own}" if parent else own
