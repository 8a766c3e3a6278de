import asyncio
import logging
from collections.abc import Iterator
from uuid import UUID

import httpx
import msgspec
import pytest
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse

from connectors.errors import ConfigurationError
from service.api.bodies import DocumentRoute
from service.api.dependencies import Services, SessionDep
from service.api.middleware import Message, Receive, RequestMiddleware, Scope, Send
from service.api.router import build_api
from service.database.engine import Database
from service.errors import ServiceError
from service.metrics import Metrics
from tests.integration.service.api.serving import definition_of, problem, problems, services_on, serving
from tests.plain_http import NO_TLS


def test_an_unknown_path_is_a_problem_too(guest: httpx.Client) -> None:
    document = problem(guest.get("/api/v1/nope?x=1"), 404)
    assert document["instance"] == "/api/v1/nope"
    assert document["type"] == "urn:headwater:problem:not-found"


def test_a_wrong_method_is_told_the_right_ones(guest: httpx.Client) -> None:
    response = guest.put("/api/v1/workflows")
    assert "GET, POST" in problem(response, 405)["detail"]
    assert response.headers["allow"] == "GET, POST"


@pytest.mark.parametrize("given", ["abc-123", "0af7651916cd43dd8448eb211c80319c"])
def test_the_request_id_of_the_caller_is_kept(guest: httpx.Client, given: str) -> None:
    assert guest.get("/health/live", headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "<script>", "caf\u00e9"])
def test_any_other_request_id_is_replaced(guest: httpx.Client, given: str) -> None:
    headers = httpx.Headers([(b"X-Request-ID", given.encode("latin-1"))])
    answered = guest.get("/health/live", headers=headers).headers["x-request-id"]
    assert answered != given
    assert len(answered) == 32


@pytest.fixture
def lost_client() -> Iterator[httpx.Client]:
    """A client of an API whose database is away."""
    database = Database("postgresql://headwater:hunter2@127.0.0.1:1/headwater")
    with (
        serving(build_api(services_on(database))) as address,
        httpx.Client(base_url=address, timeout=60, verify=NO_TLS) as client,
    ):
        yield client
    database.dispose()


@pytest.mark.parametrize("path", ["workflows", "runs", "secrets", f"runs/{UUID(int=7)}/events"])
def test_a_database_away_is_told(lost_client: httpx.Client, path: str) -> None:
    response = lost_client.get(f"/api/v1/{path}")
    assert "database" in problem(response, 503)["detail"]
    assert response.headers["retry-after"] == "5"
    assert "hunter2" not in response.text


def test_the_process_lives_without_its_database(lost_client: httpx.Client) -> None:
    assert lost_client.get("/health/live").json() == {"status": "ok"}


def failing(app: FastAPI) -> FastAPI:
    """The app with endpoints that go wrong."""

    def fail(kind: str, session: SessionDep) -> None:
        if kind == "configuration":
            msg = "source.type"
            raise ConfigurationError.at(msg, "is wrong")
        if kind == "teapot":
            raise HTTPException(418, "short and stout")
        message = f"the password is hunter2, seen by {session}"
        raise ServiceError(message) if kind == "service" else RuntimeError(message)

    def break_off() -> StreamingResponse:
        def parts() -> Iterator[str]:
            yield "one"
            message = "the source of the stream broke"
            raise RuntimeError(message)

        return StreamingResponse(parts())

    app.add_api_route("/broken-off", break_off)
    app.router.add_api_route("/fail/{kind}", fail, route_class_override=DocumentRoute)
    return app


@pytest.fixture
def failing_client(database: Database) -> Iterator[httpx.Client]:
    """A client of an API with endpoints that go wrong."""
    with (
        serving(failing(build_api(services_on(database)))) as address,
        httpx.Client(base_url=address, timeout=60, verify=NO_TLS) as client,
    ):
        yield client


@pytest.mark.parametrize("kind", ["anyhow", "service"])
def test_an_unforeseen_error_shows_nothing_but_its_id(
    failing_client: httpx.Client, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    response = failing_client.get(f"/fail/{kind}")
    document = problem(response, 500)
    assert "hunter2" not in response.text
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert document["requestId"] in record.getMessage()
    assert record.exc_info is not None


def test_a_configuration_error_of_a_connector_names_its_path(failing_client: httpx.Client) -> None:
    assert problems(failing_client.get("/fail/configuration")) == {"source.type": "is wrong"}


def test_any_other_refusal_is_a_problem_too(failing_client: httpx.Client) -> None:
    assert problem(failing_client.get("/fail/teapot"), 418)["detail"] == "short and stout"


def test_an_answer_that_breaks_off_is_seen_to_be_incomplete(
    failing_client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        failing_client.get("/broken-off")
    assert "the source of the stream broke" in caplog.text


def test_what_is_no_request_is_passed_on() -> None:
    """Such as the lifespan of the app."""
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        del message

    asyncio.run(RequestMiddleware(app, Metrics())({"type": "lifespan"}, receive, send))
    assert seen == ["lifespan"]


def test_every_request_leaves_a_line(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "service.api.access")
    client.get("/api/v1/a%0Ab?token=hunter2", headers={"X-Request-ID": "id-1"})
    client.get("/health/live")
    (record,) = [record for record in caplog.records if record.name == "service.api.access"]
    assert record.getMessage().startswith("GET /api/v1/a%0Ab 404 ")
    assert record.getMessage().endswith("request_id=id-1")


def test_nothing_of_a_refused_change_is_kept(services: Services) -> None:
    app = failing(build_api(services))

    def half_done(session: SessionDep) -> None:
        services.rules.vault.encrypt("x")
        session.connection().exec_driver_sql("insert into secrets (name, ciphertext) values ('half', '')")
        message = "and then it broke"
        raise RuntimeError(message)

    app.router.add_api_route("/half", half_done, methods=["POST"], route_class_override=DocumentRoute)
    with serving(app) as address, httpx.Client(base_url=address, timeout=60, verify=NO_TLS) as client:
        problem(client.post("/half"), 500)
        assert client.get("/api/v1/secrets").json()["data"] == []


def test_a_smaller_limit_of_bodies_holds(services: Services) -> None:
    with serving(build_api(msgspec.structs.replace(services, max_body_bytes=10))) as address:
        response = httpx.post(f"{address}/api/v1/workflows", json={"name": "longer than that"}, verify=NO_TLS)
        assert "10 bytes" in problem(response, 413)["detail"]


def test_of_very_many_faults_the_first_are_told(client: httpx.Client) -> None:
    options = definition_of("many")
    options["config"]["source"]["sourceConfig"] = {"config": {f"k{number}": 1 for number in range(5_000)}}
    for answer in (
        client.post("/api/v1/workflows/validate", json=options),
        client.post(
            "/api/v1/workflows/validate", json={**definition_of("many"), **dict.fromkeys(map(str, range(5_000)), 1)}
        ),
    ):
        assert answer.status_code == 422
        told = answer.json()["problems"]
        assert [told[0]["message"], len(told)] == ["is not a known key; correct or remove it", 101]
        assert told[100] == {"path": "", "message": "4900 more problems of this kind or another; mend these first"}
        assert len(answer.content) < 50_000
