"""Systems whose entities lie directly in their service: the topology service > items, for any family.

A family says what it lists and what becomes of a row; the service's own record, filters, counting, names and deletions
are decided here, once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from connectors.connector import RunContext
from connectors.families.patterns import EntityFilter
from connectors.models.base import CreateRequest
from connectors.models.names import encode_name, fqn
from connectors.models.records import DeletionScope, Record
from connectors.models.services import CreateServiceRequest
from connectors.topology import Filtered, Node

RowT = TypeVar("RowT")


class Item(msgspec.Struct, Generic[RowT], frozen=True):
    """A row on the walk; `service` is the service's fully qualified name, `fqn` the item's own."""

    service: str
    fqn: str
    row: RowT


class Listing(msgspec.Struct, Generic[RowT]):
    """One kind of entity that lies in a service.

    `rows` lists them all, `name` gives a row's own name, `stages` make its records. `kept` decides about a row where
    more than its name counts. `marks_deleted` says whether those that are gone are deleted, `count` how many there are,
    where the source can tell. `children` are walked below each, `expect` tells how many there are; `nested` says that
    they are of the same kind, and put their names into `seen` as well; `parallel` is off where threads share them.
    `takes` tells of a fully qualified name whether this listing would have had it: nothing else is deleted.
    """

    request: type[CreateRequest]
    rows: Callable[[], Iterable[RowT]]
    name: Callable[[RowT], str]
    stages: tuple[Callable[[Item[RowT]], Iterable[Record]], ...]
    keeps: EntityFilter
    marks_deleted: bool
    count: Callable[[], int] | None = None
    kept: Callable[[RowT], bool] | None = None
    children: tuple[Node[Item[RowT], Any], ...] = ()
    nested: bool = False
    parallel: bool = True
    expect: Callable[[Item[RowT]], Mapping[str, int]] | None = None
    takes: Callable[[str], bool] | None = None
    seen: list[str] = msgspec.field(default_factory=list[str])

    def node(self, service: type[CreateServiceRequest]) -> Node[str, Item[RowT]]:
        """The listing as a part of a topology, below the fully qualified name of a service."""

        def gone(name: str, complete: bool) -> Iterator[Record]:
            """What to delete: only when everything was listed, and all of it handed over."""
            if self.marks_deleted and complete:
                kind = self.request
                yield DeletionScope(
                    fqn=name,
                    scope_entity=service.entity,
                    entity=kind.entity,
                    collection=kind.collection,
                    seen=tuple(self.seen),
                    nested=self.nested,
                    holds=not kind.leaf,
                    takes=self.takes,
                )

        return Node(
            entity=self.request.entity,
            name=lambda item: item.fqn,
            produce=self._produced,
            stages=self.stages,
            children=self.children,
            finish=gone,
            expect=self.expect,
            parallel=self.parallel,
        )

    def _produced(self, service: str) -> Iterator[Item[RowT] | Filtered]:
        self.seen.clear()
        for row in self.rows():
            name = self.name(row)
            own = self.request.named(service, encode_name(name))
            self.seen.append(own)
            kept = self.keeps.keeps(name, own) if self.kept is None else self.kept(row)
            yield Item(service, own, row) if kept else Filtered(own)


def service_topology(
    context: RunContext[Any, Any], request: type[CreateServiceRequest], listings: tuple[Listing[Any], ...]
) -> Node[None, str]:
    """The tree of one run: its service, and below it every listing."""

    def produce(_nothing: None) -> Iterable[str]:
        return (fqn(context.service),)

    def service(_name: str) -> Iterable[Record]:
        yield service_request(context, request)

    def expect(_name: str) -> Mapping[str, int]:
        return {listing.request.entity: listing.count() for listing in listings if listing.count is not None}

    return Node(
        entity=request.entity,
        name=lambda name: name,
        produce=produce,
        stages=(service,),
        children=tuple(listing.node(request) for listing in listings),
        expect=expect,
    )


def service_request(context: RunContext[Any, Any], request: type[CreateServiceRequest]) -> CreateServiceRequest:
    """The record of a run's service."""
    stored = context.stored_connection
    return request(
        name=context.service,
        service_type=context.service_type,
        connection=None if stored is None else {"config": stored},
    )
