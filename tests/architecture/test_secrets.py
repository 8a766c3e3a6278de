"""No secret stands in what a value shows of itself, which logs, tracebacks and failed assertions do."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any, get_type_hints

import msgspec
import pytest
from pydantic import BaseModel

import connectors
import service
from connectors.services import Connection
from service.runs.schemas import RunCreate
from service.workflows.schemas import Snapshot, WorkflowCreate, WorkflowPatch

MARK = "hunter2"
# Whatever is decoded from a driver's or a server's answer is named as there: those of these names are secrets, too.
SECRET = re.compile(r"(\w+_)?(access_token|api_key|auth|connection|headers|passphrase|password|secrets?|source_config)")
# A text or a document that may hold one; models hide theirs themselves.
PLAIN = re.compile(r"str|bytes|dict|Mapping|Auth\b")
# In the service a config is a whole definition; these have it from the store, where its secrets are sealed.
SEALED = {"service.runs.repository.leases.ClaimedRun", "service.runs.repository.reports.Untold"}


def structs() -> Iterator[type[msgspec.Struct]]:
    for package in (connectors, service):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == module.name:
                    yield value


def secret_fields(struct: type[msgspec.Struct]) -> list[str]:
    """Those that hold a secret, by their names, and connections that are no models."""
    hints = get_type_hints(struct)
    definition = "config" if struct.__module__.startswith("service.") and name_of(struct) not in SEALED else None
    named = [name for name in struct.__struct_fields__ if SECRET.fullmatch(name) or name == definition]
    return [name for name in named if PLAIN.search(str(hints[name]))]


def name_of(struct: type[msgspec.Struct]) -> str:
    return f"{struct.__module__}.{struct.__name__}"


HOLDING = {name_of(struct): struct for struct in structs() if secret_fields(struct)}


@pytest.mark.parametrize("name", sorted(HOLDING))
def test_no_value_shows_its_secrets(name: str) -> None:
    struct = HOLDING[name]
    values: dict[str, Any] = dict.fromkeys(struct.__struct_fields__, "other") | dict.fromkeys(
        secret_fields(struct), MARK
    )
    assert MARK not in repr(struct(**values))


def test_the_values_that_hold_secrets_are_found() -> None:
    assert {"connectors.families.rest.Endpoint", "connectors.families.elasticsearch.api.Access"} < set(HOLDING)
    assert {"service.execution.messages.Assignment", "service.database.embedded.cluster.Cluster"} < set(HOLDING)


def test_what_the_server_tells_of_a_connection_is_not_shown() -> None:
    assert MARK not in repr(Connection({"password": MARK}))


@pytest.mark.parametrize("model", [RunCreate, Snapshot, WorkflowCreate, WorkflowPatch])
def test_a_definition_whose_secrets_are_not_sealed_so_far_is_not_shown(model: type[BaseModel]) -> None:
    field = "overrides" if model is RunCreate else "config"
    values: dict[str, Any] = {field: {"password": MARK}}
    given = model.model_construct(**values)
    assert MARK in str(given.model_dump(include={field}))
    assert MARK not in repr(given)
