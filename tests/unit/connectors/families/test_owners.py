"""Who owns what: `includeOwners` and `ownerConfig`."""

from collections.abc import Mapping
from typing import Any

import pytest

from connectors.models.base import CreateRequest
from tests.in_memory import MemorySource, memory, routine, schema, table, walk

SERVICE, DATABASE, SCHEMA = "svc", "svc.shop", "svc.shop.sales"
TABLE, ROUTINE = "svc.shop.sales.orders", "svc.shop.sales.sum_up"
ALL = (SERVICE, DATABASE, SCHEMA, TABLE, ROUTINE)
Owned = dict[str, list[str]]


def owned(owner: str | None = None) -> MemorySource:
    """A source in which `owner` owns everything below the service."""
    contained = (table("orders", owner=owner), routine("sum_up", owner=owner))
    return memory(schema("sales", *contained, owner=owner), owner=owner)


def owners(source: MemorySource, config: Mapping[str, Any] | None, **options: object) -> Owned:
    """Who owns what after a run; teams are told apart by their type."""
    chosen = {"includeOwners": True, "ownerConfig": config, **options}
    found: Owned = {}
    for record in walk(source, chosen).sink.only(CreateRequest):
        references = getattr(record, "owners", ())
        found[record.fqn] = [f"{owner.type}:{owner.name}" for owner in references]
    return found


def everybody(owner: str, *left_out: str) -> Owned:
    return {name: [] if name in left_out else [owner] for name in ALL}


def test_nobody_owns_anything_unless_asked_for() -> None:
    assert owners(owned("anna"), {"default": "bob"}, includeOwners=False) == {name: [] for name in ALL}
    assert owners(owned("anna"), None, includeOwners=None) == {name: [] for name in ALL}


def test_owners_of_the_source() -> None:
    assert owners(owned("anna"), None) == everybody("user:anna", SERVICE)
    assert owners(owned(), None) == {name: [] for name in ALL}


@pytest.mark.parametrize(("written", "owner"), [("bob", "user:bob"), ("team:data", "team:data")])
def test_the_default(written: str, owner: str) -> None:
    assert owners(owned(), {"default": written}) == everybody(owner)
    assert owners(owned(), {"default": written, "enableInheritance": False}) == everybody(owner)


def test_an_owner_in_the_source_comes_before_the_default() -> None:
    assert owners(owned("anna"), {"default": "bob"}) == everybody("user:anna") | {SERVICE: ["user:bob"]}


LEVELS: list[tuple[dict[str, Any], Owned]] = [
    ({"service": "bob"}, everybody("user:bob")),
    ({"database": "bob"}, everybody("user:bob", SERVICE)),
    ({"database": {"shop": "bob"}}, everybody("user:bob", SERVICE)),
    ({"database": {"other": "bob"}}, everybody("nobody", *ALL)),
    ({"databaseSchema": "bob"}, everybody("user:bob", SERVICE, DATABASE)),
    ({"databaseSchema": {"shop.sales": "bob"}}, everybody("user:bob", SERVICE, DATABASE)),
    ({"databaseSchema": {"sales": "bob"}}, everybody("user:bob", SERVICE, DATABASE)),
    ({"table": "bob"}, everybody("user:bob", SERVICE, DATABASE, SCHEMA, ROUTINE)),
    ({"table": {"shop.sales.orders": "bob"}}, everybody("user:bob", SERVICE, DATABASE, SCHEMA, ROUTINE)),
    ({"table": {"orders": "bob"}}, everybody("user:bob", SERVICE, DATABASE, SCHEMA, ROUTINE)),
    ({"table": {"sales.orders": "bob"}}, everybody("nobody", *ALL)),
    ({"default": "eve", "database": {"shop": "bob"}}, everybody("user:bob") | {SERVICE: ["user:eve"]}),
]


@pytest.mark.parametrize(("config", "expected"), LEVELS)
def test_owners_are_handed_down(config: Mapping[str, Any], expected: Owned) -> None:
    assert owners(owned(), config) == expected


def test_what_is_said_of_an_entity_comes_before_what_it_inherits() -> None:
    config = {"database": "bob", "databaseSchema": {"sales": "eve"}, "table": {"orders": ["anna", "carl"]}}
    assert owners(owned(), config) == {
        SERVICE: [],
        DATABASE: ["user:bob"],
        SCHEMA: ["user:eve"],
        TABLE: ["user:anna", "user:carl"],
        ROUTINE: ["user:eve"],
    }


def test_without_inheritance_the_default_is_next() -> None:
    config = {"default": "eve", "database": {"shop": "bob"}, "enableInheritance": False}
    assert owners(owned(), config) == everybody("user:eve") | {DATABASE: ["user:bob"]}
    assert owners(owned(), {"database": "bob", "enableInheritance": False}) == everybody("nobody", *ALL) | {
        DATABASE: ["user:bob"]
    }


def test_an_owner_in_the_source_comes_before_an_inherited_one() -> None:
    source = memory(schema("sales", table("orders", owner="anna"), routine("sum_up")))
    assert owners(source, {"database": "bob"}) == everybody("user:bob", SERVICE) | {TABLE: ["user:anna"]}


def test_what_is_said_of_a_level_comes_before_the_source() -> None:
    assert owners(owned("anna"), {"table": "bob"})[TABLE] == ["user:bob"]
    assert owners(owned("anna"), {"table": {"orders": "bob"}})[TABLE] == ["user:bob"]
    assert owners(owned("anna"), {"table": {"other": "bob"}})[TABLE] == ["user:anna"]


def test_an_entity_may_be_said_to_have_no_owner() -> None:
    config: dict[str, object] = {"default": "eve", "table": {"orders": []}}
    assert owners(owned("anna"), config)[TABLE] == []


def test_the_path_comes_before_the_name() -> None:
    config = {"table": {"orders": "name", "shop.sales.orders": "path"}}
    assert owners(owned(), config)[TABLE] == ["user:path"]


def test_the_parts_of_a_path_are_quoted_where_they_hold_a_dot() -> None:
    source = memory(schema("a.b", table("c.d")))
    assert owners(source, {"table": {'shop."a.b"."c.d"': "bob"}})['svc.shop."a.b"."c.d"'] == ["user:bob"]
    assert owners(source, {"table": {"c.d": "eve"}})['svc.shop."a.b"."c.d"'] == ["user:eve"]


def test_several_owners_of_one_level_keep_their_order() -> None:
    config = {"databaseSchema": {"sales": ["team:data", "bob"]}}
    assert owners(owned(), config)[SCHEMA] == ["team:data", "user:bob"]


@pytest.mark.parametrize("threads", [1, 4])
def test_both_flows_hand_down_the_same(threads: int) -> None:
    config = {"default": "eve", "databaseSchema": {"sales": "bob"}}
    assert owners(owned(), config, threads=threads) == everybody("user:bob") | {
        SERVICE: ["user:eve"],
        DATABASE: ["user:eve"],
    }
