"""What is deleted from the catalogue: only what is surely gone, and never much of it at once."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.models.records import DeletionScope, ScopeEnd
from tests.fake_openmetadata import FakeOpenMetadata, Fault, Manners
from tests.integration.connectors.sinks.harness import Run, database, deletion, schema, service, table, tree

DELETE_STALE = "/tables/deleteStale"


@pytest.fixture(params=["2.0.7", "1.13.0"])
def each_run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Run]:
    """Against a server with `deleteStale`, and one where we have to list."""
    with FakeOpenMetadata(request.param) as fake:
        yield Run(fake, tmp_path)


def deleting(run: Run) -> list[str]:
    """The requests that deleted something."""
    return [
        request.path
        for request in run.fake.requests
        if request.method == "DELETE" and not (request.raw and request.body["dryRun"])
    ]


def test_what_is_gone_is_deleted(each_run: Run) -> None:
    each_run.deliver(tree(30))
    report = each_run.deliver([*tree(0), table("t0"), deletion(*(f"t{number}" for number in range(25)))])
    assert each_run.fake.deleted("tables") == {f"s.d.x.t{number}" for number in range(25, 30)}
    assert report.counts() == {"written": 30, "unchanged": 1, "deleted": 5}


def test_nothing_is_asked_when_nothing_is_gone(each_run: Run) -> None:
    each_run.deliver(tree(3))
    each_run.deliver([*tree(3), deletion("t0", "t1", "t2")])
    assert each_run.fake.deleted("tables") == set()
    assert deleting(each_run) == []


def test_other_scopes_are_left_alone(each_run: Run) -> None:
    others = [schema("xy"), table("a", "s.d.xy"), schema("x.y"), table("a", 's.d."x.y"')]
    each_run.deliver([*tree(2), *others])
    each_run.deliver([*tree(1), deletion("t0")])
    assert each_run.fake.deleted("tables") == {"s.d.x.t1"}
    each_run.deliver([*others, deletion("b", scope='s.d."x.y"')])
    assert each_run.fake.deleted("tables") == {"s.d.x.t1", 's.d."x.y".a'}


@pytest.mark.parametrize(("tables", "percent"), [(1, 20), (5, 100)])
def test_an_emptied_scope_is_emptied(each_run: Run, tables: int, percent: int) -> None:
    """The server's deleteStale does nothing when nothing was seen: then we list ourselves."""
    each_run.deliver(tree(tables))
    report = each_run.deliver([*tree(0), deletion()], maxDeletedPercent=percent)
    assert len(each_run.fake.deleted("tables")) == tables
    assert report.counts()["deleted"] == tables


@pytest.mark.parametrize(
    "scope",
    [
        deletion(),
        DeletionScope("s.d", "database", "databaseSchema", "databaseSchemas", (), holds=True),
        DeletionScope("s", "databaseService", "database", "databases", (), holds=True),
    ],
)
def test_an_empty_listing_is_not_believed(each_run: Run, scope: DeletionScope) -> None:
    """Not of several, nor of the only one that holds others."""
    each_run.deliver(tree(2))
    report = each_run.deliver([scope], maxDeletedPercent=99)
    assert deleting(each_run) == []
    (failure,) = report.lost
    assert failure.cause.endswith("nothing was deleted, because an empty listing may be a mistake")
    assert failure.advice == "if they are really gone, run once with sink.config.maxDeletedPercent: 100"


def test_many_are_deleted_over_several_pages(each_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sinks.listings.FIRST_PAGE", 7)
    each_run.deliver(tree(30))
    each_run.deliver([*tree(0), deletion("t3")], maxDeletedPercent=100)
    assert len(each_run.fake.deleted("tables")) == 29


@pytest.mark.parametrize(("seen", "stays"), [(39, True), (44, False)])
def test_too_many_at_once_are_not_believed(each_run: Run, seen: int, stays: bool) -> None:
    each_run.deliver(tree(55))
    scopes = [deletion(*(f"t{number}" for number in range(seen))), ScopeEnd("s.d.x", {})]
    report = each_run.deliver([*tree(0), *scopes])
    assert (each_run.fake.deleted("tables") == set()) is stays
    assert report.scopes == ([] if stays else ["s.d.x"]), "a later attempt comes back to it"
    if stays:
        (failure,) = report.lost
        assert failure.stage == "delete"
        assert failure.name == "s.d.x"
        assert failure.cause.startswith("16 of 55 entities of the type table are gone")
        assert "maxDeletedPercent: 100" in (failure.advice or "")
    each_run.deliver([*tree(0), *scopes], maxDeletedPercent=100)
    assert len(each_run.fake.deleted("tables")) == 55 - seen


@pytest.mark.parametrize("named", [0, 3])
def test_what_the_server_would_delete_and_does_not_name_stays(run: Run, named: int) -> None:
    with FakeOpenMetadata(manners=Manners(stale_named=named)) as fake:
        run.fake = fake
        run.deliver(tree(60))
        report = run.deliver([*tree(0), deletion(*(f"t{number}" for number in range(10)))])
        assert fake.deleted("tables") == set()
    assert ["does not name all" in failure.cause for failure in report.lost] == [True]


def test_a_share_of_nothing_lets_nothing_go(each_run: Run) -> None:
    each_run.deliver(tree(55))
    report = each_run.deliver([*tree(0), deletion(*(f"t{number}" for number in range(54)))], maxDeletedPercent=0)
    assert each_run.fake.deleted("tables") == set()
    assert [failure.stage for failure in report.lost] == ["delete"]


def test_a_dry_run_deletes_and_counts_nothing(each_run: Run, caplog: pytest.LogCaptureFixture) -> None:
    each_run.deliver(tree(5))
    with caplog.at_level(logging.INFO):
        report = each_run.deliver([*tree(0), deletion("t0")], dryRunDeletions=True)
    assert each_run.fake.deleted("tables") == set()
    assert "deleted" not in report.counts()
    assert "4 x table would be deleted below s.d.x" in caplog.text
    assert deleting(each_run) == []


def test_nothing_is_deleted_where_something_was_refused(each_run: Run, caplog: pytest.LogCaptureFixture) -> None:
    each_run.deliver(tree(5))
    each_run.fake.poison = {"broken": 400}
    each_run.deliver([*tree(1), table("broken"), deletion("t0", "broken"), ScopeEnd("s.d.x", {})])
    assert each_run.fake.deleted("tables") == set()
    assert "nothing is deleted below s.d.x" in caplog.text
    assert each_run.report.scopes == []


def test_deletions_wait_for_the_records_before_them(each_run: Run) -> None:
    each_run.deliver([service(), database()])
    each_run.fake.requests.clear()
    each_run.fake.seconds = 0.01
    each_run.deliver([*tree(40), deletion(*(f"t{number}" for number in range(40))), ScopeEnd("s.d.x", {})], inFlight=4)
    order = [request.path.rpartition("/")[2] for request in each_run.fake.requests if "/tables" in request.path]
    assert order[0] == "bulk"
    assert order[-1] != "bulk"
    assert each_run.report.scopes == ["s.d.x"]


def test_below_a_service_that_never_was_there_nothing_can_be_gone(each_run: Run) -> None:
    each_run.deliver([*tree(3), deletion("t0", "t1", "t2"), ScopeEnd("s.d.x", {})])
    asked = [request for request in each_run.fake.requests if request.path.endswith(("/deleteStale", "/tables"))]
    assert asked == []
    assert each_run.report.scopes == ["s.d.x"]


def test_what_comes_back_with_a_deleted_service_is_looked_through(each_run: Run) -> None:
    each_run.deliver(tree(6))
    gone = each_run.fake.catalogue.entities["services/databaseServices"]["s"]
    each_run.fake.catalogue.delete("services/databaseServices", gone.id, recursive=True)
    each_run.fake.catalogue.entities["tables"]["s.d.x.t5"].deleted = False  # as a server restores what lies below
    each_run.deliver([*tree(5), deletion(*(f"t{number}" for number in range(5)))])
    assert each_run.fake.deleted("services/databaseServices") == set()
    assert each_run.fake.deleted("tables") == {"s.d.x.t5"}


def test_schemas_are_deleted_with_what_lies_in_them(each_run: Run) -> None:
    each_run.deliver([*tree(3), schema("y"), table("t", "s.d.y")])
    scope = DeletionScope("s.d", "database", "databaseSchema", "databaseSchemas", ("s.d.x",))
    report = each_run.deliver([scope])
    assert each_run.fake.deleted("databaseSchemas") == {"s.d.y"}
    assert each_run.fake.deleted("tables") == {"s.d.y.t"}
    assert report.counts("databaseSchema")["deleted"] == 1


def test_databases_are_deleted_from_a_service(each_run: Run) -> None:
    each_run.deliver(tree(1))
    each_run.deliver([DeletionScope("s", "databaseService", "database", "databases", ("s.other",))])
    assert each_run.fake.deleted("databases") == {"s.d"}


@pytest.mark.parametrize("name", ["s.d.y.t", "s.d.x.t.u", "s.d.x", "t", 's.d."x.t'])
def test_names_outside_of_the_scope_stop_everything(each_run: Run, name: str) -> None:
    each_run.deliver(tree(3))
    report = each_run.deliver([DeletionScope("s.d.x", "databaseSchema", "table", "tables", ("s.d.x.t0", name))])
    assert each_run.fake.deleted("tables") == set()
    assert [failure.stage for failure in report.lost] == ["delete"]


def lie(run: Run, path: str, body: bytes) -> None:
    run.fake.faults.add(Fault(path, "lie", body=body))


@pytest.mark.parametrize(
    "body",
    [
        b'{"successRequest": [{"request": "s.d.y.t"}]}',
        b'{"successRequest": [{"request": {"name": "t"}}]}',
        b'{"successRequest": null, "numberOfRowsPassed": 2}',
        b'{"successRequest": ',
    ],
)
def test_a_server_that_would_delete_elsewhere_is_not_let(run: Run, body: bytes) -> None:
    run.deliver(tree(3))
    lie(run, DELETE_STALE, body)
    report = run.deliver([deletion("t0")])
    assert run.fake.deleted("tables") == set()
    assert [failure.name for failure in report.lost] == ["s.d.x"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": [{"id": "1", "fullyQualifiedName": "s.d.y.t"}], "paging": {"total": 1}}',
        b'{"data": [{"id": "1"}]}',
        b"[]",
    ],
)
def test_a_listing_of_something_else_deletes_nothing(run: Run, body: bytes) -> None:
    run.deliver(tree(3))
    lie(run, "/tables", body)
    report = run.deliver([deletion()])
    assert run.fake.deleted("tables") == set()
    assert [failure.name for failure in report.lost] == ["s.d.x"]


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_the_call_is_asked_once(run: Run, status: int) -> None:
    run.deliver([*tree(3), schema("y"), table("t", "s.d.y")])
    run.fake.faults.add(Fault(DELETE_STALE, status=status, times=9))
    run.deliver([deletion("t0"), deletion("u", scope="s.d.y")], inFlight=1)
    assert run.fake.deleted("tables") == {"s.d.x.t1", "s.d.x.t2", "s.d.y.t"}
    assert len(run.fake.sent("DELETE", DELETE_STALE)) == 1


@pytest.mark.parametrize("status", [400, 500])
def test_a_refused_deletion_is_named(each_run: Run, status: int) -> None:
    each_run.deliver(tree(3))
    for path in (DELETE_STALE, "/v1/tables"):
        each_run.fake.faults.add(Fault(path, status=status, times=9, method="DELETE" if "Stale" in path else "GET"))
    report = each_run.deliver([deletion("t0"), ScopeEnd("s.d.x", {})])
    assert each_run.fake.deleted("tables") == set()
    assert [(failure.name, failure.stage) for failure in report.lost] == [("s.d.x", "delete")]


def test_one_that_cannot_be_deleted_is_named_and_the_others_go(tmp_path: Path) -> None:
    with FakeOpenMetadata("1.13.0") as fake:
        run = Run(fake, tmp_path)
        run.deliver(tree(4))
        stuck = fake.catalogue.entities["tables"]["s.d.x.t2"].id
        fake.faults.add(Fault(f"/tables/{stuck}", status=400, message="in use"))
        gone = fake.catalogue.entities["tables"]["s.d.x.t3"].id
        fake.faults.add(Fault(f"/tables/{gone}", status=404))
        report = run.deliver([deletion("t0")])
        assert fake.deleted("tables") == {"s.d.x.t1"}
    (failure,) = report.lost
    assert failure.name == "s.d.x.t2"
    assert "in use" in failure.cause
    assert report.counts()["deleted"] == 1


def test_rows_that_the_server_cannot_delete_are_named(run: Run) -> None:
    run.deliver(tree(3))
    run.fake.faults.add(Fault(DELETE_STALE, "slow"))
    body = b'{"numberOfRowsPassed": 1, "failedRequest": [{"request": "s.d.x.t1", "message": "locked"}]}'
    lie(run, DELETE_STALE, body)
    report: Any = run.deliver([deletion("t0")])
    assert [failure.name for failure in report.lost] == ["s.d.x.t1"]
    assert report.counts()["deleted"] == 1


def test_a_missing_bulk_changes_nothing_for_deletions(tmp_path: Path) -> None:
    with FakeOpenMetadata(manners=Manners(no_bulk=True)) as fake:
        run = Run(fake, tmp_path)
        run.deliver(tree(5))
        run.deliver([*tree(2), deletion("t0", "t1"), ScopeEnd("s.d.x", {})])
        assert len(fake.deleted("tables")) == 3
    assert run.report.scopes == ["s.d.x"]
