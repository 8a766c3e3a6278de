"""The typed tree that a family of connectors walks: pure data over real functions."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from connectors.models.records import Record

ParentT = TypeVar("ParentT")
ItemT = TypeVar("ItemT")


class Filtered(msgspec.Struct, frozen=True):
    """Yielded by a producer in place of an item that the user's filters leave out, or that is as it was."""

    name: str
    unchanged: bool = False


class Node(msgspec.Struct, Generic[ParentT, ItemT], frozen=True):
    """One level of a topology, holding items of the type `entity`, each with a fully qualified `name`.

    `produce` lists the items below a parent, `stages` make the records of one item, in order, then the
    `children` are walked. `finish` makes the last records of a parent once its items are exhausted; it is
    told whether the listing and everything below it succeeded. A `parallel` node's items may be walked by
    several threads. `expect` tells, for an item, how many items of each type lie below it.
    Items of a `scope` node are what a later attempt may skip as a whole once they were delivered.
    The records of a `held` node with children wait until a listing below has given something or come to its end.
    `ahead` tells, for a parent, whether the first listing below an item may be begun, in another thread, while the item
    before it is walked: the standard flow does so.
    """

    entity: str
    name: Callable[[ItemT], str]
    produce: Callable[[ParentT], Iterable[ItemT | Filtered]]
    stages: tuple[Callable[[ItemT], Iterable[Record]], ...]
    children: tuple["Node[ItemT, Any]", ...] = ()
    parallel: bool = False
    finish: Callable[[ParentT, bool], Iterable[Record]] | None = None
    expect: Callable[[ItemT], Mapping[str, int]] | None = None
    scope: bool = False
    held: bool = False
    ahead: Callable[[ParentT], bool] | None = None
