from collections.abc import Iterator

import httpx
import pytest

from service.api.dependencies import Services
from service.api.router import build_api
from service.database.engine import Database
from service.workflows import repository
from service.workflows.vault import Vault
from tests.integration.service.api.serving import definition_of, problem, problems, services_on, serving
from tests.plain_http import NO_TLS

SECRETS = "/api/v1/secrets"


def test_a_secret_goes_in_and_never_comes_out(client: httpx.Client, services: Services) -> None:
    assert client.put(f"{SECRETS}/shop-pg", json={"value": "hunter2"}).status_code == 204
    assert client.put(f"{SECRETS}/shop-pg", json={"value": "hunter3"}).status_code == 204
    assert client.get(SECRETS).json() == {"data": [{"name": "shop-pg"}], "nextCursor": None}
    with services.database.session() as session:
        stored = repository.find_secret(session, "shop-pg")
    assert stored is not None
    assert b"hunter" not in stored
    assert services.rules.vault.decrypt(stored) == "hunter3"


def test_a_secret_can_be_deleted_once(client: httpx.Client) -> None:
    client.put(f"{SECRETS}/a", json={"value": "x"}).raise_for_status()
    assert client.delete(f"{SECRETS}/a").status_code == 204
    problem(client.delete(f"{SECRETS}/a"), 404)


@pytest.mark.parametrize(
    ("name", "body", "path"),
    [
        ("a", {}, "value"),
        ("a", {"value": ""}, "value"),
        ("a", {"value": "x" * 65_537}, "value"),
        ("a", {"value": 1}, "value"),
        ("a", {"value": "x", "extra": "hunter2"}, "extra"),
        ("-a", {"value": "x"}, "name"),
    ],
)
def test_a_misfit_is_refused_without_being_repeated(guest: httpx.Client, name: str, body: object, path: str) -> None:
    response = guest.put(f"{SECRETS}/{name}", json=body)
    assert list(problems(response)) == [path]
    assert "hunter2" not in response.text


@pytest.fixture
def keyless_client(database: Database) -> Iterator[httpx.Client]:
    """A client of an API that has no key to encrypt with."""
    services = services_on(database, Vault())
    with serving(build_api(services)) as address, httpx.Client(base_url=address, timeout=60, verify=NO_TLS) as client:
        yield client


def test_without_a_key_no_secret_is_stored(keyless_client: httpx.Client) -> None:
    found = problems(keyless_client.put(f"{SECRETS}/a", json={"value": "hunter2"}))
    assert "HEADWATER_SECRET_KEY" in found["value"]
    literal = problems(keyless_client.post("/api/v1/workflows", json=definition_of()))
    assert "HEADWATER_SECRET_KEY" in literal["config.source.serviceConnection.config.authType.password"]
