"""No secret stands in what a value shows of itself, which logs, tracebacks and failed assertions do."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any, get_type_hints

import msgspec
import pytest

import connectors
from connectors.services import Connection

MARK = "hunter2"
# Whatever is decoded from a driver's or a server's answer is named as there: those of these names are secrets, too.
SECRET = re.compile(r"(\w+_)?(access_token|api_key|auth|connection|headers|passphrase|password|secrets?)")
# A text or a document that may hold one; models hide theirs themselves.
PLAIN = re.compile(r"str|bytes|dict|Mapping|Auth\b")


def structs() -> Iterator[type[msgspec.Struct]]:
    for module in pkgutil.walk_packages(connectors.__path__, "connectors."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == module.name:
                yield value


def secret_fields(struct: type[msgspec.Struct]) -> list[str]:
    """Those that hold a secret, by their names, and connections that are no models."""
    hints = get_type_hints(struct)
    named = [name for name in struct.__struct_fields__ if SECRET.fullmatch(name)]
    return [name for name in named if PLAIN.search(str(hints[name]))]


HOLDING = {f"{struct.__module__}.{struct.__name__}": struct for struct in structs() if secret_fields(struct)}


@pytest.mark.parametrize("name", sorted(HOLDING))
def test_no_value_shows_its_secrets(name: str) -> None:
    struct = HOLDING[name]
    values: dict[str, Any] = dict.fromkeys(struct.__struct_fields__, "other") | dict.fromkeys(
        secret_fields(struct), MARK
    )
    assert MARK not in repr(struct(**values))


def test_the_values_that_hold_secrets_are_found() -> None:
    assert {"connectors.families.rest.Endpoint", "connectors.families.elasticsearch.api.Access"} < set(HOLDING)


def test_what_the_server_tells_of_a_connection_is_not_shown() -> None:
    assert MARK not in repr(Connection({"password": MARK}))
