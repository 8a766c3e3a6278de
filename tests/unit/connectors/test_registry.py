"""Which connectors there are, and what a whole definition is told."""

import copy
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any, Literal

import msgspec
import pytest
from pydantic import Field, SecretStr

import connectors.sources
from connectors import registry
from connectors.connector import Check, Connector
from connectors.definition import SourceOptions
from connectors.errors import ConfigurationError
from connectors.families.database_options import DatabaseConnection, DatabaseMetadata
from tests.in_memory import connector, memory
from tests.unit.connectors.test_definition import SERVER


class LockedConnection(DatabaseConnection):
    """A connection with a secret."""

    host_port: str
    password: SecretStr


def answer(config: LockedConnection) -> str:
    """A check that tells what it was given."""
    return f"{config.host_port} {config.password.get_secret_value()}"


MEMORY = msgspec.structs.replace(
    connector(memory()), config=LockedConnection, checks=(Check("CheckAccess", "", answer),)
)
WITHOUT_DRIVER = msgspec.structs.replace(MEMORY, name="driverless", driver="no_such_driver.at_all")
NAMED_LIKE_ANOTHER_JOB = msgspec.structs.replace(MEMORY, name="memory-usage")
NO_CONNECTOR = "memory"
HERE = "tests.unit.connectors.test_registry"
DEFINITION: dict[str, Any] = {
    "source": {
        "type": "memory",
        "serviceName": "shop",
        "serviceConnection": {"config": {"hostPort": "here", "password": "p"}},
        "sourceConfig": {"config": {"threads": 4}},
    },
    "workflowConfig": {"openMetadataServerConfig": SERVER},
}
Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Make entry points of the group, as name and value, instead of those installed."""

    def install(**values: str) -> None:
        points = {name: EntryPoint(name, value, registry.ENTRY_POINTS) for name, value in values.items()}
        monkeypatch.setattr(registry, "third_parties", lambda: points)

    install(memory=f"{HERE}:MEMORY", driverless=f"{HERE}:WITHOUT_DRIVER")
    return install


def definition(**source: Any) -> dict[str, Any]:
    """The definition with changes in its source."""
    changed = copy.deepcopy(DEFINITION)
    changed["source"].update(source)
    return changed


def problems(raw: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        registry.plan(raw)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_own_connectors_are_found_by_their_modules() -> None:
    assert "postgres" in registry.names()
    found = registry.get("postgres")
    assert isinstance(found, Connector)
    assert found.name == "postgres"


@pytest.mark.usefixtures("install")
def test_names_are_in_order_and_each_once() -> None:
    assert registry.names() == sorted(set(registry.names()))
    assert {"memory", "driverless", "postgres"} <= set(registry.names())


@pytest.mark.usefixtures("install")
def test_third_parties_connectors_are_found_by_entry_points() -> None:
    assert registry.get("memory") is MEMORY


@pytest.mark.parametrize(
    ("name", "hint"),
    [("postgers", "did you mean 'postgres'?"), ("zzzzzz", "there are: "), ("", "there are: "), ("../x", "there are: ")],
)
def test_an_unknown_name_is_refused_with_a_hint(name: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a connector") as caught:
        registry.get(name)
    assert hint in str(caught.value)


@pytest.mark.parametrize("name", ["__init__", "postgres.config", "sources", "os"])
def test_only_names_of_sources_are_imported(name: str) -> None:
    assert connectors.sources.__name__ == "connectors.sources"
    with pytest.raises(ConfigurationError):
        registry.get(name)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_module:CONNECTOR", "cannot be loaded: ModuleNotFoundError"),
        (f"{HERE}:NOT_THERE", "cannot be loaded: AttributeError"),
        (f"{HERE}:NO_CONNECTOR", "is not a Connector of that name"),
        (f"{HERE}:WITHOUT_DRIVER", "is not a Connector of that name"),
    ],
)
def test_a_third_partys_broken_connector_is_a_clear_refusal(install: Install, value: str, message: str) -> None:
    install(memory=value)
    [(path, said)] = problems(definition()).items()
    assert path == "source.type"
    assert f"memory comes from {value}" in said
    assert message in said


@pytest.mark.usefixtures("install")
@pytest.mark.parametrize("kind", ["memory", "Memory", "MEMORY"])
def test_a_plan_holds_everything_validated(kind: str) -> None:
    plan = registry.plan(definition(type=kind))
    assert plan.connector is MEMORY
    assert isinstance(plan.connection, LockedConnection)
    assert plan.connection.host_port == "here"
    assert isinstance(plan.options, DatabaseMetadata)
    assert plan.options.threads == 4
    assert plan.definition.source.service_name == "shop"
    assert plan.notes == ()


@pytest.mark.usefixtures("install")
def test_a_plan_knows_where_secrets_stand() -> None:
    assert set(registry.plan(definition()).secret_paths) == {
        ("source", "serviceConnection", "config", "password"),
        ("workflowConfig", "openMetadataServerConfig", "securityConfig", "jwtToken"),
    }


@pytest.mark.usefixtures("install")
def test_a_connection_is_required_where_no_server_has_one() -> None:
    raw = definition(serviceConnection=None)
    assert registry.plan(raw).connection is None
    alone = {"source": raw["source"], "sink": {"type": "file", "config": {"filename": "x"}}}
    [(path, message)] = problems(alone).items()
    assert path == "source.serviceConnection"
    assert message.startswith("is required: only with workflowConfig.openMetadataServerConfig")


class Places(SourceOptions):
    """Options that hold a connection."""

    type: Literal["Places"] = "Places"
    place: dict[str, Any] = Field(repr=False)


PLACE = ("source", "sourceConfig", "config", "place")
ELSEWHERE = msgspec.structs.replace(MEMORY, name="elsewhere", options=Places, connection_path=PLACE)


def elsewhere(**source: Any) -> dict[str, Any]:
    """A definition whose connection stands among the options; no server is asked for it."""
    config = {"place": {"hostPort": "here", "password": "p"}}
    changed = {"type": "elsewhere", "serviceName": "shop", "sourceConfig": {"config": config}, **source}
    return {"source": changed, "sink": {"type": "file", "config": {"filename": "x"}}}


def test_a_connection_may_stand_among_the_options(install: Install) -> None:
    install(elsewhere=f"{HERE}:ELSEWHERE")
    plan = registry.plan(elsewhere())
    assert isinstance(plan.connection, LockedConnection)
    assert plan.connection.host_port == "here"
    assert plan.secret_paths == ((*PLACE, "password"),)
    assert "'p'" not in repr(plan)


def test_what_is_wrong_with_a_connection_among_the_options_is_named_there(install: Install) -> None:
    install(elsewhere=f"{HERE}:ELSEWHERE")
    below = "source.sourceConfig.config.place"
    wrong = elsewhere(sourceConfig={"config": {"place": {"host": "x"}}})
    assert set(problems(wrong)) == {f"{below}.{key}" for key in ("hostPort", "password", "host")}
    assert set(problems(elsewhere(sourceConfig={"config": {}}))) == {below}
    twice = problems(elsewhere(serviceConnection={"config": {"hostPort": "x"}}))
    assert twice == {
        "source.serviceConnection": f"has no use for elsewhere, which is told by {below} what to read; remove it"
    }


@pytest.mark.usefixtures("install")
def test_every_fault_of_source_and_sink_is_told_at_once() -> None:
    raw = definition(
        serviceConnection={"config": {"host": "x"}},
        sourceConfig={"config": {"threads": 0, "tableFilterPattern": {"includes": ["("]}}},
    )
    raw["sink"] = {"type": "metadata-rest", "config": {"bogus": 1}}
    assert set(problems(raw)) == {
        "source.serviceConnection.config.hostPort",
        "source.serviceConnection.config.password",
        "source.serviceConnection.config.host",
        "source.sourceConfig.config.threads",
        "source.sourceConfig.config.tableFilterPattern.includes",
        "sink.config.bogus",
    }


@pytest.mark.usefixtures("install")
def test_a_secret_is_in_no_problem() -> None:
    raw = definition(serviceConnection={"config": {"hostPort": "x", "password": {"hidden": "hidden"}}})
    [(path, message)] = problems(raw).items()
    assert path == "source.serviceConnection.config.password"
    assert "hidden" not in message


@pytest.mark.parametrize("kind", ["postgers", "", "memory "])
@pytest.mark.usefixtures("install")
def test_an_unknown_type_is_refused_at_its_path(kind: str) -> None:
    assert list(problems(definition(type=kind))) == ["source.type"]


@pytest.mark.parametrize("kind", ["memory-lineage", "memory-usage", "Memory-Usage"])
@pytest.mark.usefixtures("install")
def test_other_jobs_over_a_known_source_are_refused_as_such(kind: str) -> None:
    [(path, message)] = problems(definition(type=kind)).items()
    assert path == "source.type"
    other = kind.lower().removeprefix("memory-")
    assert message == f"{kind!r} is for {other} workflows; Headwater runs metadata ingestion only: write 'memory'"


def test_a_third_partys_connector_may_be_named_like_another_job(install: Install) -> None:
    install(**{"memory": f"{HERE}:MEMORY", "memory-usage": f"{HERE}:NAMED_LIKE_ANOTHER_JOB"})
    assert registry.plan(definition(type="Memory-Usage")).connector is NAMED_LIKE_ANOTHER_JOB
    assert "source.type" not in problems({**definition(type="memory-usage"), "stage": {}})
    assert "write 'memory'" in problems(definition(type="memory-lineage"))["source.type"]


@pytest.mark.usefixtures("install")
def test_another_job_is_refused_as_such_also_with_its_own_steps() -> None:
    found = problems({**definition(type="memory-usage"), "processor": {"type": "query-parser"}, "stage": {}})
    assert list(found) == ["source.type", "processor", "stage"]
    assert "'memory-usage' is for usage workflows" in found["source.type"]
    assert found["stage"].startswith("is a step of other workflows (profiler,")
    assert found["stage"].endswith("Headwater runs metadata ingestion only: remove it")


@pytest.mark.usefixtures("install")
def test_options_of_another_job_are_refused_as_such_and_their_other_keys_are_not_told() -> None:
    profiler = {"type": "Profiler", "profileSample": 10, "computeMetrics": True}
    assert problems(definition(sourceConfig={"config": profiler})) == {
        "source.sourceConfig.config.type": "'Profiler' is for profiler workflows; "
        "Headwater runs metadata ingestion only: write 'DatabaseMetadata'"
    }


@pytest.mark.parametrize(
    ("key", "length", "told"),
    [
        ("hostPort", 65_537, "has 65537 characters; write at most 65536"),
        ("sslKey", 1_048_577, "has 1048577 characters; write at most 1048576"),
        ("sslKey", 65_537, "is not a known key; correct or remove it"),
        ("hostPort", 65_536, None),
    ],
)
@pytest.mark.usefixtures("install")
def test_no_text_of_a_connection_is_longer_than_it_can_mean(key: str, length: int, told: str | None) -> None:
    raw = definition(serviceConnection={"config": {"hostPort": "here", "password": "p", key: "x" * length}})
    if told is None:
        registry.plan(raw)
    else:
        assert problems(raw) == {f"source.serviceConnection.config.{key}": told}


@pytest.mark.usefixtures("install")
def test_texts_of_the_servers_connection_and_of_a_tested_one_are_bounded_too() -> None:
    server = {"hostPort": "x" * 70_000, "authProvider": "no-auth"}
    raw = {**definition(), "workflowConfig": {"openMetadataServerConfig": server}}
    assert list(problems(raw)) == ["workflowConfig.openMetadataServerConfig.hostPort"]
    with pytest.raises(ConfigurationError, match=r"^hostPort: has 70000 characters"):
        list(registry.check("memory", {"hostPort": "x" * 70_000, "password": "p"}))


def test_the_password_of_older_releases_is_told_where_it_stands_now() -> None:
    connection = {"hostPort": "h:1", "username": "u", "password": "p", "database": "d"}
    raw = definition(type="postgres", serviceConnection={"config": connection})
    assert problems(raw) == {"source.serviceConnection.config.password": "is written as authType: {password: ...}"}


@pytest.mark.parametrize("kind", ["zzz-lineage", "-usage"])
@pytest.mark.usefixtures("install")
def test_other_jobs_over_an_unknown_source_are_unknown(kind: str) -> None:
    assert "is not a connector" in problems(definition(type=kind))["source.type"]


@pytest.mark.usefixtures("install")
def test_a_missing_driver_is_refused_with_what_to_install() -> None:
    message = problems(definition(type="driverless"))["source.type"]
    assert "no_such_driver.at_all" in message
    assert "pip install 'headwater[driverless]'" in message


@pytest.mark.usefixtures("install")
def test_keys_that_change_nothing_are_noted() -> None:
    unused = {"queryLogDuration": 2, "queryParsingTimeoutLimit": None, "jsonSchemaSampleSize": 5}
    raw = {**definition(sourceConfig={"config": unused}), "enableStreamableLogs": True}
    assert set(registry.plan(raw).notes) == {
        "enableStreamableLogs has no effect without ingestionPipelineFQN",
        "source.sourceConfig.config.queryLogDuration has no effect on metadata ingestion",
        "source.sourceConfig.config.jsonSchemaSampleSize has no effect on metadata ingestion",
    }


@pytest.mark.parametrize(
    ("name", "options", "keys"),
    [
        ("glue", {"includeDDL": True, "includeOwners": True, "includeTags": False}, ["includeDDL"]),
        ("sqlite", {"includeStoredProcedures": True, "includeDDL": True}, ["includeStoredProcedures"]),
        ("mysql", {"includeOwners": True, "includeTags": True}, ["includeOwners", "includeTags"]),
        ("mysql", {"includeOwners": True, "ownerConfig": {"default": "ada"}}, []),
        ("postgres", {"includeOwners": True, "includeTags": True, "includeDDL": True}, []),
        ("glue", {}, []),
    ],
)
def test_switches_that_mean_nothing_to_a_connector_are_noted(
    name: str, options: dict[str, Any], keys: list[str]
) -> None:
    connector = registry.get(name)
    notes = list(connector.notes(connector.options.model_validate(options)))
    assert [note.partition(" has no effect: ")[0] for note in notes] == keys
    assert all(name in note for note in notes)


@pytest.mark.usefixtures("install")
def test_the_definition_is_left_as_it_was() -> None:
    raw = definition()
    registry.plan(raw)
    assert raw == DEFINITION


@pytest.mark.usefixtures("install")
def test_a_connection_is_checked() -> None:
    [result] = registry.check("memory", {"hostPort": "here", "password": "p"})
    assert (result.status, result.message) == ("passed", "here p")


@pytest.mark.usefixtures("install")
@pytest.mark.parametrize(
    ("name", "connection", "paths"),
    [
        ("memory", {"hostPort": "here"}, ["password"]),
        ("postgers", {}, ["source.type"]),
        ("driverless", {}, ["source.type"]),
    ],
)
def test_a_connection_that_does_not_fit_is_not_checked(name: str, connection: dict[str, Any], paths: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        list(registry.check(name, connection))
    assert [problem.path for problem in caught.value.problems] == paths
