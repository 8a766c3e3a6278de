"""The edges of the contract with the OpenMetadata server; its main way is driven in tests/acceptance."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.pipeline_client.logs import chunk_of
from service.api.pipeline_client.pipelines import AirflowConfig, IngestionPipeline, workflow_name
from service.api.pipeline_client.prefixes import PREFIXES
from service.api.router import build_api
from service.database.engine import Database
from service.errors import Invalid
from service.workflows.schemas import NAME_PATTERN
from tests.integration.service.api.serving import services_on, serving
from tests.plain_http import NO_TLS

CREDENTIALS = ("bøt", "päss:wörd")
BASE = PREFIXES[0]


@pytest.fixture(scope="module")
def known_address(untouched: Database) -> Iterator[str]:
    """Where a service answers that has credentials for an OpenMetadata server."""
    knows = services_on(
        untouched,
        openmetadata_username=CREDENTIALS[0],
        openmetadata_password=CREDENTIALS[1],
        openmetadata_version="1.9.3",
    )
    with serving(build_api(knows)) as address:
        yield address


@pytest.fixture
def server(known_address: str) -> Iterator[httpx.Client]:
    """A client of it that has them too."""
    with httpx.Client(base_url=known_address, timeout=30, auth=CREDENTIALS, verify=NO_TLS) as client:
        yield client


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_prefix_tells_the_version(server: httpx.Client, prefix: str) -> None:
    answer = server.get(f"{prefix}/health-auth")
    assert (answer.status_code, answer.json()) == (200, {"status": "healthy", "version": "1.9.3"})
    assert server.get(f"{prefix}/health", auth=None).json() == answer.json()


@pytest.mark.parametrize("header", ["Basic !!!", "Basic", "Bearer x", "Basic bm9jb2xvbg==", "basic", "Digest a=b"])
def test_broken_credentials_are_refused(server: httpx.Client, header: str) -> None:
    answer = server.get(f"{BASE}/health-auth", headers={"Authorization": header}, auth=None)
    assert (answer.status_code, list(answer.json())) == (401, ["error"])


def test_a_service_without_credentials_refuses_and_names_the_settings(guest: httpx.Client) -> None:
    answer = guest.get(f"{BASE}/health-auth", auth=("", ""))
    assert answer.status_code == 403
    assert "HEADWATER_OPENMETADATA_USERNAME" in answer.json()["error"]


def test_the_address_of_the_service_is_told(server: httpx.Client) -> None:
    assert set(server.get(f"{BASE}/ip").json()) == {"ip"}


@pytest.mark.parametrize(
    ("method", "route", "content", "status"),
    [
        ("POST", "/deploy", b"", 400),
        ("POST", "/deploy", b"{", 400),
        ("POST", "/deploy", b"[]", 400),
        ("POST", "/deploy", b"{}", 400),
        ("POST", "/trigger", b"{}", 400),
        ("POST", "/trigger", b'{"dag_id": "nobody"}', 404),
        ("POST", "/kill", b'{"dag_id": "nobody"}', 404),
        ("POST", "/enable", b'{"dag_id": "no\\u0000body"}', 400),
        ("POST", "/run_application", b'{"name": "cleaner"}', 400),
        ("POST", "/run_automation", b'{"name": "x", "workflowType": "QUERY_RUNNER"}', 400),
        ("POST", "/deploy", b" " * 6_000_000, 413),
        ("GET", "/status", b"", 400),
        ("GET", "/status?dag_id=nobody", b"", 404),
        ("GET", "/status?dag_id=nobody&only_queued=perhaps", b"", 400),
        ("GET", "/last_dag_logs?dag_id=nobody&task_id=ingestion_task", b"", 404),
        ("DELETE", "/delete?dag_id=nobody", b"", 200),
        ("GET", "/deploy", b"", 405),
        ("GET", "/nonsense", b"", 404),
    ],
)
def test_errors_have_the_shape_of_the_contract(
    server: httpx.Client, method: str, route: str, content: bytes, status: int
) -> None:
    headers = {"Content-Type": "application/json"} if content else {}
    answer = server.request(method, BASE + route, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == (["message"] if status == 200 else ["error"])


@given(st.text(min_size=1, max_size=300))
def test_every_name_becomes_one_of_a_workflow(name: str) -> None:
    assert re.fullmatch(NAME_PATTERN, workflow_name(name))


def test_long_names_stay_apart() -> None:
    assert workflow_name("a" * 200) != workflow_name("a" * 201)
    assert workflow_name("shop_metadata-1") == "shop_metadata-1"
    assert workflow_name("Böse Dinge.1") == "B_se_Dinge_1"


@pytest.mark.parametrize(
    ("given_config", "schedule"),
    [
        ({}, None),
        ({"scheduleInterval": ""}, None),
        (
            {"scheduleInterval": "@daily", "startDate": "2024-01-01", "pipelineTimezone": "Europe/Berlin"},
            {"cron": "@daily", "timezone": "Europe/Berlin", "start": "2024-01-01T00:00:00+00:00"},
        ),
    ],
)
def test_the_schedule_of_a_pipeline(given_config: dict[str, Any], schedule: dict[str, Any] | None) -> None:
    assert AirflowConfig.model_validate(given_config).schedule() == schedule


def test_what_else_a_deployment_says_is_passed_over() -> None:
    server = {"hostPort": "http://om:8585/api", "securityConfig": {"jwtToken": "t"}}
    needed: dict[str, Any] = {
        "name": "nightly",
        "fullyQualifiedName": "shop.nightly",
        "pipelineType": "metadata",
        "service": {"type": "databaseService", "name": "shop"},
        "openMetadataServerConnection": server,
    }
    of_airflow = {"email": "a@b.c", "workflowDefaultView": "tree", "workflowDefaultViewOrientation": "LR"}
    beside = {
        "id": "7", "displayName": "Nightly", "deployed": True, "owners": [{"id": "8", "type": "user"}],
        "provider": "user", "applicationType": "x", "ingestionRunner": {"id": "9"},
        "processingEngine": {"type": "Native"},
        "airflowConfig": of_airflow,
    }  # fmt: skip
    made = [IngestionPipeline.model_validate(each).definition("postgres") for each in (needed, needed | beside)]
    assert made[0] == made[1]


def test_the_policy_of_a_pipeline() -> None:
    config = AirflowConfig.model_validate({"pipelineCatchup": True, "retries": 2, "workflowTimeout": 60})
    assert config.policy() == {
        "overlap": "queue",
        "misfire": "all",
        "maxAttempts": 3,
        "retryDelaySeconds": 300,
        "retryBackoff": 1,
        "timeoutSeconds": 60,
    }
    assert AirflowConfig.model_validate({"endDate": "2030-01-01"}).end_date == datetime(2030, 1, 1, tzinfo=UTC)


@given(st.lists(st.text(max_size=30)), st.integers(1, 40))
def test_a_long_log_comes_in_chunks(lines: list[str], size: int) -> None:
    chunks: list[str] = []
    total = 1
    while len(chunks) < total:
        text, total = chunk_of(lines, len(chunks), size)
        chunks.append(text)
    assert "".join(chunks) == "".join(lines)
    assert all(len(text) == size for text in chunks[:-1])
    with pytest.raises(Invalid, match="after"):
        chunk_of(lines, total, size)
