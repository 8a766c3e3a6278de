"""Where tables of a dbt project are, and what they are made of, in any graph."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.dbt.artefacts import Artefacts, Manifest
from connectors.families.dbt.project import Project
from connectors.models.names import split_fqn
from tests.dbt_artefacts import model

NUMBERS = st.integers(0, 7)
# For each node: whether it is ephemeral, and the nodes that it is made of, which may lie in circles or not be there.
GRAPHS = st.lists(st.tuples(st.booleans(), st.lists(NUMBERS, max_size=4)), max_size=8)
NAMES = st.text(min_size=1, max_size=20)


def project(nodes: dict[str, object]) -> Project:
    """A project of these nodes."""
    raw = msgspec.json.encode({"nodes": nodes})
    return Project(Artefacts(msgspec.json.decode(raw, type=Manifest), None, None, None), "svc")


def behind(graph: list[tuple[bool, list[int]]], start: list[int]) -> set[int]:
    """The numbers of the tables that are reached without passing through another: by widening until nothing is new."""
    reached = set(start)
    while True:
        through = {number for number in reached if number < len(graph) and graph[number][0]}
        wider = reached | {each for number in through for each in graph[number][1]}
        if wider == reached:
            return {number for number in reached if number < len(graph) and not graph[number][0]}
        reached = wider


@given(GRAPHS, st.lists(NUMBERS, max_size=4))
def test_what_has_no_table_is_looked_through(graph: list[tuple[bool, list[int]]], start: list[int]) -> None:
    nodes: dict[str, object] = {}
    for number, (ephemeral, upstream) in enumerate(graph):
        kind = "ephemeral" if ephemeral else "view"
        nodes |= model(f"m{number}", *(f"m{each}" for each in upstream), materialized=kind)
    found = project(nodes).upstream(f"model.shop.m{number}" for number in start)
    assert len(found) == len(set(found))
    assert set(found) == {f"svc.shop.main.m{number}" for number in behind(graph, start)}


def test_a_long_chain_of_ephemeral_models_is_no_trouble() -> None:
    nodes: dict[str, object] = dict(model("m0"))
    for number in range(1, 5_000):
        nodes |= model(f"m{number}", f"m{number - 1}", materialized="ephemeral")
    assert project(nodes).upstream(["model.shop.m4999"]) == ("svc.shop.main.m0",)


@given(NAMES, NAMES, NAMES)
def test_any_name_makes_one_of_four_parts(database: str, schema: str, table: str) -> None:
    nodes: dict[str, object] = dict(model("m", database=database, schema=schema, alias=table))
    [found] = project(nodes).tables.values()
    assert len(split_fqn(found.fqn)) == 4
    assert (found.database, found.schema, found.table) == (database, schema, table)


def test_names_are_found_as_models_refer_to_each_other() -> None:
    other = {"model.other.orders": {**model("orders")["model.shop.orders"], "package_name": "other"}}
    found = project({**model("orders"), **other})
    assert found.referred("orders") == ["model.shop.orders", "model.other.orders"]
    assert found.referred("other", "orders") == ["model.other.orders"]
    assert found.referred("nobody") == []
