import json
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx
import pytest
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.engine import make_url

from service.api import events
from service.api.dependencies import Services
from service.api.router import build_api
from service.database.engine import Database
from service.runs import repository as runs
from service.runs.repository import Ending, Lease, LogLine
from service.runs.status import RunState
from tests.eventually import eventually
from tests.integration.service.api.serving import claim, create, problem, problems, services_on, serving, start
from tests.plain_http import NO_TLS
from tests.postgres import Server


class Event(NamedTuple):
    kind: str
    data: dict[str, Any]
    id: str | None


def read_events(lines: Iterator[str]) -> Generator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            key, _, value = line.partition(": ")
            fields[key] = value
        elif "data" in fields:
            yield Event(fields["event"], json.loads(fields["data"]), fields.get("id"))
            fields = {}


@contextmanager
def following(client: httpx.Client, run: dict[str, Any], **headers: str) -> Generator[Generator[Event]]:
    with client.stream("GET", f"/api/v1/runs/{run['id']}/events", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-cache"
        yield read_events(response.iter_lines())


def log(database: Database, lease: Lease, *messages: str) -> None:
    lines = [LogLine(datetime(2026, 11, 22, tzinfo=UTC), "INFO", "connectors", message) for message in messages]
    with database.session() as session:
        assert runs.add_logs(session, {lease: lines}, keep=10_000)


def finish(database: Database, lease: Lease) -> None:
    with database.session() as session:
        assert runs.finish(session, lease, Ending(RunState.SUCCEEDED, {"written": 2}))


def test_a_run_is_followed_to_its_end(client: httpx.Client, database: Database) -> None:
    create(client)
    run = start(client)
    with following(client, run) as stream:
        first = next(stream)
        assert (first.kind, first.data, first.id) == ("state", run, None)
        assert next(stream).kind == "progress"
        lease = claim(database)
        assert next(stream).data["state"] == "running"
        log(database, lease, "one", "two\nlines")
        told = [next(stream), next(stream)]
        assert [(event.kind, event.data["message"]) for event in told] == [("log", "one"), ("log", "two\nlines")]
        assert [event.id for event in told] == [str(event.data["id"]) for event in told]
        with database.session() as session:
            runs.update_progress(session, lease, {"table": {"processed": 1, "expected": 2}}, {"written": 1})
        progress = next(stream)
        assert (progress.kind, progress.data["counts"]["written"]) == ("progress", 1)
        assert progress.data["progress"] == {"table": {"processed": 1, "expected": 2}}
        log(database, lease, "last")
        finish(database, lease)
        rest = list(stream)
    assert [event.kind for event in rest if event.kind != "progress"] == ["log", "state"]
    assert (rest[-1].data["state"], rest[-1].id) == ("succeeded", f"{rest[0].data['id']}.end")


def test_a_stream_goes_on_where_it_broke_off(client: httpx.Client, database: Database) -> None:
    create(client)
    run = start(client)
    lease = claim(database)
    log(database, lease, *(f"line {number}" for number in range(events.LINES_AT_ONCE + 1)))
    with following(client, run) as stream:
        lines = [event for event in (next(stream) for _ in range(events.LINES_AT_ONCE + 3)) if event.kind == "log"]
    assert [event.data["message"] for event in lines[-2:]] == ["line 499", "line 500"]
    log(database, lease, "news")
    finish(database, lease)
    with following(client, run, **{"Last-Event-ID": str(lines[-1].id)}) as stream:
        news = list(stream)
    assert [event.data["message"] for event in news if event.kind == "log"] == ["news"]
    assert news[-1].id is not None
    # Told all of it, a browser that connects again is sent away for good.
    again = client.get(f"/api/v1/runs/{run['id']}/events", headers={"Last-Event-ID": news[-1].id})
    assert (again.status_code, again.content) == (204, b"")


@pytest.mark.parametrize("given", ["x", "-1", "1.endless", "9" * 19])
def test_a_position_that_is_none_is_refused(client: httpx.Client, given: str) -> None:
    create(client)
    response = client.get(f"/api/v1/runs/{start(client)['id']}/events", headers={"Last-Event-ID": given})
    assert list(problems(response)) == ["Last-Event-ID"]


def test_a_client_that_leaves_leaves_nothing_behind(client: httpx.Client, services: Services) -> None:
    create(client)
    run = start(client)
    with following(client, run) as stream:
        next(stream)
        assert services.feed.followers == 1
    eventually(lambda: services.feed.followers == 0)


def test_an_idle_stream_holds_no_connection_of_the_store(database_url: str) -> None:
    database = Database(database_url, pool_size=1)
    with serving(build_api(services_on(database))) as address, ExitStack() as streams:
        client = streams.enter_context(httpx.Client(base_url=address, timeout=60, verify=NO_TLS))
        create(client)
        run = start(client)
        for _ in range(8):
            next(streams.enter_context(following(client, run)))
        for _ in range(20):
            assert client.get(f"/api/v1/runs/{run['id']}").status_code == 200
    database.dispose()


def test_streams_end_with_the_service(client: httpx.Client, services: Services) -> None:
    create(client)
    with following(client, start(client)) as stream:
        next(stream)
        services.feed.close()
        assert [event.kind for event in stream] == ["progress"]


def test_a_stream_ends_when_its_run_is_forgotten(client: httpx.Client, database: Database) -> None:
    create(client)
    with following(client, start(client)) as stream:
        next(stream)
        with database.session() as session:
            session.connection().execute(text("delete from runs"))
        assert [event.kind for event in stream] == ["progress"]


def test_a_stream_outlives_an_outage_of_the_store(
    client: httpx.Client, database: Database, postgres_server: Server
) -> None:
    create(client)
    name = sql.Identifier(make_url(database.url).database or "")
    with following(client, start(client)) as stream, postgres_server.admin() as admin:
        assert [next(stream).kind, next(stream).kind] == ["state", "progress"]
        admin.execute(sql.SQL("alter database {} allow_connections false").format(name))
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name.as_string()[1:-1]]
        )
        eventually(lambda: client.get("/api/v1/runs").status_code == 503)
        threading.Event().wait(2 * events.POLL_SECONDS)
        admin.execute(sql.SQL("alter database {} allow_connections true").format(name))
        claim(database)
        assert next(stream).data["state"] == "running"


def test_a_silent_stream_shows_that_it_lives(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.2)
    create(client)
    with client.stream("GET", f"/api/v1/runs/{start(client)['id']}/events") as response:
        lines = response.iter_lines()
        assert next(line for line in lines if line.startswith(":")) == ": still here"


def test_streams_leave_connections_to_others(database: Database) -> None:
    services = services_on(database, max_connections=10)
    with serving(build_api(services)) as url, httpx.Client(base_url=url, verify=NO_TLS) as client, ExitStack() as stack:
        create(client)
        run = start(client)
        streams = [stack.enter_context(following(client, run)) for _ in range(5)]
        assert [next(stream).kind for stream in streams] == ["state"] * 5
        refused = client.get(f"/api/v1/runs/{run['id']}/events")
        assert problem(refused, 503)["detail"].startswith("5 runs are being followed already")
        assert "HEADWATER_MAX_CONNECTIONS" in refused.text
        assert client.get("/health/live").status_code == 200
        stack.close()
        eventually(lambda: services.feed.followers == 0)
        with following(client, run) as again:
            assert next(again).kind == "state"


def test_a_notification_is_passed_on_at_once(
    client: httpx.Client, services: Services, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "POLL_SECONDS", 60.0)
    create(client)
    run = start(client)
    with following(client, run) as stream:
        assert [next(stream).kind, next(stream).kind] == ["state", "progress"]
        claim(database)
        eventually(lambda: services.feed.followers == 1)
        threading.Timer(0.3, services.feed.notify).start()
        assert next(stream).data["state"] == "running"
