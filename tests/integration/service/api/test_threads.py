"""A request to a DocumentRoute is the work of one thread; only a coroutine is the work of the one that serves all."""

import asyncio
import logging
import threading
from typing import Annotated

import httpx
import pytest
from fastapi import Depends
from sqlalchemy import event
from sqlalchemy.orm import Session

from service.api.bodies import DocumentRoute
from service.api.dependencies import Services, SessionDep
from service.api.router import build_api
from tests.integration.service.api.serving import problem, serving
from tests.plain_http import NO_TLS


async def thread_of_a_dependency() -> int:
    return threading.get_ident()


async def something_to_wait_for() -> None:
    await asyncio.sleep(0)


def test_what_an_endpoint_needs_and_what_it_does_is_one_thread_s(services: Services) -> None:
    after: list[int] = []

    def note_thread(_: Session) -> None:
        after.append(threading.get_ident())

    def work(before: Annotated[int, Depends(thread_of_a_dependency)], session: SessionDep) -> list[int]:
        event.listen(session, "after_commit", note_thread)
        session.connection()
        return [before, threading.get_ident()]

    async def wait() -> int:
        await asyncio.sleep(0)
        return threading.get_ident()

    app = build_api(services)
    app.router.add_api_route("/work", work, methods=["POST"], route_class_override=DocumentRoute)
    app.router.add_api_route("/wait", wait, route_class_override=DocumentRoute)
    with serving(app) as address, httpx.Client(base_url=address, timeout=60, verify=NO_TLS) as client:
        before, during = client.post("/work").json()
        loop = client.get("/wait").json()
    assert [before, during] == [during, *after]
    assert loop != during


def test_an_endpoint_whose_needs_wait_is_told_so(services: Services, caplog: pytest.LogCaptureFixture) -> None:
    def work(_: Annotated[None, Depends(something_to_wait_for)]) -> None:
        """Never reached."""

    app = build_api(services)
    app.router.add_api_route("/work", work, route_class_override=DocumentRoute)
    with (
        caplog.at_level(logging.ERROR),
        serving(app) as address,
        httpx.Client(base_url=address, timeout=60, verify=NO_TLS) as client,
    ):
        problem(client.get("/work"), 500)
    assert "waits for the event loop" in caplog.text


def test_what_cannot_be_committed_is_not_told_as_done(services: Services) -> None:
    def work(session: SessionDep) -> str:
        connection = session.connection()
        connection.exec_driver_sql("create temporary table t (id int unique deferrable initially deferred)")
        connection.exec_driver_sql("insert into t values (1), (1)")
        return "done"

    app = build_api(services)
    app.router.add_api_route("/work", work, methods=["POST"], route_class_override=DocumentRoute)
    with serving(app) as address, httpx.Client(base_url=address, timeout=60, verify=NO_TLS) as client:
        problem(client.post("/work"), 500)
