"""The API on a real HTTP server, and the wishes that tests have of it."""

import socket
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import uvicorn
from cryptography.fernet import Fernet
from fastapi import FastAPI

from service.access.authentication import KeyRing
from service.api.dependencies import Readiness, Services
from service.api.feed import RunFeed
from service.api.middleware import App
from service.database.engine import Database
from service.execution.automations import Automations
from service.execution.checks import connection_checker
from service.execution.openmetadata import OpenMetadata
from service.execution.secrets import SecretResolver
from service.metrics import Metrics
from service.runs import repository as runs
from service.runs.repository import ClaimRequest, Lease
from service.scheduling.triggers import check_schedule
from service.settings import Settings
from service.workflows.checking import RegistryChecker
from service.workflows.documents import Json
from service.workflows.operations import Rules
from service.workflows.vault import Vault

ADMIN_KEY = "the-first-key-of-all-administrators"
KEY = Fernet.generate_key().decode()
MASK = "**********"


def services_on(database: Database, vault: Vault | None = None, **chosen: Any) -> Services:
    """The parts of a service that has no worker and no timer, so that nothing moves unless a test moves it."""
    vault = vault or Vault([KEY])
    return Services(
        settings=Settings.model_validate(chosen),
        database=database,
        rules=Rules(RegistryChecker(), vault, check_schedule),
        metrics=Metrics(),
        feed=RunFeed(),
        ready=lambda: [Readiness("database", ok=True)],
        check_connection=(check := connection_checker(SecretResolver(None, {}))),
        openmetadata=OpenMetadata(Automations(database, vault, Path("/nowhere")), check, Path("/nowhere")),
        keys=KeyRing(database, (ADMIN_KEY,), listening=lambda: False),
    )


@contextmanager
def serving(app: FastAPI | App) -> Generator[str]:
    """The address at which the app is served while inside."""
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5, proxy_headers=False)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document that the response must be, with every member that it must have."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert set(document) == {"type", "title", "status", "detail", "instance", "problems", "requestId"}
    assert document["type"].startswith("urn:headwater:problem:")
    assert document["status"] == status
    assert document["requestId"] == response.headers["x-request-id"]
    return document


def problems(response: httpx.Response) -> dict[str, str]:
    """The message at each path of a 422."""
    return {found["path"]: found["message"] for found in problem(response, 422)["problems"]}


def connection_of(**fields: Any) -> Json:
    return {"type": "Postgres", "username": "reader", "hostPort": "127.0.0.1:5432", "database": "shop", **fields}


def definition_of(name: str = "shop", **fields: Any) -> dict[str, Any]:
    """A definition that writes to a file, with a literal password."""
    connection = connection_of(authType={"password": "hunter2"})
    source = {"type": "postgres", "serviceName": "shop", "serviceConnection": {"config": connection}}
    config = {"source": source, "sink": {"type": "file", "config": {"filename": "shop.jsonl"}}}
    return {"name": name, "config": config, **fields}


def password_in(answer: Mapping[str, Any]) -> Any:
    return answer["config"]["source"]["serviceConnection"]["config"]["authType"]["password"]


def create(client: httpx.Client, name: str = "shop", **fields: Any) -> dict[str, Any]:
    response = client.post("/api/v1/workflows", json=definition_of(name, **fields))
    assert response.status_code == 201, response.text
    return response.json()


def start(client: httpx.Client, name: str = "shop", **fields: Any) -> dict[str, Any]:
    response = client.post(f"/api/v1/workflows/{name}/runs", json=fields)
    assert response.status_code == 202, response.text
    return response.json()


def claim(database: Database) -> Lease:
    """Take the only run there is, as a worker would."""
    with database.session() as session:
        (claimed,) = runs.claim(session, ClaimRequest("worker-1", ("default",), 1, 60))
    return claimed.lease


def lease_of(run: Mapping[str, Any], token: int = 1) -> Lease:
    return Lease(UUID(run["id"]), token)
