"""Each key of OpenMetadata's definitions is supported, accepted without effect, or refused by name."""

import copy
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connectors import registry
from connectors.cancellation import Cancellation
from connectors.connector import RunContext
from connectors.errors import ConfigurationError
from connectors.families.certificates import certificate_files
from connectors.families.database_options import DatabaseMetadata
from connectors.families.mysql.config import MysqlConfig
from connectors.families.postgres.config import PostgresConfig
from connectors.families.sqlite.config import SQLiteConfig
from connectors.families.sqlite.source import open_source
from connectors.report import Report
from tests.unit.connectors.connection_keys import ADDRESS, PATTERN, REQUIRED, SUPPORTED, UNUSED
from tests.unit.connectors.test_definition import SERVER

CONNECTION = "source.serviceConnection.config"
OPTIONS = "source.sourceConfig.config"
OF_SERVER = "workflowConfig.openMetadataServerConfig"
UNUSED_ELSEWHERE: list[tuple[str, object]] = [
    ("ingestionRunnerName", "runner"),
    ("workflowConfig.config", {"type": "dataInsight"}),
    ("sink.config.api_endpoint", "http://elsewhere:8585/api"),
    ("sink.config.enable_async_pipeline", True),
    ("sink.config.async_pipeline_workers", 4),
    (f"{OPTIONS}.queryLogDuration", 2),
    (f"{OPTIONS}.queryParsingTimeoutLimit", 100),
    (f"{OPTIONS}.jsonSchemaSampleSize", 20),
    (f"{OF_SERVER}.clusterName", "prod"),
    (f"{OF_SERVER}.secretsManagerLoader", "env"),
    *(
        (f"{OF_SERVER}.include{kind}", True)
        for kind in (
            "Topics", "Tables", "Dashboards", "Pipelines", "MlModels", "Users", "Teams", "GlossaryTerms", "Tags",
            "Policy", "MessagingServices", "DatabaseServices", "PipelineServices",
        )
    ),
    (f"{OF_SERVER}.limitRecords", 1000),
    (f"{OF_SERVER}.elasticsSearch", {"type": "elasticsearch", "config": {}}),
    *((f"{OF_SERVER}.{kind}FilterPattern", PATTERN) for kind in ("database", "schema", "table")),
    (f"{OF_SERVER}.supportsDataInsightExtraction", True),
    (f"{OF_SERVER}.supportsElasticSearchReindexingExtraction", True),
]  # fmt: skip
# What connectors need whose keys are held against OpenMetadata's elsewhere.
OF_OTHERS: dict[str, dict[str, Any]] = {
    "dagster": {"host": "http://dagster:3000"},
    "kafka": {"bootstrapServers": "kafka"},
    "mlflow": {"trackingUri": "http://mlflow:5000", "registryUri": "http://mlflow:5000"},
    "s3": {"awsConfig": {"awsRegion": "x"}},
    "superset": {"hostPort": "http://superset:8088", "connection": {"username": "u", "password": "p"}},
}
OTHER_TYPES = [
    "DatabaseLineage", "DatabaseUsage", "Profiler", "AutoClassification", "DashboardMetadata", "MessagingMetadata",
    "PipelineMetadata", "MlModelMetadata", "StorageMetadata", "SearchMetadata", "ApiMetadata", "DriveMetadata",
    "McpMetadata", "DBT", "TestSuite", "Application", "ReverseIngestion",
]  # fmt: skip


def changed(kind: str, path: str = "", value: object = None) -> dict[str, Any]:
    """A definition of this connector with one key set."""
    raw: dict[str, Any] = {
        "source": {
            "type": kind,
            "serviceName": "svc",
            "serviceConnection": {"config": copy.deepcopy({**REQUIRED, **OF_OTHERS}[kind])},
            "sourceConfig": {"config": {"includeLineage": False} if kind == "airflow" else {}},
        },
        "workflowConfig": {"openMetadataServerConfig": copy.deepcopy(SERVER)},
    }
    if path:
        *parents, last = path.split(".")
        place = raw
        for key in parents:
            place = place.setdefault(key, {})
        place[last] = value
    return raw


@pytest.mark.parametrize("kind", REQUIRED)
def test_a_key_of_a_connection_is_supported(kind: str) -> None:
    keys = [*SUPPORTED[kind].items(), *REQUIRED[kind].items()]
    notes = {key: registry.plan(changed(kind, f"{CONNECTION}.{key}", value)).notes for key, value in keys}
    assert notes == dict.fromkeys(notes, ())


@pytest.mark.parametrize("kind", REQUIRED)
def test_a_key_of_a_connection_is_accepted_without_effect(kind: str) -> None:
    paths = {f"{CONNECTION}.{key}": value for key, value in UNUSED[kind].items()}
    notes = {path: registry.plan(changed(kind, path, value)).notes for path, value in paths.items()}
    assert notes == {path: (f"{path} has no effect on metadata ingestion",) for path in paths}


@pytest.mark.parametrize("kind", REQUIRED)
def test_a_connection_with_every_key_is_taken(kind: str) -> None:
    everything = {**REQUIRED[kind], **SUPPORTED[kind], **UNUSED[kind]}
    planned = registry.plan(changed(kind, CONNECTION, everything))
    assert len(planned.notes) == len(UNUSED[kind])
    optional = dict.fromkeys({**SUPPORTED[kind], **UNUSED[kind]})
    assert registry.plan(changed(kind, CONNECTION, {**optional, **REQUIRED[kind]})).notes == ()


@pytest.mark.parametrize(("path", "value"), UNUSED_ELSEWHERE)
def test_a_key_is_accepted_without_effect(path: str, value: object) -> None:
    planned = registry.plan(changed("postgres", path, value))
    assert planned.notes == (f"{path} has no effect on metadata ingestion",)
    assert registry.plan(changed("postgres", path)).notes == ()


@pytest.mark.parametrize(
    ("kind", "option", "value"),
    [
        ("airflow", "includeUnDeployedPipelines", False),
        ("opensearch", "includeSampleData", True),
        ("elasticsearch", "sampleSize", 50),
        ("mlflow", "lineageInformation", {"dbServicePrefixes": ["shop"]}),
        ("superset", "includeUsage", False),
        ("superset", "projectFilterPattern", PATTERN),
        ("superset", "queryParserConfig", {"type": "Auto"}),
    ],
)
def test_an_option_is_accepted_without_effect(kind: str, option: str, value: object) -> None:
    path = f"{OPTIONS}.{option}"
    assert registry.plan(changed(kind, path, value)).notes == (f"{path} has no effect on metadata ingestion",)


@pytest.mark.parametrize("path", ["processor", "stage", "bulkSink"])
def test_steps_of_other_workflows_may_be_null(path: str) -> None:
    registry.plan(changed("postgres", path))
    with pytest.raises(ConfigurationError, match=f"{path}: is a step of other workflows"):
        registry.plan(changed("postgres", path, {"type": "x"}))


@pytest.mark.parametrize("key", ["username", "hostPort", "database"])
@pytest.mark.parametrize("kind", ["postgres", "greenplum", "timescale", "cockroach", "redshift"])
def test_what_a_connection_needs_is_missed_by_name(kind: str, key: str) -> None:
    raw = changed(kind)
    del raw["source"]["serviceConnection"]["config"][key]
    with pytest.raises(ConfigurationError, match=f"{CONNECTION}.{key}: is required"):
        registry.plan(raw)


@pytest.mark.parametrize(
    ("kind", "key", "value", "told"),
    [
        ("postgres", "authType", {"awsConfig": {"awsRegion": "x"}}, "awsConfig is not supported"),
        ("postgres", "authType", {"azureConfig": {}}, "azureConfig is not supported"),
        ("postgres", "sslMode", "always", "sslMode"),
        ("postgres", "connectionOptions", {"charset": "x"}, "charset is not a connection keyword"),
        ("postgres", "connectionArguments", {"host": "x"}, "set hostPort"),
        ("redshift", "authType", {"awsConfig": {"awsRegion": "x"}}, "awsConfig is not supported"),
        ("mysql", "authType", {"awsConfig": {"awsRegion": "x"}}, "awsConfig is not supported"),
        ("mysql", "authType", {"azureConfig": {}}, "azureConfig is not supported"),
        ("mysql", "authType", {"password": "p", "gcpConfig": {"type": "gcp_adc"}}, "gcpConfig is not supported"),
        ("mysql", "authType", {"enableIamAuth": True}, "enableIamAuth is not supported"),
        ("mysql", "connectionOptions", {"charset": "latin1"}, "charset 'latin1' cannot be used"),
        ("mysql", "sslMode", "require", "sslMode"),
        ("mariadb", "sslConfig", {}, "sslConfig: is not a known key"),
        ("mariadb", "authType", {"password": "p"}, "authType: is not a known key"),
        ("glue", "connectionArguments", {"a": 5}, "a is not supported"),
        ("glue", "awsConfig", {"awsRegion": "x", "awsAccessKeyId": "a"}, "belong together"),
        ("glue", "awsConfig", {}, "awsConfig.awsRegion: is required"),
        ("dynamodb", "connectionOptions", {"a": "5"}, "a is not supported"),
        ("dynamodb", "awsConfig", {"region": "x"}, "awsConfig.region: is not a known key"),
        ("mongodb", "hostPort", "mongodb://u@db", "is not an address"),
        ("mongodb", "sslMode", "prefer", "prefer is not supported"),
        ("mongodb", "password", "p", "password needs username"),
        ("mongodb", "sslConfig", {}, "sslConfig needs sslMode"),
        ("mongodb", "connectionOptions", {"tls": "true"}, "tls is not supported"),
        ("bigquery", "hostPort", "bq://x", "is not the address of an API of Google's"),
        ("bigquery", "hostPort", "http://x:99999", "has no possible port"),
        ("bigquery", "billingProjectId", "a`b", "is not a project's id"),
        ("bigquery", "connectionOptions", {"location": "EU"}, "location is not supported"),
        ("bigquery", "connectionArguments", {"a": 5}, "a is not supported"),
        ("bigquery", "credentials", {}, "credentials.gcpConfig: is required"),
        ("bigquery", "credentials.gcpConfig", {}, "type service_account needs privateKey and clientEmail"),
        ("bigquery", "credentials.gcpConfig", {"type": "oauth"}, "credentials.gcpConfig.type"),
        ("bigquery", "credentials.gcpConfig.projectId", ["a b"], "'a b' is not a project's id"),
        ("bigquery", "credentials.gcpConfig.tokenUri", "oauth2", "'oauth2' is not the address of what gives tokens"),
        ("bigquery", "credentials.gcpConfig.audience", "x", "audience has no meaning with type service_account"),
        ("bigquery", "credentials.gcpConfig", {"type": "gcp_credential_path"}, "needs path"),
        ("bigquery", "credentials.gcpConfig", {"audience": "x"}, "needs subjectTokenType and tokenURL and"),
        (
            "bigquery",
            "credentials.gcpConfig",
            {"type": "gcp_adc", "tokenURL": "https://evil.com"},
            "address of Google's",
        ),
        ("bigquery", "credentials.gcpConfig", {"credentialSource": {"executable": {}}}, "no program is started"),
        (
            "bigquery",
            "credentials.gcpConfig",
            {"credentialSource": {"format": {}}},
            "needs file, url or environment_id",
        ),
        ("bigquery", "credentials.gcpImpersonateServiceAccount", {"lifetime": 0}, "lifetime"),
        ("clickhouse", "scheme", "clickhouse+native", "write clickhouse+http"),
        ("clickhouse", "keyfile", "/key", "keyfile: is not supported"),
        ("deltalake", "configSource.connection", {}, "give either metastoreFilePath"),
        ("deltalake", "configSource.connection.metastoreHostPort", "h:9083", "is not supported: no Spark"),
        ("deltalake", "configSource.connection.metastoreDb", "jdbc:x", "is not supported: no Spark"),
        ("deltalake", "configSource.connection.username", "u", "give metastoreFilePath or securityConfig"),
        ("deltalake", "configSource.prefix", "p", "belong to securityConfig"),
        ("deltalake", "connectionArguments", {"a": 5}, "a is not supported"),
        ("airflow", "hostPort", "airflow:8080", "is not the address of Airflow"),
        ("glue", "awsConfig.endPointURL", "https://u:p@glue", "it is not an http or https address"),
        ("glue", "awsConfig.endPointURL", "https://glue:x", "has no possible port"),
        ("hive", "auth", "JWT", "JWT is not supported"),
        ("hive", "auth", "LDAP", "auth LDAP needs username and password"),
        ("hive", "authOptions", "x", "authOptions: is not supported"),
        ("hive", "hostPort", "hive://db", "is not an address"),
        ("hive", "sslConfig", {"caCertificate": "/ca"}, "sslConfig needs useSSL"),
        ("hive", "sslConfig", {"sslKey": "/key"}, "certificates of clients are not sent"),
        ("hive", "connectionOptions", {"mapred.job.queue": "x"}, "mapred.job.queue is not supported"),
        ("hive", "connectionArguments", {"user": "x"}, "set username"),
        ("hive", "connectionArguments", {"timeout": 0}, "whole number of seconds"),
        ("hive", "metastoreConnection", {"type": "Sqlite"}, "type must be Postgres or Mysql"),
        ("hive", "metastoreConnection", {**ADDRESS, "type": "Mysql"}, "databaseSchema is required"),
        ("snowflake", "account", "https://a.snowflakecomputing.com", "write what stands before"),
        ("snowflake", "accountUsageSchema", "ACCOUNT_USAGE", "write it like SNOWFLAKE.ACCOUNT_USAGE"),
        ("snowflake", "includeSemanticViews", True, "includeSemanticViews: is not supported"),
        ("snowflake", "password", None, "give password or privateKey"),
        ("snowflake", "snowflakePrivatekeyPassphrase", "p", "beside privateKey only"),
        ("snowflake", "connectionArguments", {"authenticator": "x"}, "authenticator is not supported"),
        ("snowflake", "connectionArguments", {"user": "x"}, "set username"),
        ("snowflake", "connectionArguments", {"login_timeout": 0}, "whole number of seconds"),
        ("snowflake", "connectionOptions", {"protocol": "ftp"}, "https or http"),
        ("snowflake", "connectionOptions", {"port": "x"}, "is not a port"),
        ("snowflake", "warehouse", "", "warehouse"),
        ("sqlite", "databaseMode", ":memory:", "databaseMode :memory: holds nothing"),
        ("sqlite", "connectionArguments", {"timeout": 5}, "timeout is not supported"),
    ],
)
def test_a_key_of_a_connection_is_refused_by_name(kind: str, key: str, value: object, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        registry.plan(changed(kind, f"{CONNECTION}.{key}", value))
    assert told in str(caught.value)


@pytest.mark.parametrize("written", ["u:hidden@host:1", "system://u:hidden@host/x", "u:hidden@host"])
@pytest.mark.parametrize(
    ("kind", "key"),
    [
        *((kind, "hostPort") for kind in ("airflow", "bigquery", "clickhouse", "cockroach", "elasticsearch", "hive")),
        *((kind, "hostPort") for kind in ("mongodb", "mysql", "opensearch", "postgres", "superset")),
        ("dagster", "host"),
        ("glue", "awsConfig.endPointURL"),
        ("kafka", "bootstrapServers"),
        ("kafka", "schemaRegistryURL"),
        ("s3", "consoleEndpointURL"),
        ("snowflake", "account"),
    ],
)
def test_a_password_in_an_address_is_not_repeated(kind: str, key: str, written: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        registry.plan(changed(kind, f"{CONNECTION}.{key}", written))
    assert f"{CONNECTION}.{key}: " in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("written", OTHER_TYPES)
def test_source_options_of_other_workflows_are_refused_by_name(written: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{OPTIONS}\.type"):
        registry.plan(changed("postgres", f"{OPTIONS}.type", written))


def test_the_stricter_of_two_ssl_modes_holds() -> None:
    given = {**REQUIRED["postgres"], "sslMode": "require", "connectionArguments": {"sslmode": "disable"}}
    assert PostgresConfig.model_validate(given).keywords()["sslmode"] == "require"
    given = {**given, "connectionOptions": {"options": "-c a=b"}, "connectionArguments": {"sslmode": "verify-full"}}
    keywords = PostgresConfig.model_validate(given).keywords()
    assert (keywords["sslmode"], keywords["options"]) == ("verify-full", "-c a=b")
    assert (keywords["host"], keywords["port"], keywords["user"]) == ("db", "1", "u")


def test_certificates_are_text_or_files(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    pem = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n"
    authority.write_text(pem, encoding="ascii")
    given = {**ADDRESS, "sslConfig": {"caCertificate": str(authority), "sslCertificate": None, "sslKey": pem}}
    with certificate_files(MysqlConfig.model_validate(given).certificates) as files:
        assert set(files) == {"sslrootcert", "sslkey"}
        for path in map(Path, files.values()):
            assert (path.read_text(encoding="ascii"), path.stat().st_mode & 0o777) == (pem, 0o600)
    assert not any(Path(path).exists() for path in files.values())


@pytest.mark.parametrize(
    ("mode", "database", "name"),
    [("{}", "shop", "shop"), ("{}", None, "default"), (":memory:", "{}", "default"), (None, "{}", "default")],
)
def test_of_sqlite_the_mode_is_the_path_and_the_database_a_name(
    tmp_path: Path, mode: str | None, database: str | None, name: str
) -> None:
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as made:
        made.execute("CREATE TABLE orders (id)")
    written = {"databaseMode": mode, "database": database}
    config = SQLiteConfig.model_validate({key: text and text.format(file) for key, text in written.items()})
    context = RunContext("svc", "SQLite", config, DatabaseMetadata(), 1, Report(), Cancellation())
    with open_source(context) as source:
        assert [each.name for each in source.databases()] == [name]
        assert [each.name for each in source.tables(name, "main")] == ["orders"]
