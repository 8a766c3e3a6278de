"""Tests of data: what each is attached to, and what became of it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from connectors.families.dbt.artefacts import Freshness, RunResult
from connectors.families.dbt.nodes import DataTest
from connectors.families.dbt.project import Project
from connectors.models.names import encode_name, fqn
from connectors.models.quality import (
    CaseResult,
    CaseStatus,
    CreateTestCaseRequest,
    CreateTestDefinitionRequest,
    ParameterDefinition,
    ParameterType,
    ParameterValue,
    ResultValue,
    entity_link,
)

PLATFORM = ("dbt",)
# What stands in the arguments of a generic test for the table that it is attached to.
OF_TABLE = re.compile(r"\b(?:ref|source)\(\s*(?P<names>(?:'[^']*'|\"[^\"]*\")(?:\s*,\s*(?:'[^']*'|\"[^\"]*\"))?)")
NAME = re.compile(r"'([^']*)'|\"([^\"]*)\"")
IMPLIED = frozenset({"model", "column_name"})
# A warning is rows that were found, too. What was only compiled or skipped has no result.
STATUS: dict[str, CaseStatus] = {"pass": "Success", "fail": "Failed", "warn": "Failed", "error": "Aborted"}
FRESHNESS: dict[str, CaseStatus] = {"pass": "Success", "warn": "Failed", "error": "Failed", "runtime error": "Aborted"}


class FoundTest(msgspec.Struct, frozen=True):
    """A test, the ids of the nodes that it is of, and its result where there is one."""

    name: str
    nodes: tuple[str, ...]
    column: str | None = None
    description: str | None = None
    arguments: tuple[tuple[str, Any], ...] = ()
    result: CaseResult | None = None


def found_test(test: DataTest, project: Project, result: RunResult | None, generated_at: datetime | None) -> FoundTest:
    """A test of the manifest; `generated_at` is the moment of a result that has none of its own."""
    generic = test.test_metadata
    arguments = {} if generic is None else generic.kwargs
    return FoundTest(
        name=test.name,
        nodes=_attached(test, project),
        column=test.column_name,
        description=test.description or None,
        arguments=tuple((name, value) for name, value in sorted(arguments.items()) if name not in IMPLIED),
        result=None if result is None else _result(result, generated_at),
    )


def freshness_test(name: str, found: Freshness, generated_at: datetime | None) -> FoundTest:
    """The age of what is in a source, as a test of its table."""
    moment, status = found.snapshotted_at or generated_at, FRESHNESS.get(found.status)
    age = found.max_loaded_at_time_ago_in_s
    result = None
    if moment is not None and status is not None:
        loaded = None if found.max_loaded_at is None else f"last loaded at {found.max_loaded_at.isoformat()}"
        result = CaseResult(
            timestamp=_milliseconds(moment),
            test_case_status=status,
            result=": ".join(filter(None, (found.status, found.error or loaded))),
            test_result_value=() if age is None else (ResultValue(name="age in seconds", value=f"{age:.0f}"),),
        )
    return FoundTest(f"{name}_freshness", (found.unique_id,), description="How old the last row is.", result=result)


def definition(test: FoundTest) -> CreateTestDefinitionRequest:
    """What the test is, whatever it looks at."""
    return CreateTestDefinitionRequest(
        name=encode_name(test.name),
        description=test.description,
        entity_type="TABLE" if test.column is None else "COLUMN",
        test_platforms=PLATFORM,
        parameter_definition=tuple(
            ParameterDefinition(name=name, data_type=_type(value)) for name, value in test.arguments
        ),
    )


def case(test: FoundTest, table: str, column: str | None) -> CreateTestCaseRequest:
    """The test of one table, by its fully qualified name, or of a column of it."""
    return CreateTestCaseRequest(
        name=encode_name(test.name),
        description=test.description,
        test_definition=fqn(encode_name(test.name)),
        entity_link=entity_link(table, None if column is None else encode_name(column)),
        parameter_values=tuple(ParameterValue(name=name, value=_text(value)) for name, value in test.arguments),
    )


def _attached(test: DataTest, project: Project) -> tuple[str, ...]:
    """The node that a generic test is attached to; of one that is written in SQL, all that it reads."""
    if test.attached_node is not None:
        return (test.attached_node,)
    model: object = test.test_metadata.kwargs.get("model") if test.test_metadata is not None else None
    found = OF_TABLE.search(model) if isinstance(model, str) else None
    if found is None:
        return test.depends_on.nodes
    names = [first or second for first, second in NAME.findall(found["names"])]
    return tuple(each for each in project.referred(*names) if each in test.depends_on.nodes)


def _result(result: RunResult, generated_at: datetime | None) -> CaseResult | None:
    status, moment = STATUS.get(result.status), next(_ends(result), generated_at)
    if status is None or moment is None:
        return None
    failures = () if result.failures is None else (ResultValue(name="failures", value=str(result.failures)),)
    return CaseResult(
        timestamp=_milliseconds(moment),
        test_case_status=status,
        result=": ".join(filter(None, (result.status, result.message))),
        test_result_value=failures,
    )


def _ends(result: RunResult) -> Iterator[datetime]:
    """When it was over."""
    return (part.completed_at for part in reversed(result.timing) if part.completed_at is not None)


def _milliseconds(moment: datetime) -> int:
    """Since 1970; dbt's moments are in UTC, also where they do not say so."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000)


def _type(value: object) -> ParameterType:
    match value:
        case bool():
            return "BOOLEAN"
        case int() | float():
            return "NUMBER"
        case list():
            return "ARRAY"
        case dict():
            return "MAP"
        case _:
            return "STRING"


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
