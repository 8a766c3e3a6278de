"""The connector against moto's DynamoDB: inferred columns, keys, filters, deletions, and what goes wrong."""

import json
from contextlib import closing
from typing import Any

import pytest

from connectors.cancellation import Cancellation
from connectors.definition import parse
from connectors.errors import SourceUnavailable
from connectors.families.aws import AwsCredentials, AwsService
from connectors.models.records import DeletionScope
from connectors.report import Report
from connectors.sources.dynamodb import DynamoDBSource
from tests.amazon import Account, fill_dynamodb, gate, make_table, sent
from tests.answering import Answering, Asked
from tests.sharing import REPOSITORY
from tests.whole_runs import walk

GOLDEN = REPOSITORY / "tests" / "golden" / "dynamodb.json"


@pytest.fixture
def account(moto_server: str) -> Account:
    """An account with some tables."""
    account = Account.new(moto_server)
    fill_dynamodb(account)
    return account


def connection(account: Account, **changes: Any) -> dict[str, Any]:
    return {"type": "DynamoDB", "awsConfig": account.config(), **changes}


def test_what_is_sent(account: Account) -> None:
    walked = walk("dynamodb", connection(account))
    assert list(walked.report.failures) == []
    assert sent(walked, account) == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_filters_come_before_questions(account: Account) -> None:
    asked: list[str] = []

    def note(operation: str, query: dict[str, Any]) -> None:
        asked.append(f"{operation} {query.get('TableName', '')}".rstrip())

    with gate(account.endpoint, note) as address:
        config = account.config(endPointURL=address)
        pattern = {"includes": ["^orders$"]}
        walked = walk(
            "dynamodb", connection(account, awsConfig=config, databaseName="shop"), tableFilterPattern=pattern
        )
    assert walked.sink.names("table") == {"svc.shop.default.orders"}
    assert set(asked) == {"ListTables", "DescribeTable orders", "Scan orders"}
    assert len(walked.sink.deletions()["svc.shop.default", "table"].seen) == 5


def test_more_than_a_page(moto_server: str) -> None:
    account = Account.new(moto_server)
    dynamodb = account.client("dynamodb")
    for number in range(103):
        make_table(dynamodb, f"t{number:03}", id="S")
    assert len(walk("dynamodb", connection(account)).sink.names("table")) == 103


def test_a_table_that_may_not_be_read_is_one_failure_and_nothing_is_deleted(account: Account) -> None:
    def deny(operation: str, query: dict[str, Any]) -> str | None:
        return "AccessDeniedException" if operation == "Scan" and query["TableName"] == "orders" else None

    with gate(account.endpoint, deny) as address:
        walked = walk("dynamodb", connection(account, awsConfig=account.config(endPointURL=address)))
    [failure] = walked.report.failures
    assert (failure.entity, failure.name) == ("table", "svc.default.default.orders")
    assert failure.advice == "allow Scan on it in the user's or the role's policy"
    assert len(walked.sink.names("table")) == 4
    assert [scope for scope in walked.sink.only(DeletionScope) if scope.entity == "table"] == []


def test_an_answer_without_items_is_no_empty_table() -> None:
    def answer(asked: Asked) -> dict[str, Any]:
        described = {"Table": {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}}
        return {} if asked.headers["x-amz-target"].endswith("Scan") else described

    keys = {"awsRegion": "eu-west-1", "awsAccessKeyId": "k", "awsSecretAccessKey": "s"}
    told = pytest.raises(SourceUnavailable, match="scan orders: the answer has no Items")
    with Answering({"POST /": answer}) as server, told as caught:
        credentials = parse(AwsCredentials, {**keys, "endPointURL": server.address})
        with closing(AwsService(credentials, "dynamodb", Report(), Cancellation())) as service:
            DynamoDBSource(service, "default").described("orders")
    assert "endPointURL" in str(caught.value.advice)


def test_a_table_that_is_dropped_while_it_is_read_is_left_out(account: Account) -> None:
    dynamodb = account.client("dynamodb")

    def drop(operation: str, query: dict[str, Any]) -> None:
        if operation == "Scan" and query["TableName"] == "orders":
            dynamodb.delete_table(TableName="orders")

    with gate(account.endpoint, drop) as address:
        walked = walk("dynamodb", connection(account, awsConfig=account.config(endPointURL=address)))
    assert list(walked.report.failures) == []
    assert "svc.default.default.orders" not in walked.sink.names("table")
    assert "svc.default.default.orders" in walked.sink.deletions()["svc.default.default", "table"].seen
