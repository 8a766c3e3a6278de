"""The envelope: every key that OpenMetadata knows is taken or refused by name."""

import copy
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from connectors.definition import FilterPattern, OtherWorkflows, WorkflowConfig, WorkflowDefinition, parse
from connectors.errors import ConfigurationError
from connectors.other_workflows import STEP

SERVER: dict[str, Any] = {
    "hostPort": "http://om:8585/api",
    "authProvider": "openmetadata",
    "securityConfig": {"jwtToken": "a.jwt.token"},
}
DEFINITION: dict[str, Any] = {
    "source": {
        "type": "postgres",
        "serviceName": "shop",
        "serviceConnection": {"config": {"type": "Postgres"}},
        "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
    },
    "sink": {"type": "metadata-rest", "config": {}},
    "workflowConfig": {"loggerLevel": "INFO", "openMetadataServerConfig": SERVER},
}
UNKNOWN = "is not a known key; correct or remove it"


def changed(path: str, value: object) -> dict[str, Any]:
    """The definition with one value set."""
    definition = copy.deepcopy(DEFINITION)
    *parents, last = path.split(".")
    place = definition
    for key in parents:
        place = place.setdefault(key, {})
    place[last] = value
    return definition


def without(path: str, given: Mapping[str, Any] = DEFINITION) -> dict[str, Any]:
    """The definition with one key less."""
    definition: dict[str, Any] = copy.deepcopy(dict(given))
    *parents, last = path.split(".")
    place = definition
    for key in parents:
        place = place[key]
    del place[last]
    return definition


def problems(raw: object, model: type[BaseModel] = WorkflowDefinition) -> dict[str, str]:
    """What is wrong with a definition, by path."""
    with pytest.raises(ConfigurationError) as caught:
        parse(model, raw)
    return {problem.path: problem.message for problem in caught.value.problems}


def server(**changes: object) -> dict[str, Any]:
    """A workflowConfig with a server of these changes."""
    given = {key: value for key, value in {**SERVER, **changes}.items() if value is not ...}
    return {"openMetadataServerConfig": given}


def test_the_definition_of_the_manual() -> None:
    definition = parse(WorkflowDefinition, DEFINITION)
    assert (definition.source.type, definition.source.service_name) == ("postgres", "shop")
    assert definition.sink.type == "metadata-rest"
    connection = definition.workflow_config.open_metadata_server_config
    assert connection is not None
    assert connection.security_config is not None
    assert connection.security_config.jwt_token.get_secret_value() == "a.jwt.token"


def test_the_defaults_are_openmetadatas() -> None:
    definition = parse(WorkflowDefinition, without("sink"))
    assert definition.sink.type == "metadata-rest"
    config = definition.workflow_config
    assert (config.logger_level, config.raise_on_error, config.success_threshold) == ("INFO", True, 90)
    connection = config.open_metadata_server_config
    assert connection is not None
    assert connection.model_dump(
        exclude={"host_port", "auth_provider", "security_config", *OtherWorkflows.model_fields}
    ) == {
        "api_version": "v1",
        "cluster_name": "openmetadata",
        "extra_headers": {},
        "verify_ssl": "no-ssl",
        "ssl_config": None,
        "enable_version_validation": True,
        "store_service_connection": True,
        "force_entity_overwriting": False,
        "type": "OpenMetadata",
        "secrets_manager_provider": "db",
        "secrets_manager_loader": "noop",
    }


ACCEPTED: list[tuple[str, object]] = [
    ("ingestionPipelineFQN", "shop.nightly"),
    ("pipelineRunId", str(uuid.UUID(int=7))),
    ("enableStreamableLogs", True),
    ("enableStreamableLogs", False),
    ("ingestionRunnerName", "runner"),
    ("sink.type", "file"),
    ("sink.config", {"filename": "x.jsonl"}),
    ("source.sourceConfig", {}),
    ("source.serviceName", "a service: größer > 'x'.y"),
    *(("workflowConfig.loggerLevel", level) for level in ("DEBUG", "INFO", "WARN", "ERROR")),
    ("workflowConfig.raiseOnError", False),
    *(("workflowConfig.successThreshold", percent) for percent in (0, 90, 100)),
    ("workflowConfig.openMetadataServerConfig.apiVersion", "v1"),
    ("workflowConfig.openMetadataServerConfig.clusterName", "prod"),
    ("workflowConfig.openMetadataServerConfig.extraHeaders", {"X-Tenant": "a"}),
    *(("workflowConfig.openMetadataServerConfig.verifySSL", choice) for choice in ("no-ssl", "ignore", "validate")),
    ("workflowConfig.openMetadataServerConfig.sslConfig", {"caCertificate": "/ca.pem"}),
    ("workflowConfig.openMetadataServerConfig.sslConfig", {"sslCertificate": "c", "sslKey": "k"}),
    ("workflowConfig.openMetadataServerConfig.secretsManagerProvider", "db"),
    ("workflowConfig.openMetadataServerConfig.secretsManagerLoader", "env"),
    ("workflowConfig.openMetadataServerConfig.enableVersionValidation", False),
    ("workflowConfig.openMetadataServerConfig.storeServiceConnection", False),
    ("workflowConfig.openMetadataServerConfig.forceEntityOverwriting", True),
    ("workflowConfig.openMetadataServerConfig.type", "OpenMetadata"),
    ("workflowConfig.openMetadataServerConfig.authProvider", "no-auth"),
    ("workflowConfig.openMetadataServerConfig.hostPort", "https://om.example.com/prefix/api/"),
]


@pytest.mark.parametrize(("path", "value"), ACCEPTED)
def test_keys_that_are_taken(path: str, value: object) -> None:
    parse(WorkflowDefinition, changed(path, value))


@pytest.mark.parametrize(
    ("path", "told"),
    [*((step, STEP) for step in ("processor", "stage", "bulkSink")), ("source.sourcePythonClass", UNKNOWN)],
)
def test_keys_of_other_workflows_are_refused_by_name(path: str, told: str) -> None:
    assert problems(changed(path, {"type": "query-parser"})) == {path: told}


REFUSED: list[tuple[str, object, str]] = [
    ("workflowConfig.openMetadataServerConfig.hostPort", "http://h:1/api/v1", "write http://h:1/api"),
    ("workflowConfig.openMetadataServerConfig.securityConfig.jwtToken", " ", "is empty; give the bot's token"),
    ("source.serviceName", "", "is empty; give it a value"),
    ("source.serviceName", "x" * 257, "at most 256 characters"),
    ("source.serviceName", "a::b", "must not hold '::'"),
    ("source.serviceName", 'a"b', "must not hold '\"'"),
    ("source.serviceName", "a\nb", r"must not hold '\n'"),
    ("source.serviceName", 5, "must be a text; put it in quotes"),
    ("source.serviceConnection.config", [], "object of keys and values"),
    ("sink.type", "metadata-usage", "'metadata-rest' or 'file'"),
    ("pipelineRunId", "seven", "must be a UUID"),
    ("workflowConfig.loggerLevel", "TRACE", "'DEBUG', 'INFO', 'WARN' or 'ERROR'"),
    ("workflowConfig.successThreshold", 101, "must be at most 100"),
    ("workflowConfig.successThreshold", -1, "must be at least 0"),
    ("workflowConfig.successThreshold", "most", "must be a whole number"),
    ("workflowConfig.openMetadataServerConfig.authProvider", "kerberos", "'openmetadata', 'no-auth', 'basic'"),
    ("workflowConfig.openMetadataServerConfig.apiVersion", "v2", "'v1'"),
    ("workflowConfig.openMetadataServerConfig.verifySSL", "no", "'no-ssl', 'ignore' or 'validate'"),
    ("workflowConfig.openMetadataServerConfig.secretsManagerProvider", "aws", "write secrets as secret:<name>"),
    ("workflowConfig.openMetadataServerConfig.hostPort", "http://om:8585", "write http://om:8585/api"),
    ("workflowConfig.openMetadataServerConfig.hostPort", "om:8585/api", "not an http or https address"),
    ("workflowConfig.openMetadataServerConfig.hostPort", "http://om /api", "not an http or https address"),
    ("workflowConfig.openMetadataServerConfig.hostPort", "ftp://om/api", "not an http or https address"),
    ("workflowConfig.openMetadataServerConfig.hostPort", "", "not an http or https address"),
    ("workflowConfig.openMetadataServerConfig.hostPort", "http://u:p@om/api", "must not hold a user or a password"),
    ("workflowConfig.openMetadataServerConfig.extraHeaders", {"X-A": "a\r\nb"}, "'X-A' is not a possible header"),
    ("workflowConfig.openMetadataServerConfig.extraHeaders", {"X A": "a"}, "'X A' is not a possible header"),
    ("workflowConfig.openMetadataServerConfig.extraHeaders", {"Content-Length": "5"}, "'Content-Length' says where"),
    (
        "workflowConfig.openMetadataServerConfig.extraHeaders",
        {"transfer-encoding": "chunked"},
        "says where a request ends",
    ),
    ("workflowConfig.openMetadataServerConfig.sslConfig.password", "x", UNKNOWN),
    ("workflowConfig.openMetadataServerConfig.securityConfig.clientId", "x", UNKNOWN),
    ("source.bogus", None, UNKNOWN),
    ("source.service_name", "x", UNKNOWN),
]


@pytest.mark.parametrize(("path", "value", "message"), REFUSED)
def test_what_is_wrong_is_named_with_its_path(path: str, value: object, message: str) -> None:
    [(found, said)] = problems(changed(path, value)).items()
    assert found == path
    assert message in said


@pytest.mark.parametrize(
    "path",
    ["source", "source.type", "source.serviceName", "source.serviceConnection.config"],
)
def test_what_is_required_is_missed_by_name(path: str) -> None:
    assert problems(without(path)) == {path: "is required"}


def test_the_service_may_be_that_of_the_pipeline() -> None:
    raw = without("source.serviceName")
    raw["ingestionPipelineFQN"] = '"my.shop".nightly'
    assert parse(WorkflowDefinition, raw).source.service_name == "my.shop"
    raw["source"]["serviceName"] = "other"
    assert parse(WorkflowDefinition, raw).source.service_name == "other"


def test_a_pipeline_that_is_none_has_no_service() -> None:
    raw = {**without("source.serviceName"), "ingestionPipelineFQN": '"shop.nightly'}
    assert set(problems(raw)) == {"source.serviceName", "ingestionPipelineFQN"}


def test_an_empty_pipeline_has_no_service() -> None:
    raw = {**without("source.serviceName"), "ingestionPipelineFQN": ""}
    assert problems(raw)["source.serviceName"] == "is required"


def test_what_other_providers_ask_for_is_refused_by_name() -> None:
    given = server(authProvider="google", securityConfig={"secretKey": "x"})
    assert problems(given, WorkflowConfig) == {
        "openMetadataServerConfig.securityConfig.jwtToken": "is required",
        "openMetadataServerConfig.securityConfig.secretKey": UNKNOWN,
    }


def test_all_problems_are_told_at_once() -> None:
    raw = changed("source.bogus", 1)
    del raw["source"]["type"]
    raw["sink"] = {"type": "elsewhere"}
    assert set(problems(raw)) == {"source.bogus", "source.type", "sink.type"}


@pytest.mark.parametrize("raw", [None, [], "text", 5, [DEFINITION]])
def test_what_is_no_definition_at_all(raw: object) -> None:
    assert list(problems(raw)) == [""]


NULLABLE = [
    "sink",
    "sink.type",
    "sink.config",
    "ingestionPipelineFQN",
    "pipelineRunId",
    "ingestionRunnerName",
    "enableStreamableLogs",
    "source.sourceConfig",
    "source.sourceConfig.config",
    "workflowConfig.loggerLevel",
    "workflowConfig.raiseOnError",
    "workflowConfig.successThreshold",
    "workflowConfig.openMetadataServerConfig.apiVersion",
    "workflowConfig.openMetadataServerConfig.clusterName",
    "workflowConfig.openMetadataServerConfig.extraHeaders",
    "workflowConfig.openMetadataServerConfig.verifySSL",
    "workflowConfig.openMetadataServerConfig.sslConfig",
    "workflowConfig.openMetadataServerConfig.sslConfig.caCertificate",
    "workflowConfig.openMetadataServerConfig.enableVersionValidation",
    "workflowConfig.openMetadataServerConfig.storeServiceConnection",
    "workflowConfig.openMetadataServerConfig.forceEntityOverwriting",
    "workflowConfig.openMetadataServerConfig.secretsManagerProvider",
    "workflowConfig.openMetadataServerConfig.secretsManagerLoader",
    "workflowConfig.openMetadataServerConfig.type",
]


@pytest.mark.parametrize("path", NULLABLE)
def test_null_is_the_default(path: str) -> None:
    definition = parse(WorkflowDefinition, changed(path, None))
    top = definition.model_dump(by_alias=True)
    changed_first = changed(path, "to be taken out")
    default = parse(WorkflowDefinition, without(path, changed_first)).model_dump(by_alias=True)
    assert value_at(top, path) == value_at(default, path)


def value_at(dumped: Mapping[str, Any], path: str) -> object:
    value: Any = dumped
    for key in path.split("."):
        value = value[key] if value is not None else None
    return value


@pytest.mark.parametrize("path", ["source", "source.type", "source.serviceName"])
def test_null_is_not_enough_where_something_is_required(path: str) -> None:
    assert list(problems(changed(path, None))) == [path]


def test_a_catalogue_needs_a_server_and_a_file_does_not() -> None:
    assert list(problems(without("workflowConfig"))) == [""]
    alone = without("workflowConfig")
    parse(WorkflowDefinition, {**alone, "sink": {"type": "file", "config": {"filename": "x"}}})


@pytest.mark.parametrize(
    ("changes", "valid"),
    [
        ({"securityConfig": ...}, False),
        ({"securityConfig": None}, False),
        ({"securityConfig": ..., "authProvider": ...}, False),
        ({"securityConfig": ..., "authProvider": "no-auth"}, True),
        ({"authProvider": "no-auth"}, True),
        ({"authProvider": "google"}, True),
        ({"authProvider": "custom-oidc"}, True),
        ({"securityConfig": ..., "authProvider": "google"}, False),
        ({"securityConfig": ..., "authProvider": "azure"}, False),
        ({"authProvider": ...}, True),
    ],
)
def test_a_token_is_needed_where_one_is_used(changes: Mapping[str, object], valid: bool) -> None:
    if valid:
        parse(WorkflowConfig, server(**changes))
    else:
        [(path, message)] = problems(server(**changes), WorkflowConfig).items()
        assert path == "openMetadataServerConfig"
        assert "securityConfig.jwtToken" in message


def test_the_address_is_kept_without_its_last_slash() -> None:
    parsed = parse(WorkflowConfig, server(hostPort="https://om/api//"))
    assert parsed.open_metadata_server_config is not None
    assert parsed.open_metadata_server_config.host_port == "https://om/api"


def test_secrets_do_not_show() -> None:
    raw = changed("workflowConfig.openMetadataServerConfig.extraHeaders", {"Authorization": "hidden-header"})
    definition = parse(WorkflowDefinition, raw)
    for shown in (repr(definition), str(definition), definition.model_dump_json()):
        assert "a.jwt.token" not in shown
        assert "hidden-header" not in shown


def test_secrets_do_not_show_in_problems() -> None:
    raw = changed("workflowConfig.openMetadataServerConfig.securityConfig", {"jwtToken": ["hidden-token"]})
    with pytest.raises(ConfigurationError) as caught:
        parse(WorkflowDefinition, raw)
    assert "hidden" not in f"{caught.value!r} {caught.value}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_password_in_the_servers_address_does_not_show() -> None:
    for written in ("u:hidden@om:8585/api", "https://u:hidden@om/api"):
        [message] = problems(server(hostPort=written), WorkflowConfig).values()
        assert "hidden" not in message


def test_a_definition_cannot_be_changed_and_its_input_is_not() -> None:
    raw = copy.deepcopy(DEFINITION)
    definition = parse(WorkflowDefinition, raw)
    assert raw == DEFINITION
    field = "sink"
    with pytest.raises(ValueError, match="frozen"):
        setattr(definition, field, None)


@pytest.mark.parametrize("pattern", ["^sales", ".*", "(?i)x", "a{2,3}", r"\d+"])
def test_patterns(pattern: str) -> None:
    both = parse(FilterPattern, {"includes": [pattern], "excludes": [pattern]})
    assert (both.includes, both.excludes) == ((pattern,), (pattern,))


@pytest.mark.parametrize(
    "pattern", ["(", "[a", "*", "a{2,1}", "(?P<x", "a{0,99999999999999999999}", "(" * 999 + ")" * 999]
)
def test_patterns_that_are_none(pattern: str) -> None:
    [(path, message)] = problems({"includes": ["ok", pattern]}, FilterPattern).items()
    assert path == "includes"
    assert "is not a valid regular expression" in message


@pytest.mark.parametrize(
    ("raw", "path"),
    [({"includes": "sales"}, "includes"), ({"include": []}, "include"), ({"excludes": [1]}, "excludes.0")],
)
def test_patterns_of_a_wrong_shape(raw: object, path: str) -> None:
    assert list(problems(raw, FilterPattern)) == [path]


def test_no_patterns_in_any_way_of_writing_it() -> None:
    written: list[dict[str, object]] = [{}, {"includes": None}, {"includes": [], "excludes": None}]
    for raw in written:
        assert parse(FilterPattern, raw) == FilterPattern()


def test_paths_stand_below_a_prefix() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(FilterPattern, {"include": []}, "source.sourceConfig.config.tableFilterPattern")
    assert str(caught.value) == f"source.sourceConfig.config.tableFilterPattern.include: {UNKNOWN}"


def test_secrets_are_held_as_such() -> None:
    parsed = parse(WorkflowConfig, server(extraHeaders={"X-Key": "k"}, sslConfig={"sslKey": "pem"}))
    connection = parsed.open_metadata_server_config
    assert connection is not None
    assert connection.extra_headers == {"X-Key": SecretStr("k")}
    assert connection.ssl_config is not None
    assert connection.ssl_config.ssl_key == SecretStr("pem")
