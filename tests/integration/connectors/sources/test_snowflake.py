"""The connector against what plays Snowflake, and against recorded answers for what that cannot play."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.cancellation import Cancellation
from connectors.connector import RunContext, run_checks
from connectors.errors import ConfigurationError, ConnectorError, FatalError, RunCancelled, SourceUnavailable
from connectors.families.database_options import DatabaseMetadata, IncrementalMetadata
from connectors.families.snowflake.config import SnowflakeConfig
from connectors.families.snowflake.queries import MOST_SHOWN
from connectors.families.snowflake.session import private_key
from connectors.families.snowflake.source import open_source
from connectors.models.database import CreateStoredProcedureRequest, CreateTableRequest
from connectors.models.records import DeletionScope
from connectors.models.tags import CreateTagRequest
from connectors.report import Report
from connectors.runner import TopologyRunner
from connectors.sources.snowflake import CONNECTOR
from tests.golden.snowflake_answers import KEY, SHOP, column
from tests.in_memory import RecordingSink, Walked
from tests.recorded_snowflake import Recorded, recorded
from tests.snowflake import connection, execute, make_database

GOLDEN = Path(__file__).parents[3] / "golden" / "snowflake.json"
Context = RunContext[SnowflakeConfig, DatabaseMetadata]
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def context(
    given: dict[str, Any],
    cancellation: Cancellation | None = None,
    changed_since: datetime | None = None,
    **options: Any,
) -> Context:
    return RunContext(
        service="wh",
        service_type="Snowflake",
        connection=SnowflakeConfig.model_validate(given),
        options=IncrementalMetadata.model_validate(options),
        threads=1,
        report=Report(),
        cancellation=cancellation or Cancellation(),
        changed_since=changed_since,
    )


def run(given: Context) -> Walked:
    walked = Walked(RecordingSink(), given.report)
    with CONNECTOR.topology(given) as root:
        TopologyRunner(given.report, given.cancellation, 1).run(root, walked.sink.write)
    return walked


def tables(walked: Walked) -> dict[str, dict[str, Any]]:
    assert [failure.cause for failure in walked.report.failures] == []
    return {table.name: json.loads(msgspec.json.encode(table)) for table in walked.sink.only(CreateTableRequest)}


@pytest.fixture(scope="module")
def database(snowflake_server: int) -> str:
    return make_database(snowflake_server)


def test_what_is_sent_is_what_it_was(snowflake_server: int, database: str) -> None:
    given = connection(snowflake_server, database, includeStreams=True, includeStages=True)
    walked = run(context(given, includeDDL=True, includeOwners=True))
    assert [failure.cause for failure in walked.report.failures] == []
    sent = [
        json.loads(msgspec.json.encode(record).decode().replace(database, "SHOP"))
        for record in walked.sink.records
        if isinstance(record, CreateTableRequest | CreateStoredProcedureRequest | CreateTagRequest)
    ]
    assert sent == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_filters(snowflake_server: int, database: str) -> None:
    given = connection(snowflake_server, database)
    patterns: dict[str, Any] = {"tableFilterPattern": {"includes": ["^cust"]}, "includeViews": False}
    walked = run(context(given, **patterns))
    assert set(tables(walked)) == {"CUSTOMER"}
    [scope, _] = [each for each in walked.sink.records if isinstance(each, DeletionScope) and each.entity == "table"]
    assert f"wh.{database}.SALES.LINE" in scope.seen


def test_tags_that_may_not_be_read_cost_no_table(snowflake_server: int, database: str) -> None:
    walked = run(context(connection(snowflake_server, database, accountUsageSchema="NO.WHERE")))
    [failure] = walked.report.failures
    assert (failure.entity, failure.stage) == ("database", "tags")
    assert "GRANT IMPORTED PRIVILEGES" in str(failure.advice)
    assert {table.name for table in walked.sink.only(CreateTableRequest)} >= {"CUSTOMER", "LINE", "ADULTS"}


def test_a_schema_that_is_not_there(snowflake_server: int, database: str) -> None:
    with (
        open_source(context(connection(snowflake_server, database))) as source,
        pytest.raises(ConnectorError, match="was dropped during the run"),
    ):
        list(source.tables(database, "NO_SUCH"))


def test_a_table_dropped_while_it_is_read(snowflake_server: int) -> None:
    name = make_database(snowflake_server)
    with open_source(context(connection(snowflake_server, name), includeTags=False)) as source:
        listing = iter(source.tables(name, "SALES"))
        first = next(listing)
        execute(snowflake_server, f"DROP TABLE {name}.SALES.LINE")
        assert {first.name, *(table.name for table in listing)} >= {"ADULTS", "CUSTOMER"}


def test_an_incremental_run_leaves_what_is_old(snowflake_server: int, database: str) -> None:
    walked = run(context(connection(snowflake_server, database), changed_since=datetime.now(UTC)))
    assert walked.sink.only(CreateTableRequest) == []
    assert walked.report.snapshot_counts()["table"] == {"unchanged": 5}
    scopes = [each for each in walked.sink.records if isinstance(each, DeletionScope) and each.entity == "table"]
    assert sum(len(scope.seen) for scope in scopes) == 5 + 2, "a stream and a stage, which are not read, are there, too"
    walked = run(context(connection(snowflake_server, database), changed_since=datetime.fromtimestamp(0, UTC)))
    assert len(tables(walked)) == 5


# --- Recorded answers


@pytest.fixture
def server() -> Iterator[Callable[[Recorded], int]]:
    with ExitStack() as stack:
        yield lambda told: stack.enter_context(recorded(told))


def at(port: int, **changes: Any) -> dict[str, Any]:
    given = connection(port, "SHOP", accountUsageSchema="SNOWFLAKE.ACCOUNT_USAGE", **changes)
    return given | {"connectionArguments": given["connectionArguments"] | {"login_timeout": 5, "network_timeout": 3}}


def test_kinds_of_tables(server: Callable[[Recorded], int]) -> None:
    found = tables(run(context(at(server(Recorded(SHOP))))))
    assert {name: table["tableType"] for name, table in found.items()} == {
        "CLONED": "Transient", "FACT": "Regular", "HIDING": "SecureView", "LAKE": "Iceberg", "NEWLY": "Dynamic",
        "OUTSIDE": "External", "PARTS": "Regular", "TOP": "MaterializedView",
    }  # fmt: skip
    assert found["CLONED"]["columns"][0]["description"] == "how many"
    [unknown] = found["NEWLY"]["columns"]
    assert (unknown["dataType"], unknown["dataTypeDisplay"]) == ("UNKNOWN", "FILE")
    assert found["FACT"]["tableConstraints"] == [{"constraintType": "PRIMARY_KEY", "columns": ["A", "B"]}]
    assert [each.get("constraint") for each in found["FACT"]["columns"]] == [None, None, "UNIQUE"]
    whole = {"intervalType": "TIME-UNIT", "columnName": "AT", "interval": "LINEAR(to_date(AT), A)"}
    assert found["FACT"]["tablePartition"]["columns"][0] == whole
    assert found["PARTS"]["tablePartition"]["columns"] == [{"columnName": "A", "intervalType": "COLUMN-VALUE"}]


def test_structured_types_are_asked_for_where_there_are_any(server: Callable[[Recorded], int]) -> None:
    told = Recorded(SHOP)
    found = tables(run(context(at(server(told)))))
    [document] = found["LAKE"]["columns"]
    assert [child["name"] for child in document["children"]] == ["street", "geo"]
    assert [each for each in told.asked if each.startswith("DESCRIBE")] == ['DESCRIBE TABLE "SHOP"."S"."LAKE"']


def test_a_database_that_is_not_there(server: Callable[[Recorded], int]) -> None:
    given = at(server(Recorded(SHOP)))
    with open_source(context(given | {"database": "NO_SUCH"})) as source, pytest.raises(FatalError) as caught:
        source.databases()
    assert "no database NO_SUCH" in str(caught.value)
    assert "correct database" in str(caught.value.advice)
    with open_source(context(given | {"database": "shop"})) as source:
        assert [database.name for database in source.databases()] == ["SHOP"]


def test_transient_tables_may_be_left_out(server: Callable[[Recorded], int]) -> None:
    walked = run(context(at(server(Recorded(SHOP)), includeTransientTables=False)))
    assert "CLONED" not in tables(walked)
    [seen] = [scope.seen for (_, entity), scope in walked.sink.deletions().items() if entity == "table"]
    assert any(name.endswith(".CLONED") for name in seen)  # it is left out, not gone


@pytest.mark.parametrize("marks", [True, False])
def test_streams_and_stages_that_are_not_wanted_are_not_gone(server: Callable[[Recorded], int], marks: bool) -> None:
    beside = {
        "SHOW STREAMS IN SCHEMA": [{"name": "FOLLOWING", "table_name": "SHOP.S.FACT"}],
        "SHOW STAGES IN SCHEMA": [{"name": "LANDING"}],
    }
    told = Recorded(SHOP | beside)
    walked = run(context(at(server(told)), markDeletedTables=marks))
    assert not {"FOLLOWING", "LANDING"} & set(tables(walked))
    seen = [name for (_, entity), scope in walked.sink.deletions().items() if entity == "table" for name in scope.seen]
    assert {name.rpartition(".")[2] for name in seen} >= ({"FOLLOWING", "LANDING"} if marks else set())
    assert any("SHOW ST" in asked for asked in told.asked) is marks


def test_only_what_changed_is_read(server: Callable[[Recorded], int]) -> None:
    told = Recorded(SHOP)
    walked = run(context(at(server(told)), changed_since=SINCE))
    assert set(tables(walked)) == {"LAKE", "NEWLY"}
    assert walked.report.snapshot_counts()["table"]["unchanged"] == 6
    [asked] = [each for each in told.asked if "INFORMATION_SCHEMA.COLUMNS" in each]
    assert asked.count(f"'{SINCE.isoformat()}'::TIMESTAMP_TZ") == 2


def test_keys_that_are_more_than_are_shown_are_asked_for_by_table(server: Callable[[Recorded], int]) -> None:
    many = [{**KEY, "TABLE_NAME": f"T{n}", "COLUMN_NAME": "A", "KEY_SEQUENCE": 1} for n in range(MOST_SHOWN)]
    told = Recorded({"SHOW PRIMARY KEYS IN SCHEMA": many, **SHOP})
    found = tables(run(context(at(server(told)), tableFilterPattern={"includes": ["^FACT$"]})))
    assert found["FACT"]["tableConstraints"] == [{"constraintType": "PRIMARY_KEY", "columns": ["A", "B"]}]
    assert 'SHOW PRIMARY KEYS IN TABLE "SHOP"."S"."FACT"' in told.asked


def test_tables_without_columns_fail_their_listing(server: Callable[[Recorded], int]) -> None:
    told = Recorded({**SHOP, "INFORMATION_SCHEMA.COLUMNS": [column("CLONED")]})
    walked = run(context(at(server(told))))
    [failure] = walked.report.failures
    assert "7 tables of S show no column: FACT, HIDING" in failure.cause
    assert "GRANT REFERENCES ON ALL TABLES" in str(failure.advice)
    assert [table.name for table in walked.sink.only(CreateTableRequest)] == ["CLONED"]


@pytest.mark.parametrize(
    ("told", "error", "advice"),
    [
        (Recorded(login=(390100, "Incorrect username or password was specified.")), FatalError, "correct username"),
        (Recorded(login=(390144, "JWT token is invalid.")), FatalError, "RSA_PUBLIC_KEY"),
        (Recorded(login=(390189, "Role 'X' specified is not granted.")), FatalError, "correct role"),
        (Recorded({"SHOW": (606, "No active warehouse selected.")}), FatalError, "GRANT USAGE ON WAREHOUSE SMALL"),
        (Recorded({"SHOW": (3001, "Insufficient privileges")}), ConnectorError, "GRANT USAGE on the database"),
        (Recorded({"SHOW": (630, "Statement reached its timeout")}), ConnectorError, "larger warehouse"),
        (Recorded({"SHOW": (390112, "Your session has expired")}), SourceUnavailable, "tried again"),
        (Recorded({"SHOW": (1003, "SQL compilation error")}), ConnectorError, "None"),
        (Recorded(garbage=b"<html>hello</html>"), SourceUnavailable, "see whether account fakesnow is right"),
    ],
)
def test_what_an_account_says(
    server: Callable[[Recorded], int], told: Recorded, error: type[Exception], advice: str
) -> None:
    with open_source(context(at(server(told)))) as source, pytest.raises(ConnectorError) as caught:
        source.databases()
    assert type(caught.value) is error
    assert advice in str(caught.value.advice)
    assert "snow-flake-pw" not in str(caught.value)


def test_a_cancel_ends_a_question_without_an_answer(server: Callable[[Recorded], int]) -> None:
    told, cancellation = Recorded(hold=threading.Event()), Cancellation()
    port = server(told)
    with open_source(context(at(port), cancellation)) as source:
        answers: list[BaseException] = []

        def ask() -> None:
            try:
                source.databases()
            except RunCancelled as error:
                answers.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        while not told.asked:
            asking.join(0.01)
        cancellation.cancel("enough")
        asking.join(30)
        assert [str(error) for error in answers] == ["enough"]


def test_key_pairs(server: Callable[[Recorded], int]) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form, pem = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    text = key.private_bytes(pem, form, serialization.BestAvailableEncryption(b"open")).decode()
    told = Recorded(SHOP)
    opened = at(server(told), privateKey=text.replace("\n", "\\n"), snowflakePrivatekeyPassphrase="open", password=None)
    with open_source(context(opened)) as source:
        assert [database.description for database in source.databases()] == ["all of it"]
    assert told.logins[0]["AUTHENTICATOR"] == "SNOWFLAKE_JWT"
    for wrong in ({"snowflakePrivatekeyPassphrase": "shut"}, {"privateKey": "no key"}):
        with pytest.raises(ConfigurationError, match=r"privateKey: is no private key") as caught:
            private_key(SnowflakeConfig.model_validate(opened | wrong))
        assert "no key" not in str(caught.value)


def test_checks_without_rights(server: Callable[[Recorded], int]) -> None:
    hello = {"CURRENT_VERSION": [{"V": "10", "U": "READER", "R": "R"}]}
    told = Recorded({**hello, "TAG_REFERENCES": (2003, "does not exist or not authorized"), "SHOW DATABASES": []})
    config = SnowflakeConfig.model_validate(at(server(told)) | {"database": None})
    found = {result.name: result for result in run_checks(CONNECTOR.checks, config)}
    results = {name: (result.status, result.message) for name, result in found.items()}
    assert results["CheckAccess"] == ("passed", "Snowflake 10, as READER with role R")
    assert results["GetDatabases"] == ("failed", "the role may use no database")
    assert results["GetTables"] == ("passed", "no database to look into")
    assert results["GetTags"][0] == "warning"
    assert "IMPORTED PRIVILEGES" in str(found["GetTags"].advice)
