"""What reaches the server, in which requests and in which order."""

import re
import threading

import pytest

from connectors.models.base import EntityReference
from connectors.models.database import CreateStoredProcedureRequest, StoredProcedureCode
from connectors.models.lineage import AddLineageRequest, LineageDetails
from connectors.models.pipeline import (
    AddPipelineStatusRequest,
    CreatePipelineRequest,
    CreatePipelineServiceRequest,
    PipelineStatus,
)
from connectors.models.records import Record, ScopeEnd
from connectors.models.tags import CreateClassificationRequest, CreateTagRequest
from connectors.sinks.metadata_rest import BUFFER_SECONDS
from tests.eventually import PATIENCE_SECONDS, eventually
from tests.fake_openmetadata import FakeOpenMetadata, Fault, Manners, Request
from tests.integration.connectors.sinks.harness import Run, database, deletion, schema, service, table, tree


def flows() -> list[Record]:
    """A pipeline, one of its runs, and the edge of what it moves."""
    mover = EntityReference(type="pipeline", fully_qualified_name="f.p")
    ends = ("table", "s.d.x.t0"), ("table", "s.d.x.t1")
    return [
        CreatePipelineServiceRequest(name="f", service_type="Airflow"),
        CreatePipelineRequest(name="p", service="f"),
        AddPipelineStatusRequest(pipeline="f.p", status=PipelineStatus(timestamp=1, execution_status="Successful")),
        AddLineageRequest.between(*ends, LineageDetails(source="PipelineLineage", pipeline=mover)),
    ]


def test_everything_arrives_once_and_is_counted(fake: FakeOpenMetadata, run: Run) -> None:
    report = run.deliver(tree(250))
    assert len(fake.entities("tables")) == 250
    assert {entity: dict(counts) for entity, counts in report.by_type.items()} == {
        "databaseService": {"written": 1},
        "database": {"written": 1},
        "databaseSchema": {"written": 1},
        "table": {"written": 250},
    }
    assert sorted(len(request.bodies) for request in fake.sent("PUT", "/tables/bulk")) == [50, 100, 100]
    assert run.dead() == []
    assert not run.dead_letters.exists()


def test_parents_are_answered_before_their_children_are_sent(fake: FakeOpenMetadata, run: Run) -> None:
    fake.seconds = 0.01
    report = run.deliver([service(), database(), *(
        record
        for number in range(8)
        for record in (schema(f"x{number}"), *(table(f"t{each}", f"s.d.x{number}") for each in range(7)))
    )], bulk_sink_batch_size=5, inFlight=3)  # fmt: skip
    assert report.lost == []
    assert report.counts() == {"written": 56}
    assert fake.max_in_flight <= 3


@pytest.mark.parametrize(("in_flight", "schemas"), [(1, [1] * 8), (4, [4, 4])])
def test_full_batches_share_the_request_for_what_they_lie_in(
    fake: FakeOpenMetadata, run: Run, in_flight: int, schemas: list[int]
) -> None:
    run.deliver([service(), database(), *(
        record
        for number in range(8)
        for record in (schema(f"x{number}"), *(table(f"t{each}", f"s.d.x{number}") for each in range(5)))
    )], bulk_sink_batch_size=5, inFlight=in_flight)  # fmt: skip
    assert [len(request.bodies) for request in fake.sent("PUT", "/databaseSchemas/bulk")] == schemas
    assert [len(request.bodies) for request in fake.sent("PUT", "/tables/bulk")] == [5] * 8


def test_several_requests_are_in_flight_but_never_too_many(fake: FakeOpenMetadata, run: Run) -> None:
    fake.seconds = 0.02
    run.deliver(tree(100), bulk_sink_batch_size=5, inFlight=4)
    assert fake.max_in_flight == 4


def test_batches_are_cut_by_size(fake: FakeOpenMetadata, run: Run) -> None:
    run.deliver([*tree(0), *(table(f"t{number}", description="x" * 500) for number in range(10))], batchBytes=1500)
    assert {len(request.raw) <= 1500 for request in fake.sent("PUT", "/tables/bulk")} == {True}
    assert len(fake.entities("tables")) == 10


def test_what_has_no_bulk_call_is_sent_one_by_one(fake: FakeOpenMetadata, run: Run) -> None:
    tags = [CreateTagRequest(name=f"t{each}", classification="pii", description="a tag") for each in range(9)]
    report = run.deliver([CreateClassificationRequest(name="pii", description="what is private"), *tags])
    assert report.counts("tag") == {"written": 9}
    assert len(fake.sent("PUT", "/tags")) == 9


@pytest.mark.parametrize("version", ["1.12.3", "2.0.7"])
def test_a_server_without_bulk_gets_single_requests(run: Run, version: str) -> None:
    with FakeOpenMetadata(version, manners=Manners(no_bulk=version.startswith("2")), seconds=0.005) as fake:
        run.fake = fake
        report = run.deliver(tree(120), bulk_sink_batch_size=50)
        assert report.counts() == {"written": 120}
        assert len(fake.sent("PUT", "/tables")) == 120
        assert len(fake.sent("PUT", "/tables/bulk")) <= 4
        assert 2 <= fake.max_in_flight <= 4


def test_overriding_is_asked_of_new_servers_only(fake: FakeOpenMetadata, run: Run) -> None:
    run.deliver(tree(1), override=True)
    assert [request.query for request in fake.sent("PUT", "/tables/bulk")] == [
        {"async": "false", "overrideMetadata": "true"}
    ]
    with FakeOpenMetadata("1.13.0") as old:
        run.fake = old
        run.deliver(tree(1), override=True)
        assert [request.query for request in old.sent("PUT", "/tables/bulk")] == [{"async": "false"}]


def test_a_second_run_sends_the_same_bytes(fake: FakeOpenMetadata, run: Run) -> None:
    run.deliver(tree(20))
    run.deliver(tree(20), sendUnchanged=True)
    first, second = fake.sent("PUT", "/tables/bulk")
    assert first.raw == second.raw
    assert fake.catalogue.unchanged == 22


def test_a_name_that_comes_twice_is_not_in_one_request(fake: FakeOpenMetadata, run: Run) -> None:
    twice = [*tree(3), table("t1", description="again"), table("t3")]
    assert run.deliver(twice).lost == []
    assert fake.entities("tables")["s.d.x.t1"]["description"] == "again"


class Clock:
    """Stands still but for what a test adds: on a busy machine records might be old as soon as they are written."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


def test_a_slow_source_shows_progress(fake: FakeOpenMetadata, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("connectors.sinks.metadata_rest.time", clock)
    sink = run.sink()
    for record in tree(3):
        sink.write(record)
    clock.seconds += 2 * BUFFER_SECONDS
    sink.write(table("late"))
    early = {"s.d.x.t0", "s.d.x.t1", "s.d.x.t2"}
    eventually(lambda: early <= set(fake.entities("tables")), "what was held arrives before the source is done")
    sink.close()


@pytest.mark.parametrize("next_one", [ScopeEnd("s.d.x", {"table": 2}), deletion("t0", "t1")])
def test_after_a_pause_full_batches_are_sent_whatever_comes_next(
    fake: FakeOpenMetadata, run: Run, monkeypatch: pytest.MonkeyPatch, next_one: Record
) -> None:
    clock = Clock()
    monkeypatch.setattr("connectors.sinks.metadata_rest.time", clock)
    sink = run.sink(bulk_sink_batch_size=2)
    for record in tree(2):
        sink.write(record)
    clock.seconds += 2 * BUFFER_SECONDS
    assert fake.sent("PUT", "/tables/bulk") == []
    sink.write(next_one)
    eventually(lambda: fake.entities("tables").keys() == {"s.d.x.t0", "s.d.x.t1"}, "the full batch is sent")
    if isinstance(next_one, ScopeEnd):
        eventually(lambda: run.report.scopes == ["s.d.x"], "its scope is done before the source is")
    sink.close()


def test_after_a_pause_the_close_sends_full_batches(fake: FakeOpenMetadata, run: Run) -> None:
    sink = run.sink(bulk_sink_batch_size=2)
    for record in [*tree(2), ScopeEnd("s.d.x", {"table": 2})]:
        sink.write(record)
    assert (fake.sent("PUT", "/tables/bulk"), run.report.scopes) == ([], [])
    sink.close()
    assert (len(fake.entities("tables")), run.report.scopes) == (2, ["s.d.x"])


def test_writing_waits_for_a_slow_server(fake: FakeOpenMetadata, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = run.sink(bulk_sink_batch_size=1, inFlight=2)
    for record in tree(0):
        sink.write(record)
    sink.flush()
    arrived, answer, written = fake.arrived, threading.Event(), threading.Event()

    def hold(request: Request) -> Fault | None:
        fault = arrived(request)
        answer.wait(PATIENCE_SECONDS)
        return fault

    monkeypatch.setattr(fake, "arrived", hold)

    def write() -> None:
        for number in range(6):
            sink.write(table(f"t{number}"))
        written.set()

    thread = threading.Thread(target=write)
    thread.start()
    eventually(lambda: fake.in_flight == 2, "as many are sent as may be")
    assert not written.wait(0.2)
    answer.set()
    assert written.wait(PATIENCE_SECONDS)
    thread.join()
    sink.close()
    assert len(fake.entities("tables")) == 6


def test_a_service_that_exists_is_left_alone(fake: FakeOpenMetadata, run: Run) -> None:
    run.deliver([service(description="of the user")])
    report = run.deliver([service(description="ours"), database()])
    assert fake.entities("services/databaseServices")["s"]["description"] == "of the user"
    assert report.counts("databaseService") == {"written": 1, "unchanged": 1}
    run.deliver([service(description="ours")], server={"forceEntityOverwriting": True})
    assert fake.entities("services/databaseServices")["s"]["description"] == "ours"


@pytest.mark.parametrize("stored", [True, False])
def test_the_connection_is_stored_only_when_asked(fake: FakeOpenMetadata, run: Run, stored: bool) -> None:
    connection = {"config": {"type": "Postgres", "username": "u", "hostPort": "h:1", "database": "d"}}
    run.deliver([service("my.service", connection=connection)], server={"storeServiceConnection": stored})
    assert ("connection" in fake.entities("services/databaseServices")['"my.service"']) is stored


def test_a_scope_is_done_when_the_server_has_all_of_it(fake: FakeOpenMetadata, run: Run) -> None:
    sink = run.sink()
    for record in [*tree(3), ScopeEnd("s.d.x", {"table": 3})]:
        sink.write(record)
    assert run.report.scopes == []
    sink.close()
    assert run.report.scopes == ["s.d.x"]


def test_a_scope_is_done_while_the_run_goes_on(fake: FakeOpenMetadata, run: Run) -> None:
    sink = run.sink(bulk_sink_batch_size=2)
    for record in [
        *tree(2),
        ScopeEnd("s.d.x", {"table": 2}),
        schema("y"),
        *(table(f"t{n}", "s.d.y") for n in range(4)),
    ]:
        sink.write(record)
    eventually(lambda: run.report.scopes == ["s.d.x"], "the first schema is done before the second")
    sink.close()


def test_procedures_and_tables_travel_in_their_own_requests(fake: FakeOpenMetadata, run: Run) -> None:
    code = StoredProcedureCode(code="select 1", language="SQL")
    procedures = [
        CreateStoredProcedureRequest(
            name=f"p{number}", database_schema="s.d.x", stored_procedure_code=code, stored_procedure_type="Function"
        )
        for number in range(3)
    ]
    report = run.deliver([*tree(3), *procedures])
    assert report.counts("storedProcedure") == {"written": 3}
    assert [len(request.bodies) for request in fake.sent("PUT", "/storedProcedures/bulk")] == [3]


@pytest.mark.parametrize("version", ["1.12.3", "2.0.7"])
def test_no_other_endpoint_is_asked(run: Run, version: str) -> None:
    tags = [CreateClassificationRequest(name="pii", description=""), CreateTagRequest(name="t", classification="pii")]
    with FakeOpenMetadata(version) as fake:
        run.fake = fake
        kept = deletion(*(f"t{each}" for each in range(9)))
        run.deliver([*tree(9), table("gone", owners=("ann",))])
        run.deliver([*tags, *flows(), *tree(9), kept], sendUnchanged=True)
        assert (len(fake.catalogue.edges), len(fake.catalogue.statuses)) == (1, 1)
        assert fake.deleted("tables") == {"s.d.x.gone"}
        asked = {f"{request.method} {request.path.removeprefix('/api/v1')}" for request in fake.requests}
    known = (
        r"GET /system/version",
        r"GET /(services/(databaseServices|pipelineServices)|users|teams|pipelines)/name/[^/]+",
        r"PUT /(services/(databaseServices|pipelineServices)|classifications|tags|pipelines)",
        r"PUT /pipelines/[^/]+/status",
        r"PUT /lineage/table/name/[^/]+/table/name/[^/]+",
        r"PUT /(databases|databaseSchemas|tables)(/bulk)?",
        r"GET /tables",
        r"DELETE /tables/(deleteStale|[-0-9a-f]{36})",
    )
    assert [each for each in asked if not any(re.fullmatch(pattern, each) for pattern in known)] == []
