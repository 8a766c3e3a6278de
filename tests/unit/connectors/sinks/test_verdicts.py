from typing import Any

import msgspec
import pytest

from connectors.http.answers import Answer
from connectors.models.dashboard import CreateDashboardDataModelRequest
from connectors.models.names import fqn
from connectors.sinks.entries import Entry, Kind
from connectors.sinks.verdicts import Unclear, read_bulk

TABLES = Kind("table", "tables", 3, bulk=True)


def entries(*names: tuple[str, ...]) -> list[Entry]:
    return [Entry(number, TABLES, fqn(*parts), b"{}") for number, parts in enumerate(names)]


def answer(**result: Any) -> Answer:
    return Answer(200, msgspec.json.encode(result))


THREE = entries(("s", "d", "x", "a"), ("s", "d", "y", "a"), ("s", "d", "x", "b.c"))


def test_everything_was_taken() -> None:
    verdict = read_bulk(answer(status="success", numberOfRowsPassed=3), THREE)
    assert (dict(verdict.refused), verdict.unchanged) == ({}, 0)


@pytest.mark.parametrize(
    ("request_", "place"),
    [
        ("s.d.y.a", 1),
        ('s.d.x."b.c"', 2),
        ("S.D.Y.A", 1),
        ("b.c", 2),
        ({"fullyQualifiedName": "s.d.x.a"}, 0),
        ({"name": "b.c", "columns": []}, 2),
        ({"name": "a", "databaseSchema": "s.d.y", "columns": []}, 1),
    ],
)
def test_a_refused_entity_is_found_by_what_the_server_calls_it(request_: Any, place: int) -> None:
    failed = [{"request": request_, "status": 400, "message": "no"}]
    verdict = read_bulk(answer(status="partialSuccess", numberOfRowsPassed=2, failedRequest=failed), THREE)
    assert {at: refusal.message for at, refusal in verdict.refused.items()} == {place: "no"}


def test_a_refused_data_model_is_told_from_its_namesake_of_another_service() -> None:
    kind = Kind.of(CreateDashboardDataModelRequest)
    two = [Entry(number, kind, name, b"{}") for number, name in enumerate(("one.model.a", "two.model.a"))]
    failed = [{"request": {"name": "a", "service": "two"}, "status": 400, "message": "no"}]
    verdict = read_bulk(answer(status="partialSuccess", numberOfRowsPassed=1, failedRequest=failed), two)
    assert list(verdict.refused) == [1]


@pytest.mark.parametrize("request_", ["a", "s.d.z.a", 'odd"name', {"name": "a"}, {"name": "z"}, {}, None, 7, []])
def test_it_is_unclear_whom_the_server_means(request_: Any) -> None:
    with pytest.raises(Unclear, match="no"):
        read_bulk(answer(status="partialSuccess", failedRequest=[{"request": request_, "message": "no"}]), THREE)


def test_a_single_entity_is_always_meant() -> None:
    verdict = read_bulk(answer(status="failure", failedRequest=[{"request": None, "message": "no"}]), THREE[:1])
    assert verdict.refused[0].message == "no"


@pytest.mark.parametrize(
    "result",
    [
        {"status": "failure"},
        {"status": "aborted", "abortReason": "too many"},
        {"status": "partialSuccess", "numberOfRowsFailed": 2, "failedRequest": [{"request": "s.d.x.a"}]},
        {"status": "success", "numberOfRowsFailed": 1},
        {},
        {"status": "success"},
        {"status": "success", "numberOfRowsPassed": 1},
        {"status": "success", "successRequest": [{"request": "s.d.x.a"}]},
        {"status": "partialSuccess", "numberOfRowsPassed": 1, "failedRequest": [{"request": "s.d.x.a"}]},
        {"failedRequest": [{"request": "s.d.x.a"}, {"request": "s.d.x.a"}]},
        {"failedRequest": "no list"},
    ],
)
def test_an_answer_that_names_too_few_is_unclear(result: dict[str, Any]) -> None:
    with pytest.raises(Unclear):
        read_bulk(answer(**result), THREE)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"status": "succ', b"[]"])
def test_what_cannot_be_read_is_unclear(body: bytes) -> None:
    with pytest.raises(Unclear, match="cannot be read"):
        read_bulk(Answer(200, body), THREE)


def test_what_the_server_calls_unchanged_is_counted() -> None:
    rows = [{"request": "s.d.x.a", "status": 304}, {"request": "x", "message": "entityNoChange: no change"}, {}]
    assert read_bulk(answer(status="success", successRequest=rows), THREE).unchanged == 2


@pytest.mark.parametrize(("status", "passing"), [(400, False), (404, False), (409, True), (429, True), (503, True)])
def test_some_refusals_pass(status: int, passing: bool) -> None:
    failed = [{"request": "s.d.x.a", "status": status}]
    assert read_bulk(answer(numberOfRowsPassed=2, failedRequest=failed), THREE).refused[0].passing is passing
