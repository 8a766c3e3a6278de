"""What the server does not take: named, explained, kept, and nothing else is lost with it."""

import logging
import stat
from typing import Any, Literal

import pytest

from connectors.cancellation import Cancellation
from connectors.errors import FatalError, RunCancelled, SinkUnavailable
from connectors.models.database import CreateDatabaseServiceRequest
from connectors.models.records import ScopeEnd
from connectors.models.tags import CreateClassificationRequest
from tests.fake_openmetadata import FakeOpenMetadata, Fault, Manners
from tests.integration.connectors.sinks.harness import Run, database, schema, service, table, tree

Failures = Literal["request", "fqn", "folded", "nothing", "counted"]


def names(run: Run) -> list[str]:
    return sorted(failure.name for failure in run.report.lost)


@pytest.mark.parametrize("failures", ["request", "fqn", "folded", "nothing", "counted"])
def test_each_refused_entity_is_one_failure(run: Run, failures: Failures) -> None:
    refused = {"t3": (400, "[name is odd]"), "t7": (403, "Permission denied")}
    with FakeOpenMetadata(manners=Manners(refused=refused, failures=failures)) as fake:
        run.fake = fake
        report = run.deliver([*tree(20), ScopeEnd("s.d.x", {"table": 20})])
        assert len(fake.entities("tables")) == 18
    assert report.counts() == {"written": 18, "failed": 2}
    assert names(run) == ["s.d.x.t3", "s.d.x.t7"]
    assert {failure.stage for failure in report.lost} == {"sink"}
    assert report.scopes == []
    reasons = {line.fqn: line.reason or "" for line in run.dead()}
    assert sorted(reasons) == names(run)
    if failures != "counted":
        assert "[name is odd]" in reasons["s.d.x.t3"]
        assert all(failure.cause == reasons[failure.name] for failure in report.lost)


def test_dead_letters_are_for_their_owner_alone_and_can_be_replayed(run: Run) -> None:
    with FakeOpenMetadata(manners=Manners(refused={"t1": (400, "no")})) as fake:
        run.fake = fake
        run.deliver(tree(3))
    assert stat.S_IMODE(run.dead_letters.stat().st_mode) == 0o600
    (line,) = run.dead()
    assert (line.entity, line.collection, line.fqn) == ("table", "tables", "s.d.x.t1")
    assert b'"sourceHash"' in bytes(line.request)


def test_no_secret_gets_into_the_dead_letters(run: Run) -> None:
    config = {
        "type": "Postgres",
        "username": "u",
        "hostPort": "h",
        "database": "d",
        "authType": {"password": "hunter2"},
    }
    with FakeOpenMetadata(manners=Manners(refused={"s": (400, "no")})) as fake:
        run.fake = fake
        run.deliver([service(connection={"config": config})])
    text = run.dead_letters.read_text(encoding="utf-8")
    assert '"fqn":"s"' in text
    assert "hunter2" not in text
    assert "token" not in text


def test_what_a_server_quotes_of_a_request_goes_nowhere(run: Run) -> None:
    quoted = "refused: Authorization: Bearer the-bots-token, X-Key: the-keys-value, password hunter2"
    server = {"extraHeaders": {"X-Key": "the-keys-value"}, "securityConfig": {"jwtToken": "the-bots-token"}}
    for refused in ("s", "t0"):
        manners = Manners(refused={refused: (400, quoted)})
        with FakeOpenMetadata(token="the-bots-token", manners=manners) as fake:
            run.fake = fake
            run.deliver(tree(1), server=server)
    causes = " ".join(failure.cause for failure in run.report.lost)
    assert "refused: Authorization: Bearer **********, X-Key: **********" in causes
    text = run.dead_letters.read_text(encoding="utf-8")
    assert not [secret for secret in ("the-bots-token", "the-keys-value") if secret in causes + text]
    assert "hunter2" not in "".join(line.reason or "" for line in run.dead() if line.entity == "databaseService")


def test_what_a_server_does_not_account_for_is_sent_again(run: Run) -> None:
    with FakeOpenMetadata(manners=Manners(takes="first")) as fake:
        run.fake = fake
        report = run.deliver(tree(16))
        assert len(fake.entities("tables")) == 16
    assert (report.counts(), report.lost) == ({"written": 16}, [])


def test_what_a_server_never_accounts_for_is_lost_and_named(run: Run) -> None:
    with FakeOpenMetadata(manners=Manners(takes="nothing")) as fake:
        run.fake = fake
        run.deliver([*tree(3)])
    lost = {failure.name for failure in run.report.lost}
    assert lost == {"s.d", "s.d.x", *(f"s.d.x.t{number}" for number in range(3))}
    assert lost == {line.fqn for line in run.dead()}
    assert all("accounts for 0 of 1 entities" in failure.cause for failure in run.report.lost)


def test_an_answer_without_end_is_not_read_to_its_end(
    run: Run, fake: FakeOpenMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.openmetadata.client.MAX_ANSWER_BYTES", 10)
    with pytest.raises(SinkUnavailable, match="longer than 10 bytes"):
        run.sink()


def test_an_entity_that_cannot_be_written_as_json_is_lost_and_named(run: Run, fake: FakeOpenMetadata) -> None:
    report = run.deliver([*tree(2), table("half \ud800"), ScopeEnd("s.d.x", {})])
    assert report.counts() == {"written": 2, "failed": 1}
    assert [failure.name for failure in report.lost] == ["s.d.x.half \ud800"]
    assert "cannot be written as JSON" in report.lost[0].cause
    assert report.scopes == []


@pytest.mark.parametrize("status", [400, 409, 422, 500])
def test_a_whole_batch_that_is_refused_is_taken_apart(run: Run, fake: FakeOpenMetadata, status: int) -> None:
    times = 4 if status == 500 else 2
    fake.faults.add(Fault("/tables/bulk", status=status, times=times))
    report = run.deliver(tree(16))
    assert report.counts() == {"written": 16}


@pytest.mark.parametrize("status", [400, 500])
def test_a_batch_is_taken_apart_down_to_the_entity_at_fault(run: Run, fake: FakeOpenMetadata, status: int) -> None:
    fake.poison = {"t5": status}
    report = run.deliver(tree(16))
    assert report.counts() == {"written": 15, "failed": 1}
    assert names(run) == ["s.d.x.t5"]
    assert f"HTTP {status}" in report.lost[0].cause


def test_a_body_that_is_too_large_is_sent_in_parts(run: Run) -> None:
    with FakeOpenMetadata(max_body=2000) as fake:
        run.fake = fake
        report = run.deliver([*tree(30), table("large", description="x" * 5000)])
        assert len(fake.entities("tables")) == 30
    assert names(run) == ["s.d.x.large"]
    assert "raise the size" in (report.lost[0].advice or "")


def test_what_passes_is_tried_again(run: Run) -> None:
    with FakeOpenMetadata(manners=Manners(passing={"t1": 1, "t2": 99})) as fake:
        run.fake = fake
        report = run.deliver(tree(4))
    assert report.counts() == {"written": 3, "failed": 1}
    assert "the database is busy" in report.lost[0].cause


@pytest.mark.parametrize("kind", ["garbage", "half", "reset"])
@pytest.mark.parametrize("late", [True, False])
def test_an_answer_that_got_lost_loses_nothing(run: Run, fake: FakeOpenMetadata, kind: Any, late: bool) -> None:
    fake.faults.add(Fault("/tables/bulk", kind, times=2, late=late))
    assert run.deliver(tree(10)).counts() == {"written": 10}


def test_a_batch_that_takes_too_long_is_sent_in_halves(run: Run, fake: FakeOpenMetadata) -> None:
    fake.faults.add(Fault("/tables/bulk", status=504, times=2))
    assert run.deliver(tree(8)).counts() == {"written": 8}
    assert sorted(len(request.bodies) for request in fake.sent("PUT", "/tables/bulk")) == [4, 4, 8, 8]


def test_a_server_that_never_answers_in_time_ends_the_attempt_soon(run: Run, fake: FakeOpenMetadata) -> None:
    fake.faults.add(Fault("/tables/bulk", status=504, times=999))
    with pytest.raises(SinkUnavailable, match="not available"):
        run.deliver(tree(64), inFlight=1)
    sizes = [len(request.bodies) for request in fake.sent("PUT", "/tables/bulk")]
    assert sizes == [64, 64, 32, 32, 16, 16]
    assert len(run.dead()) == 64


def test_a_full_disk_leaves_tables_incomplete_but_named(
    run: Run, fake: FakeOpenMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/no/such/folder")
    report = run.deliver([*tree(0), table("a", refers_to="s.d.x.b"), table("b")])
    assert report.counts() == {"written": 2}
    assert fake.entities("tables")["s.d.x.a"]["tableConstraints"] == []
    assert [line.fqn for line in run.dead()] == ["s.d.x.a"]


def test_a_missing_parent_is_explained(run: Run) -> None:
    report = run.deliver([service(), database(), table("t", "s.d.nowhere")])
    (failure,) = report.lost
    assert failure.name == "s.d.nowhere.t"
    assert "databaseSchema instance for s.d.nowhere not found" in failure.cause
    assert "earlier failure" in (failure.advice or "")


def test_a_request_that_breaks_the_schema_is_explained(run: Run) -> None:
    report = run.deliver([CreateClassificationRequest(name="pii")])
    assert "description" in report.lost[0].cause


def test_tables_may_refer_to_each_other_in_any_order(run: Run, fake: FakeOpenMetadata) -> None:
    circle = [table(f"t{number}", refers_to=f"s.d.x.t{(number + 1) % 7}") for number in range(7)]
    assert run.deliver([*tree(0), *circle]).counts() == {"written": 7}
    stored = fake.entities("tables")
    assert all(len(stored[each.fqn]["tableConstraints"]) == 1 for each in circle)
    assert run.dead() == []


def test_a_scope_is_not_done_before_its_tables_have_their_references(run: Run) -> None:
    circle = [table(f"t{number}", refers_to=f"s.d.x.t{(number + 1) % 7}") for number in range(7)]
    other = [schema("y"), table("t", "s.d.y"), ScopeEnd("s.d.y", {})]
    sink = run.sink()
    for record in (*tree(0), *circle, ScopeEnd("s.d.x", {}), *other):
        sink.write(record)
    sink.flush()
    assert run.report.scopes == ["s.d.y"]
    sink.close()
    assert run.report.scopes == ["s.d.y", "s.d.x"]


def test_a_reference_that_stays_unknown_is_only_a_warning(
    run: Run, fake: FakeOpenMetadata, caplog: pytest.LogCaptureFixture
) -> None:
    report = run.deliver([*tree(1), table("t", refers_to="other.d.x.gone"), ScopeEnd("s.d.x", {})])
    assert report.counts() == {"written": 2}
    assert report.lost == []
    assert report.scopes == ["s.d.x"]
    assert fake.entities("tables")["s.d.x.t"]["tableConstraints"] == []
    assert "s.d.x.t is delivered without what refers to other.d.x.gone" in caplog.text


def test_a_table_that_is_refused_without_its_references_too_is_kept_whole(run: Run) -> None:
    with FakeOpenMetadata(manners=Manners(refused={"t": (400, "no")})) as fake:
        run.fake = fake
        run.deliver([*tree(1), table("t", refers_to="s.d.x.t0")])
    assert names(run) == ["s.d.x.t"]
    assert b"FOREIGN_KEY" in bytes(run.dead()[0].request)


def test_a_server_that_goes_away_ends_the_attempt_and_nothing_is_lost_unnamed(run: Run, fake: FakeOpenMetadata) -> None:
    fake.faults.add(Fault("/tables/bulk", status=503, times=999))
    with pytest.raises(SinkUnavailable, match=r"127\.0\.0\.1"):
        run.deliver(tree(300), bulk_sink_batch_size=50)
    written = set(fake.entities("tables"))
    named = {failure.name for failure in run.report.lost}
    assert written == set()
    assert named == {line.fqn for line in run.dead()}
    assert len(named) >= 50
    assert all("not delivered" in failure.cause for failure in run.report.lost)


def test_a_server_that_goes_away_at_the_end_keeps_what_was_set_aside(run: Run, fake: FakeOpenMetadata) -> None:
    sink = run.sink()
    for record in [*tree(0), table("a", refers_to="s.d.x.b"), table("b")]:
        sink.write(record)
    sink.flush()
    fake.faults.add(Fault("/tables/bulk", status=503, times=999))
    with pytest.raises(SinkUnavailable):
        sink.close()
    sink.abort()
    assert run.report.counts() == {"written": 2}
    assert [line.fqn for line in run.dead()] == ["s.d.x.a"]
    assert b"FOREIGN_KEY" in bytes(run.dead()[0].request)


def test_a_server_that_fails_at_everything_is_given_up(run: Run, fake: FakeOpenMetadata) -> None:
    fake.faults.add(Fault("/tables/bulk", status=500, times=9999))
    with pytest.raises(SinkUnavailable, match="takes nothing any more"):
        run.deliver(tree(40))
    assert names(run) == sorted(line.fqn for line in run.dead())
    assert len(names(run)) == 40


def test_a_token_that_is_refused_ends_the_run(run: Run, fake: FakeOpenMetadata) -> None:
    fake.token = "another"
    with pytest.raises(FatalError, match="refuses the token"):
        run.deliver(tree(1))


def test_a_server_that_cannot_look_a_service_up_ends_the_attempt(run: Run, fake: FakeOpenMetadata) -> None:
    fake.faults.add(Fault("/name/s", status=500, times=9))
    with pytest.raises(SinkUnavailable, match="whether it has the service s"):
        run.deliver(tree(1))


def test_a_server_that_is_none_is_told_at_once(run: Run, fake: FakeOpenMetadata) -> None:
    fake.faults.add(Fault("/system/version", "html", 200))
    with pytest.raises(FatalError, match="is not the API"):
        run.sink()


def test_what_is_held_when_the_source_ends_a_run_is_named_and_kept(run: Run, fake: FakeOpenMetadata) -> None:
    sink = run.sink()
    for record in tree(5):
        sink.write(record)
    sink.abort()
    sink.abort()
    held = {f"s.d.x.t{number}" for number in range(5)}
    assert {line.fqn for line in run.dead()} >= held
    assert {line.fqn for line in run.dead()} == {failure.name for failure in run.report.lost}
    assert {line.reason for line in run.dead()} == {"not delivered: the run did not come to its end"}


def test_what_is_held_when_somebody_stops_a_run_is_kept_and_no_failure(run: Run, fake: FakeOpenMetadata) -> None:
    sink = run.sink()
    for record in tree(5):
        sink.write(record)
    run.cancellation.cancel("stopped by somebody")
    sink.abort()
    assert run.report.lost == []
    assert {line.fqn for line in run.dead()} >= {f"s.d.x.t{number}" for number in range(5)}
    assert {line.reason for line in run.dead()} == {"not delivered: stopped by somebody"}


def test_a_cancel_ends_a_run_at_once(run: Run, fake: FakeOpenMetadata) -> None:
    fake.faults.add(Fault("/tables/bulk", "slow", seconds=30, times=9))
    sink = run.sink(bulk_sink_batch_size=2)
    for record in tree(8):
        sink.write(record)
    run.cancellation.cancel("by somebody")
    with pytest.raises(RunCancelled, match="by somebody"):
        sink.close()
    sink.abort()
    assert {line.fqn for line in run.dead()} >= {f"s.d.x.t{number}" for number in range(8)}


def test_what_is_under_way_when_the_time_is_over_is_named(run: Run, fake: FakeOpenMetadata) -> None:
    run.cancellation = Cancellation(timeout_seconds=2)
    fake.faults.add(Fault("/tables/bulk", "slow", seconds=30, times=9))
    with pytest.raises(RunCancelled, match="timed out"):
        run.deliver([*tree(8), *tree(8)], bulk_sink_batch_size=2)
    lost = {failure.name for failure in run.report.lost}
    assert lost == {line.fqn for line in run.dead()}
    assert lost
    assert all("timed out after 2 s" in failure.cause for failure in run.report.lost)


def test_failures_carry_no_connection(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    request = CreateDatabaseServiceRequest(
        name="s", service_type="Nonsense", connection={"config": {"password": "hunter2"}}
    )
    with FakeOpenMetadata(manners=Manners(refused={"s": (400, "no")})) as fake, caplog.at_level(logging.DEBUG):
        run.fake = fake
        report = run.deliver([request])
    assert len(report.lost) == 1
    assert "hunter2" not in caplog.text


def test_a_schema_that_is_refused_takes_its_tables_with_it(run: Run) -> None:
    with FakeOpenMetadata(manners=Manners(refused={"x": (400, "no")})) as fake:
        run.fake = fake
        report = run.deliver([service(), database(), schema(), table("t"), schema("y"), table("t", "s.d.y")])
        assert set(fake.entities("tables")) == {"s.d.y.t"}
    assert names(run) == ["s.d.x", "s.d.x.t"]
    assert report.counts() == {"written": 1, "failed": 1}
