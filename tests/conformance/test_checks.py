"""Connection tests: of the system as it is, and of addresses where nothing good answers."""

import socket
import time
from collections.abc import Iterator

import pytest

from connectors.connector import CheckResult, run_checks
from tests.conformance.runs import Bench, impatient

SECONDS = 1.0
SLACK = 10.0
# A refused connection is told at once; only loading a driver may take long.
PATIENCE = 25.0


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port at which somebody listens and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def results_at(bench: Bench, port: int, seconds: float = SECONDS) -> list[CheckResult]:
    connector = impatient(bench.connector, seconds)
    config = connector.config.model_validate(bench.system.connection_to("127.0.0.1", port))
    began = time.monotonic()
    results = list(run_checks(connector.checks, config))
    assert time.monotonic() - began < seconds * len(connector.checks) + SLACK
    return results


def assert_polite(results: list[CheckResult], bench: Bench) -> None:
    first, *rest = results
    assert first.status == "failed"
    assert first.advice
    assert {result.status for result in rest} <= {"skipped"}
    for result in results:
        assert result.message
        assert "Traceback" not in result.message
        assert not any(secret in f"{result}" for secret in bench.system.secrets)


def test_every_step_passes_with_the_system_at_hand(bench: Bench) -> None:
    config = bench.connector.config.model_validate(bench.system.connection)
    results = list(run_checks(bench.connector.checks, config))
    assert [(result.name, result.status) for result in results if result.status != "passed"] == []
    assert all(result.message for result in results)


def test_nobody_listens(bench: Bench, closed_port: int) -> None:
    results = results_at(bench, closed_port, PATIENCE)
    assert_polite(results, bench)
    assert str(closed_port) in results[0].message


def test_nobody_answers(bench: Bench, silent_port: int) -> None:
    assert_polite(results_at(bench, silent_port), bench)
