"""Every key of a connection in OpenMetadata's schemas (2.0.7) is supported, noted as unused, or refused with a mend.

The keys are in tests/golden: for each connector its keys, those inside others by their path, with what makes them up.
"""

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from connectors import registry
from connectors.errors import ConfigurationError
from tests.sharing import REPOSITORY
from tests.unit.connectors.test_openmetadata_keys import CONNECTION, changed

GOLDEN = REPOSITORY / "tests" / "golden" / "connection-keys.openmetadata-2.0.7.json"
KEYS: dict[str, dict[str, dict[str, Any]]] = json.loads(GOLDEN.read_text(encoding="utf-8"))
SUPPORTED = "supported"
NO_EFFECT = "accepted without effect"
# The first that fits: connector, key, and what becomes of it; of a refusal, the mend.
OUTCOMES = [
    ("airflow", "connection=*", "use RestAPI"),
    ("airflow", "*.credentials", "give username and password, or token"),
    ("airflow", "*.mwaaConfig", "give username and password, or token"),
    ("*", "authType.awsConfig", "give a password instead"),
    ("*", "authType.azureConfig", "give a password instead"),
    ("*", "authType.gcpConfig", "give a password instead"),
    ("*", "authType.enableIamAuth", "give a password instead"),
    ("hive", "*.authType.a*Config", "give a password instead"),
    ("hive", "*.authType.enableIamAuth", "give a password instead"),
    ("hive", "*.authType.gcpConfig", "give a password instead"),
    ("hive", "auth=JWT", "only BASIC, CUSTOM"),
    ("hive", "authOptions", "remove it"),
    ("hive", "sslConfig.ssl*", "remove them"),
    ("snowflake", "includeSemanticViews", "remove it or set it to false"),
    *(
        ("deltalake", f"configSource.connection.{key}", "give metastoreFilePath or securityConfig")
        for key in ("metastoreHostPort", "metastoreDb", "driverName", "jdbcDriverClassPath", "username", "password")
    ),
    ("clickhouse", "keyfile", "remove it"),
    ("clickhouse", "scheme=clickhouse+native", "write clickhouse+http"),
    ("mongodb", "sslMode=allow", "write disable, require"),
    ("mongodb", "sslMode=prefer", "write disable, require"),
    *(
        ("bigquery", f"credentials.gcpConfig(service_account).{key}", NO_EFFECT)
        for key in ("authProviderX509CertUrl", "authUri", "clientId", "clientX509CertUrl")
    ),
    *(("bigquery", key, NO_EFFECT) for key in ("costPerTB", "taxonomyLocation", "taxonomyProjectID", "usageLocation")),
    *(
        ("hive", f"metastoreConnection(*).{key}", NO_EFFECT)
        for key in ("supports*", "sampleDataStorageConfig", "queryStatementSource", "queryHistoryTable", "useSlowLogs")
    ),
    *(
        ("snowflake", key, NO_EFFECT)
        for key in (
            "accessHistoryChunkSize",
            "creditCost",
            "policyAgentConfig.*",
            "snowflakeSourceHost",
            "useAccessHistory",
        )
    ),
    ("*", "supports*", NO_EFFECT),
    ("*", "sampleDataStorageConfig", NO_EFFECT),
    ("*", "queryStatementSource", NO_EFFECT),
    ("*", "queryHistoryTable", NO_EFFECT),
    ("*", "useSlowLogs", NO_EFFECT),
    ("*", "awsConfig.enabled", NO_EFFECT),
    ("deltalake", "configSource.connection.securityConfig.enabled", NO_EFFECT),
    ("deltalake", "configSource.appName", NO_EFFECT),
    ("opensearch", "authType.enabled", NO_EFFECT),
    ("*", "sslConfig.certificates.stagingDir", NO_EFFECT),
    ("clickhouse", "duration", NO_EFFECT),
    ("redshift", "clusterIdentifier", NO_EFFECT),
    ("redshift", "workgroupName", NO_EFFECT),
    ("sqlite", "hostPort", NO_EFFECT),
    ("sqlite", "username", NO_EFFECT),
    ("sqlite", "password", NO_EFFECT),
    ("*", "*", SUPPORTED),
]


def outcome(kind: str, given: dict[str, Any]) -> str:
    """What becomes of a definition with these keys in its connection."""
    raw = changed(kind)
    raw["source"]["serviceConnection"]["config"] |= given
    try:
        notes = registry.plan(raw).notes
    except ConfigurationError as error:
        [problem] = error.problems
        assert problem.path.startswith(CONNECTION), problem
        return problem.message
    return NO_EFFECT if any(note.startswith(f"{CONNECTION}.") for note in notes) else SUPPORTED


def expected(kind: str, key: str) -> str:
    """See OUTCOMES."""
    return next(told for of, pattern, told in OUTCOMES if fnmatchcase(kind, of) and fnmatchcase(key, pattern))


@pytest.mark.parametrize("kind", KEYS)
def test_no_key_of_a_connection_is_passed_over(kind: str) -> None:
    for key, given in KEYS[kind].items():
        found, told = outcome(kind, given), expected(kind, key)
        assert found == told if told in (SUPPORTED, NO_EFFECT) else told in found, f"{key}: {found}"


def test_each_outcome_is_of_a_key() -> None:
    every = {(kind, key) for kind, keys in KEYS.items() for key in keys}
    for of, pattern, _ in OUTCOMES:
        assert any(fnmatchcase(kind, of) and fnmatchcase(key, pattern) for kind, key in every), (of, pattern)
