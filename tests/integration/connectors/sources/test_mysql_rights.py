"""A right that was taken away from the user of a real MariaDB is not taken for a deletion."""

from typing import Any

import pytest

from connectors.cancellation import Cancellation
from connectors.connector import CheckResult, RunContext, run_checks
from connectors.families.database_options import DatabaseMetadata
from connectors.families.mysql import queries
from connectors.families.mysql.config import MariaDBConfig
from connectors.models.records import DeletionScope
from connectors.report import Report
from connectors.runner import TopologyRunner
from connectors.sources.mariadb import CONNECTOR
from tests.in_memory import RecordingSink, Walked
from tests.mariadb import PASSWORD, MariaDB

TWO_TABLES = (
    "CREATE TABLE a (x INT); CREATE TABLE b (x INT); CREATE PROCEDURE p() SELECT 1; CREATE PROCEDURE q() SELECT 2"
)
EVERY_SCHEMA = "SHOW DATABASES ON *.*"
EVERY_ROUTINE = "SELECT ON mysql.proc"


def deletions(server: MariaDB, schema: str, user: str, **options: Any) -> dict[str, list[DeletionScope]]:
    """What a run that a filter holds to one schema would delete, by the type of entity."""
    connection = {"username": user, "password": PASSWORD, "hostPort": f"127.0.0.1:{server.port}"}
    filtered = {"schemaFilterPattern": {"includes": [f"^{schema}$"]}}
    context = RunContext(
        service="shop",
        service_type="MariaDB",
        connection=MariaDBConfig.model_validate(connection),
        options=DatabaseMetadata.model_validate({"markDeletedSchemas": True, **filtered, **options}),
        threads=1,
        report=Report(),
        cancellation=Cancellation(),
    )
    walked = Walked(RecordingSink(), context.report)
    with CONNECTOR.topology(context) as root:
        TopologyRunner(context.report, context.cancellation, 1).run(root, walked.sink.write)
    assert not context.report.failures
    found: dict[str, list[DeletionScope]] = {"table": [], "storedProcedure": [], "databaseSchema": []}
    for scope in walked.sink.only(DeletionScope):
        found.setdefault(scope.entity, []).append(scope)
    return found


def in_schema(scopes: list[DeletionScope], schema: str) -> list[set[str]]:
    """The names of what each scope of this schema has seen."""
    return [
        {name.rpartition(".")[2] for name in scope.seen} for scope in scopes if scope.fqn == f"shop.default.{schema}"
    ]


def test_rights_are_taken_away_one_after_the_other(mariadb_server: MariaDB, caplog: pytest.LogCaptureFixture) -> None:
    schema = mariadb_server.make_schema(TWO_TABLES)
    user = mariadb_server.make_user(f"SELECT ON {schema}.*", EVERY_SCHEMA, EVERY_ROUTINE)
    found = deletions(mariadb_server, schema, user)
    assert in_schema(found["table"], schema) == [{"a", "b"}]
    assert in_schema(found["storedProcedure"], schema) == [{"p", "q"}]
    assert len(found["databaseSchema"]) == 1
    assert "GRANT" not in caplog.text

    account = f"'{user}'@'%'"
    mariadb_server.execute(f"REVOKE SELECT ON mysql.proc FROM {account}")
    found = deletions(mariadb_server, schema, user)
    assert in_schema(found["table"], schema) == [{"a", "b"}]
    assert found["storedProcedure"] == []

    mariadb_server.execute(f"REVOKE SELECT ON {schema}.* FROM {account}; GRANT SELECT ON {schema}.a TO {account}")
    found = deletions(mariadb_server, schema, user)
    assert in_schema(found["table"], schema) == []
    assert len(found["databaseSchema"]) == 1

    mariadb_server.execute(f"REVOKE SELECT ON {schema}.a FROM {account}; REVOKE SHOW DATABASES ON *.* FROM {account}")
    caplog.clear()
    assert not any(deletions(mariadb_server, schema, user).values())
    [warning] = [record.getMessage() for record in caplog.records if "GRANT" in record.getMessage()]
    assert warning.endswith(f": GRANT SHOW DATABASES ON *.* TO {account}")


def test_the_statements_of_the_one_warning_bring_the_deletions_back(
    mariadb_server: MariaDB, caplog: pytest.LogCaptureFixture
) -> None:
    schema = mariadb_server.make_schema(TWO_TABLES)
    user = mariadb_server.make_user(f"SELECT ON {schema}.a", f"EXECUTE ON PROCEDURE {schema}.p")
    assert not any(deletions(mariadb_server, schema, user).values())
    [warning] = [record.getMessage() for record in caplog.records if "GRANT" in record.getMessage()]
    statements = warning[warning.index("GRANT") :]
    assert statements.count("GRANT") == 3
    mariadb_server.execute(statements)
    found = deletions(mariadb_server, schema, user)
    assert in_schema(found["table"], schema) == [{"a", "b"}]
    assert in_schema(found["storedProcedure"], schema) == [{"p", "q"}]
    assert len(found["databaseSchema"]) == 1


def test_what_is_not_to_be_deleted_anyway_needs_no_right(
    mariadb_server: MariaDB, caplog: pytest.LogCaptureFixture
) -> None:
    schema = mariadb_server.make_schema(TWO_TABLES)
    user = mariadb_server.make_user(f"SELECT ON {schema}.a")
    off = dict.fromkeys(("markDeletedTables", "markDeletedStoredProcedures", "markDeletedSchemas"), False)
    assert not any(deletions(mariadb_server, schema, user, **off).values())
    assert "GRANT" not in caplog.text


@pytest.mark.parametrize("right", ["SELECT ON *.*", "REFERENCES ON *.*", "ALL PRIVILEGES ON *.*"])
def test_a_right_on_everything(mariadb_server: MariaDB, right: str) -> None:
    schema = mariadb_server.make_schema(TWO_TABLES)
    found = deletions(mariadb_server, schema, mariadb_server.make_user(right))
    assert in_schema(found["table"], schema) == [{"a", "b"}]
    assert len(found["databaseSchema"]) == 1
    assert in_schema(found["storedProcedure"], schema) == ([] if right.startswith("REF") else [{"p", "q"}])


@pytest.mark.parametrize("right", ["EXECUTE", "ALTER ROUTINE", "CREATE ROUTINE", "ALL PRIVILEGES"])
def test_a_right_on_the_routines_of_a_schema(mariadb_server: MariaDB, right: str) -> None:
    schema = mariadb_server.make_schema(TWO_TABLES)
    user = mariadb_server.make_user(f"{right} ON {schema}.*")
    assert in_schema(deletions(mariadb_server, schema, user)["storedProcedure"], schema) == [{"p", "q"}]


def test_patterns_of_schemas(mariadb_server: MariaDB) -> None:
    schema = mariadb_server.make_schema(TWO_TABLES)
    escaped = schema.replace("_", r"\_")
    for pattern in (escaped, schema[:-1] + "_", escaped[:6] + "%"):
        user = mariadb_server.make_user(f"SELECT ON `{pattern}`.*")
        assert in_schema(deletions(mariadb_server, schema, user)["table"], schema) == [{"a", "b"}]


def test_of_two_patterns_the_more_specific_one_counts(mariadb_server: MariaDB) -> None:
    schema = mariadb_server.make_schema(TWO_TABLES)
    user = mariadb_server.make_user(rf"SELECT ON `{schema[:-1]}%`.*", f"EXECUTE ON `{schema}`.*")
    found = deletions(mariadb_server, schema, user)
    assert in_schema(found["table"], schema) == []
    assert in_schema(found["storedProcedure"], schema) == []


def test_rights_of_a_default_role(mariadb_server: MariaDB) -> None:
    schema = mariadb_server.make_schema(TWO_TABLES)
    user, role = mariadb_server.make_user(), f"r{schema}"
    mariadb_server.execute(f"CREATE ROLE {role}; GRANT SELECT ON {schema}.* TO {role}; GRANT {role} TO '{user}'@'%'")
    assert in_schema(deletions(mariadb_server, schema, user)["table"], schema) == []
    mariadb_server.execute(f"SET DEFAULT ROLE {role} FOR '{user}'@'%'")
    assert in_schema(deletions(mariadb_server, schema, user)["table"], schema) == [{"a", "b"}]


def test_rights_that_the_server_does_not_tell_count_as_missing(
    mariadb_server: MariaDB, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = mariadb_server.make_schema(TWO_TABLES)
    monkeypatch.setattr(queries, "GRANTS", "SHOW GRANTS FOR 'root'@'localhost'")  # which it refuses
    user = mariadb_server.make_user(f"ALL PRIVILEGES ON {schema}.*", EVERY_SCHEMA)
    assert not any(deletions(mariadb_server, schema, user).values())
    assert "the user's rights: Access denied" in caplog.text
    assert "so that nothing of this server is deleted" in caplog.text


def rights_step(server: MariaDB, user: str, schema: str | None = None) -> CheckResult:
    """What the connection test says of the user's rights."""
    connection = {"username": user, "password": PASSWORD, "hostPort": f"127.0.0.1:{server.port}"}
    config = MariaDBConfig.model_validate(connection | ({"databaseSchema": schema} if schema else {}))
    [step] = [result for result in run_checks(CONNECTOR.checks, config) if result.name == "CheckRights"]
    return step


def test_the_connection_test_warns_of_missing_rights_and_names_the_grants(mariadb_server: MariaDB) -> None:
    schema = mariadb_server.make_schema(TWO_TABLES)
    user = mariadb_server.make_user(f"SELECT ON {schema}.a")
    step = rights_step(mariadb_server, user)
    assert step.status == "warning"
    assert step.message.startswith(f"{user} may not see all of 1 of ")
    assert step.message.endswith(f" schemas, as {schema}: nothing is deleted there when it is gone")
    assert step.advice is not None
    assert step.advice.count("GRANT") == 2
    mariadb_server.execute(step.advice)

    step = rights_step(mariadb_server, user)
    assert (step.status, step.advice) == ("passed", None)
    assert step.message.endswith(f"markDeletedSchemas needs GRANT SHOW DATABASES ON *.* TO '{user}'@'%'")
    step = rights_step(mariadb_server, user, schema)
    assert (step.status, step.message) == ("passed", "all of the schemas can be seen")


def test_the_connection_test_looks_at_the_schema_of_the_definition_only(mariadb_server: MariaDB) -> None:
    schema, other = mariadb_server.make_schema(TWO_TABLES), mariadb_server.make_schema(TWO_TABLES)
    user = mariadb_server.make_user(f"SELECT ON {schema}.*", f"SELECT ON {other}.a", EVERY_ROUTINE)
    assert rights_step(mariadb_server, user, schema).status == "passed"
    step = rights_step(mariadb_server, user)
    assert (step.status, step.advice) == (
        "warning",
        f"GRANT SELECT ON `{other.replace('_', chr(92) + '_')}`.* TO '{user}'@'%'",
    )
