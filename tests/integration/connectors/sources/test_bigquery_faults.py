"""What goes wrong with BigQuery, and what the connector makes of it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from connectors.cancellation import Cancellation
from connectors.connector import run_checks
from connectors.errors import ConnectorError, FatalError, RunCancelled, SourceUnavailable
from connectors.families.bigquery import api
from connectors.families.bigquery.config import BigQueryConfig
from connectors.families.rest import RestLimits
from connectors.http.retry import RetryPolicy
from connectors.models.database import CreateTableRequest
from connectors.sources.bigquery import CONNECTOR
from tests.answering import Asked, Status
from tests.bigquery import TOKEN, connection
from tests.fake_openmetadata.faults import Fault
from tests.integration.connectors.sources.bigquery_runs import PLAIN, SCOPE, SHOP, run, seen, tables
from tests.recorded_bigquery import BASE, PLACE, PROJECT, Recorded, refusal, table


@pytest.fixture
def server() -> Iterator[Callable[[Recorded], Recorded]]:
    with ExitStack() as stack:
        yield stack.enter_context


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = RestLimits(retry=RetryPolicy(tries=3, few_tries=2, first_seconds=0.01))
    monkeypatch.setattr(api, "LIMITS", limits)


def test_a_table_that_is_dropped_meanwhile_is_gone(server: Callable[[Recorded], Recorded]) -> None:
    walked = run(server(Recorded([*SHOP, table("dropped")], PLAIN)))
    assert set(tables(walked)) == {"a", "b", "v"}
    assert seen(walked) == {"a", "b", "v"}


@pytest.mark.parametrize("answer", [refusal(403, "accessDenied", "no bigquery.tables.get"), Status(200, {})])
def test_tables_that_are_hidden_fail_their_listing(server: Callable[[Recorded], Recorded], answer: Status) -> None:
    one = server(Recorded([*SHOP, table("hidden")], PLAIN))
    one.answers[f"GET {PLACE}/tables/hidden"] = answer
    walked = run(one)
    assert {each.name for each in walked.sink.only(CreateTableRequest)} == {"a", "b", "v"}
    assert seen(walked) == set()
    [failure] = walked.report.failures
    assert "1 tables of s show no column: hidden" in failure.cause
    assert "roles/bigquery.metadataViewer" in str(failure.advice)


def test_a_dataset_that_may_not_be_read_is_one_failure(server: Callable[[Recorded], Recorded]) -> None:
    one = server(Recorded(SHOP, PLAIN))
    other = {"datasetReference": {"datasetId": "shut"}, "location": "US"}
    one.answers[f"GET {BASE}/datasets"]["datasets"].append(other)
    one.answers[f"GET {BASE}/datasets/shut"] = refusal(403, "accessDenied", "no bigquery.datasets.get")
    one.answers[f"GET {BASE}/datasets/shut/routines"] = {}
    one.answers[f"GET {BASE}/datasets/shut/tables"] = refusal(403, "accessDenied", "no bigquery.tables.list")
    gone = {"datasetReference": {"datasetId": "vanished"}}
    one.answers[f"GET {BASE}/datasets"]["datasets"].append(gone)
    walked = run(one)
    [failure] = walked.report.failures
    assert failure.name == f"wh.{PROJECT}.shut"
    assert "the tables of dataset acme.shut" in failure.cause
    assert "roles/bigquery.metadataViewer" in str(failure.advice)
    assert walked.sink.names("databaseSchema") == {f"wh.{PROJECT}.s", f"wh.{PROJECT}.shut"}
    assert {scope for scope, entity in walked.sink.deletions() if entity == "table"} == {SCOPE}


def test_datasets_of_a_location_that_is_unreachable_are_not_gone(server: Callable[[Recorded], Recorded]) -> None:
    one = server(Recorded(SHOP, PLAIN))
    assert "databaseSchema" in {entity for _, entity in run(one, markDeletedSchemas=True).sink.deletions()}
    one.answers[f"GET {BASE}/datasets"]["unreachable"] = ["europe-west5"]
    walked = run(one, markDeletedSchemas=True)
    [failure] = walked.report.failures
    assert "no dataset of project acme in europe-west5" in failure.cause
    assert "no dataset is marked as deleted" in str(failure.advice)
    assert walked.sink.names("databaseSchema") == {SCOPE}
    assert {entity for _, entity in walked.sink.deletions()} == {"table", "storedProcedure"}
    assert seen(walked) == {"a", "b", "v"}


@pytest.mark.parametrize("path", [f"{BASE}/datasets", f"{PLACE}/tables"])
def test_what_is_no_list_is_not_an_empty_one(server: Callable[[Recorded], Recorded], path: str) -> None:
    one = server(Recorded(SHOP, PLAIN))
    one.answers[f"GET {path}"] = {}
    walked = run(one, markDeletedSchemas=True)
    [failure] = walked.report.failures
    assert "answers something else than BigQuery does" in failure.cause
    assert not {entity for _, entity in walked.sink.deletions()} & {"databaseSchema", "table"}


@pytest.mark.parametrize(
    ("answer", "error", "advice"),
    [
        (refusal(403, "accessDenied", "User does not have bigquery.jobs.create permission"), FatalError, "jobUser"),
        (refusal(403, "accessDenied", "BigQuery API has not been used in project 1 before"), FatalError, "API enabled"),
        (refusal(403, "accessDenied", "no bigquery.tables.get on it"), None, "metadataViewer"),
        (refusal(400, "invalidQuery", "Unrecognized name: policy_tags"), None, "look into the log"),
        (refusal(403, "quotaExceeded", "Exceeded rate limits"), SourceUnavailable, "see whether"),
        (refusal(503, "backendError", "try later"), SourceUnavailable, "see whether"),
        (
            Status(200, b"<html>hello</html>", {"Content-Type": "text/html"}),
            None,
            "see whether hostPort is the address",
        ),
        (
            Status(200, {"jobComplete": True, "errors": [{"reason": "stopped", "message": "m"}]}),
            None,
            "the query's job",
        ),
    ],
)
def test_what_a_query_is_told(
    server: Callable[[Recorded], Recorded], answer: Status, error: type[Exception] | None, advice: str
) -> None:
    one = server(Recorded(SHOP, {**PLAIN, "COLUMNS": answer}))
    if error is not None:
        with pytest.raises(ConnectorError) as caught:
            run(one)
        assert type(caught.value) is error
        assert advice in str(caught.value.advice)
        return
    walked = run(one)
    [failure] = walked.report.failures
    assert advice in str(failure.advice)
    assert seen(walked) == set()  # what was not read is not gone


def test_a_query_that_is_never_done_ends(
    server: Callable[[Recorded], Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "JOB_MILLISECONDS", 1)
    with pytest.raises(SourceUnavailable, match="the query is not done") as caught:
        run(server(Recorded(SHOP, PLAIN, waiting=1_000_000)))
    assert "BigQuery's console" in str(caught.value.advice)


def test_it_waits_as_it_is_told_to(server: Callable[[Recorded], Recorded]) -> None:
    too_many = Fault("/queries", status=429, headers={"Retry-After": "0"})
    one = server(Recorded(SHOP, PLAIN, [too_many, Fault("/tables", status=503, headers={"Retry-After": "0"})]))
    answers = iter([refusal(403, "rateLimitExceeded", "Exceeded rate limits: too many api requests")])
    begun = one.answers[f"POST {BASE}/queries"]

    def busy(asked: Asked) -> Any:
        return next(answers, None) or begun(asked)

    one.answers[f"POST {BASE}/queries"] = busy
    assert set(tables(run(one))) == {"a", "b", "v"}


def test_a_token_that_is_over_is_fetched_anew(server: Callable[[Recorded], Recorded]) -> None:
    one = server(Recorded(SHOP, PLAIN))
    tokens = iter([f"{TOKEN}-1", f"{TOKEN}-2"])

    def another(_asked: Asked) -> Status:
        return Status(200, {"access_token": next(tokens), "expires_in": 3600})

    one.answers["POST /token"] = another
    begun = one.answers[f"GET {PLACE}/tables"]

    def over(asked: Asked) -> Any:
        old = asked.headers["authorization"].endswith("-1")
        return refusal(401, "authError", "Invalid Credentials") if old else begun(asked)

    one.answers[f"GET {PLACE}/tables"] = over
    assert set(tables(run(one))) == {"a", "b", "v"}
    assert next(tokens, None) is None


def test_a_token_that_is_refused_is_the_credentials_fault(server: Callable[[Recorded], Recorded]) -> None:
    one = server(Recorded([]))
    one.answers[f"GET {BASE}/datasets"] = refusal(401, "authError", f"Invalid Credentials: {TOKEN}")
    with pytest.raises(FatalError, match="does not let the user in") as caught:
        run(one)
    assert "credentials.gcpConfig" in str(caught.value.advice)
    assert TOKEN not in str(caught.value)


def cancel_when_asked(one: Recorded, cancellation: Cancellation, path: str) -> None:
    """Run until that path was asked for; the run has to end by a cancel then."""
    stopped: list[BaseException] = []

    def ask() -> None:
        try:
            run(one, cancellation)
        except RunCancelled as error:
            stopped.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    while not any(path in each for each in one.paths()):
        asking.join(0.01)
    cancellation.cancel("enough")
    asking.join(30)
    assert [str(error) for error in stopped] == ["enough"]


@pytest.mark.parametrize("path", ["/token", "/queries", "/tables"])
def test_a_cancel_ends_a_question_without_an_answer(server: Callable[[Recorded], Recorded], path: str) -> None:
    one, cancellation = server(Recorded(SHOP, PLAIN, [Fault(path, "slow", seconds=60)])), Cancellation()
    cancel_when_asked(one, cancellation, path)


def cancelled(one: Recorded) -> list[tuple[str, list[str]]]:
    """The jobs that BigQuery was told to end, and where they are."""
    return [(asked.path, asked.query["location"]) for asked in one.asked if asked.path.endswith("/cancel")]


def test_a_cancelled_run_ends_its_queries(
    server: Callable[[Recorded], Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "CANCEL_SECONDS", 60.0)
    asked_again = [Fault(f"/queries/{n}", "slow", seconds=60) for n in range(5)]
    one, cancellation = server(Recorded(SHOP, PLAIN, asked_again, waiting=1_000_000)), Cancellation()
    cancel_when_asked(one, cancellation, "/queries/")
    begun = len(one.queries())
    assert sorted(cancelled(one)) == [(f"{BASE}/jobs/{n}/cancel", ["EU"]) for n in range(begun)]


def test_queries_that_are_done_are_not_cancelled(server: Callable[[Recorded], Recorded]) -> None:
    one = server(Recorded(SHOP, PLAIN, waiting=1))
    assert set(tables(run(one))) == {"a", "b", "v"}
    assert cancelled(one) == []


@pytest.mark.parametrize("fault", [Fault("/cancel", status=403), Fault("/cancel", "slow", seconds=60)])
def test_a_query_that_cannot_be_cancelled_is_told(
    server: Callable[[Recorded], Recorded],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
) -> None:
    monkeypatch.setattr(api, "JOB_MILLISECONDS", 1)
    monkeypatch.setattr(api, "CANCEL_SECONDS", 0.5)
    with pytest.raises(SourceUnavailable, match="the query is not done"):
        run(server(Recorded(SHOP, PLAIN, [replace(fault)], waiting=1_000_000)))
    assert "a query of BigQuery may go on for up to " in caplog.text


def test_checks(server: Callable[[Recorded], Recorded]) -> None:
    one = server(Recorded(SHOP, {"TABLES": [["3"]]}))
    config = BigQueryConfig.model_validate(connection(one.address, PROJECT))
    assert [(each.status, each.message) for each in run_checks(CONNECTOR.checks, config)] == [
        ("passed", "projects: acme"),
        ("passed", "1 datasets"),
        ("passed", "3 tables and views in acme.s"),
        ("passed", "INFORMATION_SCHEMA of acme.s shows 3 tables and views"),
    ]
    one.views["TABLES"] = refusal(403, "accessDenied", "User does not have bigquery.jobs.create permission")
    results = {each.name: each for each in run_checks(CONNECTOR.checks, config)}
    assert results["GetColumns"].status == "failed"
    assert "roles/bigquery.jobUser" in str(results["GetColumns"].advice)
    one.answers[f"GET {BASE}/datasets"] = {"kind": "bigquery#datasetList"}
    results = {each.name: each for each in run_checks(CONNECTOR.checks, config)}
    assert (results["GetSchemas"].status, results["GetSchemas"].message) == ("failed", "no dataset is shown")
    assert results["GetTables"].message == results["GetColumns"].message == "no dataset to look into"


def test_no_project_is_named(server: Callable[[Recorded], Recorded]) -> None:
    one = server(Recorded([]))
    given = connection(one.address, PROJECT)
    del given["credentials"]["gcpConfig"]["projectId"]
    config = BigQueryConfig.model_validate(given)
    first = next(run_checks(CONNECTOR.checks, config))
    assert (first.status, first.advice) == ("failed", "give credentials.gcpConfig.projectId")
