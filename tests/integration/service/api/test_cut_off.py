"""Requests that have no answer yet when the service ends, and may wait no longer."""

import logging
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.pool import QueuePool

from service import server as module
from service.address import bound
from service.api.dependencies import Services
from service.api.router import build_api
from service.database.engine import Database
from service.server import HttpServer
from tests.eventually import eventually
from tests.integration.service.api.serving import create, problem
from tests.integration.service.workflows.makers import ask
from tests.plain_http import NO_TLS

WAITING = """
    select count(*) from pg_locks join pg_database on pg_database.oid = database
    where datname = current_database() and not granted
"""
ENDING = """
    select pg_terminate_backend(pid) from pg_locks join pg_database on pg_database.oid = database
    where datname = current_database() and not granted
"""
Cut = Callable[[str, str], httpx.Response]


@contextmanager
def locked(database: Database) -> Generator[None]:
    """Whatever asks for workflows and runs waits while inside."""
    with database.engine.connect() as connection, connection.begin():
        connection.execute(text("lock table workflows, runs in access exclusive mode"))
        yield


@pytest.fixture
def cut(services: Services, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cut]:
    """How a request is answered that waits for the store while the service ends."""
    monkeypatch.setattr(module, "GRACE_SECONDS", 1)
    server = HttpServer(build_api(services), services.settings, lambda: None, lambda: None)
    with ExitStack() as stack:
        address = stack.enter_context(bound("127.0.0.1", 0))
        host = f"http://127.0.0.1:{address.getsockname()[1]}"
        thread = threading.Thread(target=server.run, args=([address],), daemon=True)
        thread.start()
        stack.callback(thread.join)
        stack.callback(setattr, server, "should_exit", True)
        client = stack.enter_context(httpx.Client(base_url=host, timeout=60, verify=NO_TLS))
        create(client)

        def ask_and_end(method: str, path: str) -> httpx.Response:
            with ThreadPoolExecutor(1) as threads, locked(database):
                answer = threads.submit(client.request, method, path)
                eventually(lambda: ask(database, WAITING)[0][0])
                server.should_exit = True
                response = answer.result(60)
            # Its thread goes on, and would give its connection to a pool that was closed.
            pool = database.engine.pool
            assert isinstance(pool, QueuePool)
            eventually(lambda: not pool.checkedout())
            return response

        yield ask_and_end


@pytest.mark.parametrize("path", ["runs", "workflows/shop"])
def test_a_read_is_told_to_ask_again(cut: Cut, caplog: pytest.LogCaptureFixture, path: str) -> None:
    response = cut("GET", f"/api/v1/{path}")
    document = problem(response, 503)
    assert document["detail"].startswith("the service ended before it had an answer; ask again")
    assert response.headers["retry-after"] == "5"
    assert f"Request {document['requestId']} was cut off by the end of the service" in caplog.text
    assert not any(record.exc_info for record in caplog.records if record.name == "service.api.access")


def test_a_change_that_may_have_been_made_is_not(
    cut: Cut, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        response = cut("POST", "/api/v1/workflows/shop/pause")
    detail = problem(response, 500)["detail"]
    assert detail.startswith(
        "the service ended before it had an answer; what was asked may have been done all the same"
    )
    assert "retry-after" not in response.headers
    assert not any(record.exc_info for record in caplog.records if record.name == "service.api.access")
    assert "was cut off by the end of the service: POST /api/v1/workflows/shop/pause" in caplog.text


def test_a_change_whose_transaction_was_lost_is_told_to_ask_again(client: httpx.Client, database: Database) -> None:
    create(client)
    with ThreadPoolExecutor(1) as threads, locked(database):
        answer = threads.submit(client.post, "/api/v1/workflows/shop/pause")
        eventually(lambda: ask(database, WAITING)[0][0])
        ask(database, ENDING)
        response = answer.result(60)
    assert "may have been done" not in problem(response, 503)["detail"]
    assert response.headers["retry-after"] == "5"
    assert client.get("/api/v1/workflows/shop").json()["enabled"]
