"""What a command does not import, so that it starts fast."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sharing import REPOSITORY

STORE_AND_SERVER = {"sqlalchemy", "fastapi", "apscheduler", "psycopg", "asyncio", "pydantic_settings", "cryptography"}
AFTER_THE_DATABASE = {"fastapi", "uvicorn", "apscheduler", "prometheus_client", "service.app", "connectors.registry"}
OF_RUNS = {"httpx", "regex", "connectors.sinks.metadata_rest"}
DEFINITION = {
    "source": {
        "type": "postgres",
        "serviceName": "shop",
        "serviceConnection": {"config": {"username": "reader", "hostPort": "db:5432", "database": "shop"}},
        "sourceConfig": {"config": {"schemaFilterPattern": {"includes": ["^sales"]}}},
    },
    "sink": {"type": "file", "config": {"filename": "shop.jsonl"}},
}
# As `headwater run` does until it connects.
PLANNED = """
import os, sys
from pathlib import Path
from connectors import registry
from service.cli import run
config, _ = run.resolved(Path(sys.argv[1]), os.environ, lambda raw: registry.plan(raw).secret_paths)
"""
OF_CONNECTORS = """
packages = {name for name, module in sys.modules.items() if hasattr(module, "__path__")}
sources = {name for name in sys.modules if name.startswith("connectors.sources.")}
families = {name for name in packages if name.startswith("connectors.families.")}
print(sorted(sources | families), "yaml" in sys.modules)
"""
# What calls the server, and what tells which names are taken: both is done when the source has answered.
OF_THE_SINK = """
print(sorted({"httpx", "httpcore", "h11", "regex", "connectors.openmetadata.client", "connectors.sinks.metadata_rest"}
             & sys.modules.keys()))
"""
# As `headwater run` does: what its source is asked first ends it.
ASKED = """
import os, sys
from argparse import Namespace
from pathlib import Path
from service.cli import run
from connectors.families.postgres import source
def asked(*_): raise SystemExit("asked")
source.PostgresSource.databases = asked
try: run.main(Namespace(config=Path(sys.argv[1]), dead_letters=Path(sys.argv[1] + ".dead")), os.environ)
except Exception as error: print(error)
"""
UNASKED = """
from connectors.definition import OpenMetadataConnection, OtherWorkflows
from connectors.families.postgres.config import CatalogueConfig, PostgresConfig
print([each.__name__ for each in (OpenMetadataConnection, OtherWorkflows, CatalogueConfig, PostgresConfig)
       if each.__pydantic_complete__])
"""


def printed(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def to_server(file: str) -> str:
    """The definition of a file with a server in place of its sink, and without a pattern of its own."""
    server = {"hostPort": "http://127.0.0.1:9/api", "securityConfig": {"jwtToken": "token"}}
    definition: dict[str, object] = {"sink": {}, "workflowConfig": {"openMetadataServerConfig": server}}
    definition["source"] = {**DEFINITION["source"], "sourceConfig": {}}
    Path(file).write_text(json.dumps(definition))
    return file


@pytest.fixture
def definition(tmp_path: Path) -> str:
    file = tmp_path / "shop.json"
    file.write_text(json.dumps(DEFINITION))
    return str(file)


@pytest.mark.parametrize(
    ("command", "unwanted"),
    [
        pytest.param("run", STORE_AND_SERVER, id="a run without the service leaves its store and server alone"),
        pytest.param("serve", AFTER_THE_DATABASE, id="an embedded database starts while the service is loaded"),
    ],
)
def test_a_command_does_not_load(command: str, unwanted: set[str]) -> None:
    program = f"import sys, service.cli, service.cli.{command}; print({unwanted!r} & sys.modules.keys())"
    assert printed(program) == "set()"


def test_a_service_starts_before_it_loads_what_calls_servers_and_filters() -> None:
    program = """
import sys, service.app
from connectors.ingestion import load_ahead
wanted = set(sys.argv[1:])
print(sorted(wanted & sys.modules.keys()))
load_ahead()
print(sorted(wanted - sys.modules.keys()))
"""
    assert printed(program, *OF_RUNS).splitlines() == ["[]", "[]"]


def test_a_run_loads_its_own_connector_only_and_of_the_formats_that_of_its_file(definition: str) -> None:
    expected = "['connectors.families.postgres', 'connectors.sources.postgres'] False"
    assert printed(PLANNED + OF_CONNECTORS, definition) == expected


def test_a_run_builds_the_validators_that_it_asks(definition: str) -> None:
    assert printed(PLANNED + UNASKED, definition) == "['PostgresConfig']"


def test_a_run_asks_its_source_before_it_loads_what_calls_its_server_and_its_filters(definition: str) -> None:
    *_, ended, loaded = printed(ASKED + OF_THE_SINK, to_server(definition)).splitlines()
    assert (ended, loaded) == ("the run broke off: SystemExit: asked", "[]")


def test_modules_are_loaded_with_the_collector_off(tmp_path: Path) -> None:
    lines = ["import gc, sys", "collected = gc.isenabled()"]
    lines += ["def main(): print(collected, gc.isenabled(), gc.get_freeze_count() > 1000, sys.argv[1:])"]
    (tmp_path / "a_command.py").write_text("\n".join(lines))
    command = [sys.executable, "-m", "service.loading", "a_command", "7"]
    environ = {"PYTHONPATH": f"{REPOSITORY}:{tmp_path}"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False True True ['7']"
