"""The fake server is as strict as OpenMetadata's own schemas and rules."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Protocol, cast

import jsonschema
import pytest

from tests.fake_openmetadata import FakeOpenMetadata, schemas
from tests.fake_openmetadata.catalogue import COLLECTIONS, Catalogue, Refused

GOLDEN = schemas.SCHEMAS.parent / "golden" / "shop.openmetadata-2.0.7.json"
needs_schemas = pytest.mark.skipif(not schemas.available(), reason="OpenMetadata's JSON Schemas are not here")
TABLE = {
    "name": "t",
    "databaseSchema": "s.d.x",
    "tableType": "Regular",
    "columns": [{"name": "a", "dataType": "INT"}, {"name": "b", "dataType": "VARCHAR", "dataLength": 3}],
    "tableConstraints": [],
}
LABEL = {"tagFQN": "pii.no", "source": "Classification", "labelType": "Manual", "state": "Confirmed"}
REFERENCE = {"constraintType": "FOREIGN_KEY", "columns": ["a"], "referredColumns": ["s.d.x.u.a"]}


class Judge(Protocol):
    """What we ask of a jsonschema validator, whose own types are not complete."""

    def is_valid(self, instance: object) -> bool: ...


def golden() -> Iterator[tuple[str, dict[str, Any]]]:
    for collection, entities in json.loads(GOLDEN.read_text(encoding="utf-8")).items():
        for body in entities.values():
            yield collection, body


def broken(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same request, each time with one thing wrong."""
    yield {**body, "nonsense": 1}
    for key in body:
        yield {name: value for name, value in body.items() if name != key}
        yield {**body, key: {"wrong": "type"}}
        yield {**body, key: None}
        yield {**body, key: ["wrong"]}


@needs_schemas
def test_what_openmetadata_sends_is_taken() -> None:
    for collection, body in golden():
        schema = COLLECTIONS[collection].schema
        assert schema is not None
        assert schemas.checker(schema)(body) is None


@needs_schemas
def test_the_compiled_schemas_judge_like_the_interpreted_ones() -> None:
    judged = 0
    for collection, body in golden():
        name = COLLECTIONS[collection].schema
        check = schemas.checker(name or "")
        schema = json.loads((schemas.SCHEMAS / "api" / f"{name}.json").read_bytes())
        validator = cast("Judge", jsonschema.Draft202012Validator(schema))
        for wrong in broken(body):
            assert (check(wrong) is None) == validator.is_valid(wrong)
            judged += 1
    assert judged > 100


def test_without_the_schemas_required_fields_are_still_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "available", lambda: False)
    check = schemas.checker("CreateTableRequest")
    assert check(TABLE) is None
    assert check({**TABLE, "columns": []}) is None
    assert check({**TABLE, "columns": None}) == "columns must not be null"


@pytest.fixture
def catalogue() -> Catalogue:
    found = Catalogue()
    found.put("services/databaseServices", {"name": "s", "serviceType": "Postgres"})
    found.put("databases", {"name": "d", "service": "s"})
    found.put("databaseSchemas", {"name": "x", "database": "s.d"})
    return found


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"name": ""}, 400, "name"),
        ({"name": "a::b"}, 400, "must match"),
        ({"name": 'a"b'}, 400, "must match"),
        ({"name": "x" * 4000}, 400, "256|too long"),
        ({"databaseSchema": None}, 400, "databaseSchema"),
        ({"databaseSchema": "s.d.nowhere"}, 404, "not found"),
        ({"databaseSchema": 's.d."x'}, 400, "double quote"),
        ({"columns": [{"name": "a", "dataType": "INT"}] * 2}, 400, "repeated"),
        ({"columns": [{"name": "a", "dataType": "VARCHAR"}]}, 400, "dataLength"),
        ({"columns": [{"name": "a", "dataType": "ARRAY"}]}, 400, "arrayDataType"),
        ({"tags": [LABEL]}, 404, "tag"),
        ({"tableConstraints": [{"constraintType": "UNIQUE", "columns": ["z"]}]}, 400, "Invalid column"),
        ({"owners": [{"id": "00000000-0000-0000-0000-000000000000", "type": "user"}]}, 404, "user instance"),
        ({"tableConstraints": [REFERENCE]}, 404, "table instance"),
    ],
)
def test_what_breaks_a_rule_is_refused(catalogue: Catalogue, change: dict[str, Any], status: int, words: str) -> None:
    with pytest.raises(Refused, match=words) as caught:
        catalogue.put("tables", {**TABLE, **change})
    assert caught.value.status == status


def test_what_is_not_empty_is_deleted_only_with_all_that_is_in_it(catalogue: Catalogue) -> None:
    _, entity = catalogue.put("tables", TABLE)
    database = catalogue.entities["databases"]["s.d"]
    with pytest.raises(Refused, match="not empty"):
        catalogue.delete("databases", database.id, recursive=False)
    assert catalogue.delete("databases", database.id, recursive=True)
    assert entity.deleted
    assert not catalogue.delete("databases", database.id, recursive=True)


def test_a_deleted_table_comes_back_when_it_is_sent_again(catalogue: Catalogue) -> None:
    body = {**TABLE, "sourceHash": "a"}
    _, entity = catalogue.put("tables", body)
    catalogue.delete("tables", entity.id, recursive=True)
    catalogue.put("tables", body)
    assert not entity.deleted
    assert catalogue.unchanged == 0


def test_it_runs_by_hand_and_sums_up() -> None:
    command = [sys.executable, "-m", "tests.fake_openmetadata", "--port", "0", "--version", "1.9.1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."})
    assert process.stdout is not None
    with process:
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
    assert line.startswith("OpenMetadata 1.9.1 (fake) at http://127.0.0.1:")
    assert "0 requests, at most 0 at once" in rest


def test_two_at_once_do_not_meet() -> None:
    with FakeOpenMetadata() as one, FakeOpenMetadata() as other:
        assert one.host_port != other.host_port
