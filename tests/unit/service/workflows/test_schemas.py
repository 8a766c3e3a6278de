from typing import Any

import pytest
from pydantic import ValidationError

from service.workflows.schemas import MAX_LABELS, Policy, WorkflowCreate, WorkflowPatch, read_labels, read_policy

CONFIG = {"source": {"type": "postgres"}}


def test_the_policy_defaults_are_those_of_the_design() -> None:
    assert Policy().model_dump(mode="json") == {
        "overlap": "skip",
        "misfire": "latest",
        "misfireGraceSeconds": 3600,
        "catchUpLimit": 100,
        "maxAttempts": 3,
        "retryDelaySeconds": 60,
        "retryBackoff": 2.0,
        "timeoutSeconds": 7200,
        "priority": 0,
        "pool": "default",
        "isolation": "thread",
        "memoryLimitMb": None,
        "pauseAfterFailures": None,
    }


@pytest.mark.parametrize("name", ["a", "A.b-c_9", "0" * 128])
def test_names_that_are_taken(name: str) -> None:
    assert WorkflowCreate(name=name, config={}).name == name


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "a/b", "ä", "a\n", "0" * 129])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        WorkflowCreate(name=name, config={})


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"colour": "red"}, ("colour",)),
        ({"description": "a\x00b"}, ("description",)),
        ({"labels": {"a": "\ud800"}}, ("labels", "a")),
        ({"labels": {f"k{number}": "v" for number in range(MAX_LABELS + 1)}}, ("labels",)),
        ({"labels": {"a": 1}}, ("labels", "a")),
        ({"policy": {"maxAttempts": 0}}, ("policy", "maxAttempts")),
        ({"policy": {"retryBackoff": float("inf")}}, ("policy", "retryBackoff")),
        ({"policy": {"pool": "a b"}}, ("policy", "pool")),
        ({"schedule": {"cron": "* * * * *", "timezone": "x"}}, ("schedule", "cron", "timezone")),
        ({"config": {"a": ["\x00"]}}, ("config",)),
        ({"config": {"a": float("nan")}}, ("config",)),
        ({"config": []}, ("config",)),
    ],
)
def test_faults_are_found_where_they_are(wrong: dict[str, Any], path: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        WorkflowCreate.model_validate({"name": "shop", "config": CONFIG} | wrong)
    assert path in [fault["loc"] for fault in caught.value.errors()]


def test_errors_do_not_repeat_secrets() -> None:
    with pytest.raises(ValidationError) as caught:
        WorkflowCreate.model_validate({"name": "shop", "config": {"password": "hunter2\x00"}, "password": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_a_patch_tells_null_from_absent() -> None:
    assert "schedule" in WorkflowPatch.model_validate({"schedule": None}).model_fields_set
    assert "schedule" not in WorkflowPatch.model_validate({}).model_fields_set
    with pytest.raises(ValidationError):
        WorkflowPatch.model_validate({"config": None})


def test_what_a_later_release_stored_can_be_read() -> None:
    assert read_policy({"priority": 7, "colour": "red"}) == Policy(priority=7)
    assert read_labels({"a": "b", "c": 1}) == {"a": "b"}


def test_a_memory_limit_needs_a_process_of_its_own() -> None:
    policy = {"isolation": "process", "memoryLimitMb": 512}
    assert WorkflowCreate.model_validate({"name": "a", "config": {}, "policy": policy}).policy.memory_limit_mb == 512
    with pytest.raises(ValidationError, match="needs isolation process") as caught:
        WorkflowCreate.model_validate({"name": "a", "config": {}, "policy": {"memoryLimitMb": 512}})
    assert [fault["loc"] for fault in caught.value.errors()] == [("policy", "memoryLimitMb")]
    with pytest.raises(ValidationError):
        WorkflowCreate.model_validate({"name": "a", "config": {}, "policy": {**policy, "memoryLimitMb": 1}})
