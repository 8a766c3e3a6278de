"""What a connector says of itself, without its system."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, cast

import jsonschema
import pytest

from connectors import registry
from connectors.connector import Check, Connector
from connectors.definition import SourceOptions
from connectors.secret_texts import SECRET_KEY

NAME = re.compile(r"[a-z][a-z0-9_]*")
CAMEL = re.compile(r"[a-z][A-Za-z0-9]*")
WITHOUT_DRIVERS = """
import json
import sys

drivers = json.loads(sys.argv[1])
blocked = {module: None for driver in drivers.values() if driver for module in (driver, driver.partition(".")[0])}
sys.modules.update(blocked)
from connectors import registry
from connectors.errors import ConfigurationError

assert set(registry.names()) == set(drivers)
for name, driver in drivers.items():
    connector = registry.get(name)
    assert connector.name == name
    assert connector.installed is not bool(driver), name
    assert all(sys.modules[module] is None for module in blocked), name
    connector.config.model_json_schema()
    try:
        registry.check(name, {}).__next__()
    except ConfigurationError as error:
        assert not driver or f"pip install 'headwater[{name}]'" in str(error), f"{name}: {error}"
    else:
        raise SystemExit(f"{name}: an empty connection was checked")
"""
Schema = dict[str, Any]


@pytest.fixture
def connector(name: str) -> Connector[Any, Any]:
    return registry.get(name)


def properties(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """The properties of a JSON Schema and of all that it defines."""
    for part in (schema, *schema.get("$defs", {}).values()):
        yield from cast("dict[str, Schema]", part.get("properties", {})).items()


def texts(schema: Schema) -> Iterator[Schema]:
    """The ways in which a property may be a text."""
    for way in (schema, *schema.get("anyOf", [])):
        if way.get("type") == "string" and "const" not in way and "enum" not in way:
            yield way


def test_it_is_named_like_its_module(name: str, connector: Connector[Any, Any]) -> None:
    assert isinstance(connector, Connector)
    assert connector.name == name
    assert NAME.fullmatch(name)
    assert re.fullmatch(r"[A-Z][A-Za-z0-9]*", connector.service_type)


def test_it_says_what_it_finds(connector: Connector[Any, Any]) -> None:
    assert connector.capabilities
    assert issubclass(connector.options, SourceOptions)


def test_its_schema_has_the_users_keys(connector: Connector[Any, Any]) -> None:
    for model in (connector.config, connector.options):
        schema = model.model_json_schema()
        jsonschema.Draft202012Validator.check_schema(schema)
        assert [key for key, _ in properties(schema) if not CAMEL.fullmatch(key)] == []
        assert schema["additionalProperties"] is False
        assert schema["description"]


def test_its_schema_hides_secrets(connector: Connector[Any, Any]) -> None:
    shown = [
        key
        for key, described in properties(connector.config.model_json_schema())
        if SECRET_KEY.search(key)
        for way in texts(described)
        if not (way.get("format") == "password" and way.get("writeOnly"))
    ]
    assert shown == []


def test_all_can_be_looked_at_without_any_driver() -> None:
    drivers = {name: registry.get(name).driver for name in registry.names()}
    command = [sys.executable, "-c", WITHOUT_DRIVERS, json.dumps(drivers)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_its_checks_are_well_formed(connector: Connector[Any, Any]) -> None:
    checks: tuple[Check[Any], ...] = connector.checks
    names = [check.name for check in checks]
    assert len(names) == len(set(names)) > 0
    assert checks[0].gate
    assert checks[0].mandatory
    for check in checks:
        assert re.fullmatch(r"[A-Z][A-Za-z]+", check.name)
        assert check.description
        assert 0 < check.timeout_seconds <= 120
