"""The connector against moto's Glue: every kind of table, filters, deletions, and what goes wrong."""

import json
from contextlib import closing
from typing import Any

import pytest

from connectors.cancellation import Cancellation
from connectors.definition import parse
from connectors.errors import ConnectorError, FatalError
from connectors.families.aws import AwsCredentials, AwsService
from connectors.families.glue.tables import GlueTable, table_of, view_text
from connectors.families.spark_schema import spelled
from connectors.models.database import CreateTableRequest
from connectors.models.records import DeletionScope
from connectors.report import Report
from connectors.sources.glue import GlueSource
from tests.amazon import Account, columns, fill_glue, gate, sent
from tests.answering import Answering
from tests.in_memory import Walked
from tests.sharing import REPOSITORY
from tests.whole_runs import walk

GOLDEN = REPOSITORY / "tests" / "golden" / "glue.json"


@pytest.fixture
def account(moto_server: str) -> Account:
    """An account with two databases."""
    account = Account.new(moto_server)
    fill_glue(account)
    return account


def connection(account: Account, **changes: Any) -> dict[str, Any]:
    return {"type": "Glue", "awsConfig": account.config(), **changes}


def test_what_is_sent(account: Account) -> None:
    walked = walk("glue", connection(account), includeOwners=True)
    assert list(walked.report.failures) == []
    assert sent(walked, account) == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_the_database_may_be_named(account: Account) -> None:
    walked = walk("glue", connection(account, databaseName="lake.house"), markDeletedDatabases=True)
    assert 'svc."lake.house".lake.orders' in walked.sink.names("table")


def test_filters(account: Account) -> None:
    patterns = {"schemaFilterPattern": {"excludes": ["^empty$"]}, "tableFilterPattern": {"includes": ["^o", "^by"]}}
    walked = walk("glue", connection(account, **patterns), includeViews=False)
    assert {name.rpartition(".")[2] for name in walked.sink.names("table")} == {"orders"}
    assert walked.sink.names("databaseSchema") == {f"svc.{account.number}.lake"}


def test_more_than_a_page(account: Account) -> None:
    glue = account.client("glue")
    for number in range(120):
        glue.create_table(
            DatabaseName="empty", TableInput={"Name": f"t{number:03}", "StorageDescriptor": columns(a="int")}
        )
    walked = walk("glue", connection(account))
    assert len(walked.sink.deletions()[f"svc.{account.number}.empty", "table"].seen) == 120


def test_an_empty_account_is_no_reason_to_delete(moto_server: str) -> None:
    walked = walk("glue", connection(Account.new(moto_server)), markDeletedDatabases=True)
    assert walked.sink.only(DeletionScope) == []


def test_a_database_that_may_not_be_read_is_one_failure(account: Account) -> None:
    def deny(operation: str, query: dict[str, Any]) -> str | None:
        denied = operation == "GetTables" and query["DatabaseName"] == "lake"
        return "AccessDeniedException" if denied else None

    with gate(account.endpoint, deny) as address:
        walked = walk("glue", connection(account, awsConfig=account.config(endPointURL=address)))
    [failure] = walked.report.failures
    assert (failure.entity, failure.name) == ("table", f"svc.{account.number}.lake")
    assert failure.cause == "get_tables lake: AccessDeniedException: refused"
    assert failure.advice == "allow GetTables on it in the user's or the role's policy"
    assert set(walked.sink.deletions()) >= {(f"svc.{account.number}.empty", "table")}
    assert (f"svc.{account.number}.lake", "table") not in walked.sink.deletions()


def test_a_database_that_is_dropped_while_it_is_read_is_one_failure(account: Account) -> None:
    glue = account.client("glue")

    def drop(operation: str, query: dict[str, Any]) -> str | None:
        if operation == "GetTables" and query["DatabaseName"] == "empty":
            glue.delete_database(Name="empty")
        return None

    with gate(account.endpoint, drop) as address:
        walked = walk("glue", connection(account, awsConfig=account.config(endPointURL=address)))
    assert len(walked.sink.only(CreateTableRequest)) == 5
    assert [(each.name, "EntityNotFound" in each.cause) for each in walked.report.failures] in (
        [],
        [(f"svc.{account.number}.empty", True)],
    )


def malformed(*rows: dict[str, Any]) -> Walked:
    """A run on a Glue with one database, which lists these among others."""
    tables = [{"Name": "first"}, *rows, {"Name": "last"}]
    answer = {"DatabaseList": [{"Name": "lake", "CatalogId": "1"}], "TableList": tables}
    with Answering({"POST /": answer}) as server:
        keys = {"awsAccessKeyId": "k", "awsSecretAccessKey": "s", "endPointURL": server.address}
        walked = walk("glue", {"type": "Glue", "awsConfig": {"awsRegion": "eu-west-1", **keys}})
    assert walked.sink.names("table") == {"svc.1.lake.first", "svc.1.lake.last"}
    assert "table" not in {scope.entity for scope in walked.sink.only(DeletionScope)}
    return walked


def test_a_malformed_table_fails_alone_by_its_name() -> None:
    columns_of_one = {"Columns": [{"Type": "int"}]}
    walked = malformed(
        {"Name": "one", "StorageDescriptor": columns_of_one},
        {"Name": "two", "Parameters": {"rows": 7}},
    )
    assert [(failure.entity, failure.name) for failure in walked.report.failures] == [
        ("table", "svc.1.lake.one"),
        ("table", "svc.1.lake.two"),
    ]
    assert "the answer is not what Glue tells" in walked.report.failures[0].cause


def test_a_table_without_a_name_is_its_databases_failure_after_the_others() -> None:
    [failure] = malformed({"Owner": "ada"}, {"Owner": "bob"}).report.failures
    assert (failure.entity, failure.name) == ("table", "svc.1.lake")
    assert "`Name`" in failure.cause
    assert failure.cause.endswith("; so 2 tables without a name are left out")
    assert failure.advice == "see whether endPointURL is the address of Glue"


def test_of_a_single_table_without_a_name_no_number_is_told() -> None:
    [failure] = malformed({"Owner": "ada"}).report.failures
    assert "`Name`" in failure.cause
    assert "are left out" not in failure.cause


def test_what_is_no_table_is_told_with_its_mend() -> None:
    keys = {"awsRegion": "eu-west-1", "awsAccessKeyId": "k", "awsSecretAccessKey": "s"}
    told = pytest.raises(ConnectorError, match=r"get_tables lake: the answer is not what Glue tells: .*`Name`")
    with Answering({"POST /": {"TableList": [{"Owner": "ada"}]}}) as server, told as caught:
        credentials = parse(AwsCredentials, {**keys, "endPointURL": server.address})
        with closing(AwsService(credentials, "glue", Report(), Cancellation())) as service:
            list(GlueSource(service, None).tables("", "lake"))
    assert caught.value.advice == "see whether endPointURL is the address of Glue"


def test_refused_keys_end_the_run(account: Account) -> None:
    with (
        gate(account.endpoint, lambda operation, query: "UnrecognizedClientException") as address,
        pytest.raises(FatalError, match="get_databases: UnrecognizedClientException"),
    ):
        walk("glue", connection(account, awsConfig=account.config(endPointURL=address)))


@pytest.mark.parametrize(
    ("view", "text"),
    [
        ({"view_original_text": "SELECT 1"}, "SELECT 1"),
        ({"view_original_text": "/* Presto View: !! */", "view_expanded_text": "SELECT 2"}, "SELECT 2"),
        ({"view_original_text": "/* Presto View: e30= */"}, None),
        ({}, None),
    ],
)
def test_the_text_of_a_view(view: dict[str, Any], text: str | None) -> None:
    assert view_text(GlueTable(name="v", **view)) == text


@pytest.mark.parametrize("schema", ["", "{", '{"fields": [{"name": "a", "type": {"type": "struct"}}]}'])
def test_a_delta_table_without_a_sound_schema_has_glues_columns(schema: str) -> None:
    parameters = {"spark.sql.sources.provider": "delta", "spark.sql.sources.schema": schema}
    assert table_of(GlueTable(name="t", parameters=parameters)).columns == ()


def test_types_of_spark_are_spelled_like_hives() -> None:
    kind = {"type": "struct", "fields": [{"name": "a`b", "type": {"type": "udt", "sqlType": "integer"}}]}
    assert spelled(kind) == "struct<`a``b`:integer>"
