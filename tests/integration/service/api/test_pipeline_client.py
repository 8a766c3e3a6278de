"""How an OpenMetadata server finds the service and who may call."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from service.api.dependencies import Services
from service.api.pipeline_client.probes import PREFIXES
from service.api.router import build_api
from service.settings import Settings
from tests.integration.service.api.serving import serving


@pytest.fixture
def server(services: Services) -> Iterator[httpx.Client]:
    """A client of a service that has credentials for an OpenMetadata server."""
    settings = Settings.model_validate(
        {"openmetadata_username": "bøt", "openmetadata_password": "päss", "openmetadata_version": "1.9.3"}
    )
    with (
        serving(build_api(replace(services, settings=settings))) as address,
        httpx.Client(base_url=address, timeout=30) as client,
    ):
        yield client


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_prefix_tells_the_version_to_who_has_the_credentials(server: httpx.Client, prefix: str) -> None:
    answer = server.get(f"{prefix}/health-auth", auth=("bøt", "päss"))

    assert (answer.status_code, answer.json()) == (200, {"status": "healthy", "version": "1.9.3"})
    assert server.get(f"{prefix}/health").json() == answer.json()


@pytest.mark.parametrize("auth", [None, ("bøt", "wrong"), ("other", "päss"), ("", "")])
def test_wrong_credentials_are_refused(server: httpx.Client, auth: tuple[str, str] | None) -> None:
    answer = server.get(f"{PREFIXES[0]}/health-auth", auth=auth)

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Basic")
    assert "HEADWATER_OPENMETADATA_PASSWORD" in answer.json()["error"]


@pytest.mark.parametrize("header", ["Basic !!!", "Basic", "Bearer x", "Basic bm9jb2xvbg=="])
def test_broken_credentials_are_refused(server: httpx.Client, header: str) -> None:
    answer = server.get(f"{PREFIXES[0]}/health-auth", headers={"Authorization": header})

    assert answer.status_code == 401, answer.text


def test_a_service_without_credentials_refuses_and_names_the_settings(client: httpx.Client) -> None:
    answer = client.get(f"{PREFIXES[0]}/health-auth", auth=("", ""))

    assert answer.status_code == 403
    assert "HEADWATER_OPENMETADATA_USERNAME" in answer.json()["error"]
