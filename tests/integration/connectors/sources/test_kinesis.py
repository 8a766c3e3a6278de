"""The connector against moto's Kinesis: streams, filters, deletions, and what goes wrong."""

import json
from typing import Any

import pytest

from connectors import registry
from connectors.cancellation import Cancellation
from connectors.connector import run_checks
from connectors.definition import parse
from connectors.errors import ConfigurationError, ConnectorError, FatalError, SourceUnavailable
from connectors.families.aws import AwsCredentials, AwsService
from connectors.models.messaging import CreateTopicRequest
from connectors.models.records import DeletionScope
from connectors.report import Report
from connectors.sources.kinesis import KinesisConfig, KinesisSource
from tests.amazon import REGION, Account, fill_kinesis, gate, sent
from tests.answering import Answering
from tests.sharing import REPOSITORY
from tests.whole_runs import walk

GOLDEN = REPOSITORY / "tests" / "golden" / "kinesis.json"


@pytest.fixture
def account(moto_server: str) -> Account:
    """An account with some streams."""
    account = Account.new(moto_server)
    fill_kinesis(account)
    return account


def connection(account: Account, **changes: Any) -> dict[str, Any]:
    return {"type": "Kinesis", "awsConfig": account.config(**changes)}


@pytest.mark.parametrize("threads", [1, 4])
def test_what_is_sent(account: Account, threads: int) -> None:
    walked = walk("kinesis", connection(account), threads=threads)
    assert list(walked.report.failures) == []
    assert walked.report.snapshot_progress()["topic"] == (3, 3)
    found = sorted(sent(walked, account), key=lambda request: request["name"])
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_filters_come_before_questions(account: Account) -> None:
    asked: list[str] = []

    def note(operation: str, query: dict[str, Any]) -> None:
        asked.append(f"{operation} {query.get('StreamName', '')}".rstrip())

    with gate(account.endpoint, note) as address:
        written = {**connection(account, endPointURL=address), "topicFilterPattern": {"excludes": ["clicks"]}}
        walked = walk("kinesis", written, topicFilterPattern={"includes": ["^orders", "clicks"]})
    assert walked.sink.names("topic") == {'svc."orders.v1"'}
    assert set(asked) == {"ListStreams", "DescribeStreamSummary orders.v1"}
    assert len(walked.sink.deletions()["svc", "topic"].seen) == 3


def test_more_than_a_page(moto_server: str) -> None:
    account = Account.new(moto_server)
    kinesis = account.client("kinesis")
    for number in range(12):
        kinesis.create_stream(StreamName=f"s{number:02}", ShardCount=1)

    def short(operation: str, query: dict[str, Any]) -> None:
        if operation == "ListStreams":
            query["Limit"] = 5

    with gate(account.endpoint, short) as address:
        walked = walk("kinesis", connection(account, endPointURL=address))
    assert len(walked.sink.names("topic")) == 12


def test_a_stream_that_may_not_be_described_is_one_failure(account: Account) -> None:
    def deny(operation: str, query: dict[str, Any]) -> str | None:
        denied = operation == "DescribeStreamSummary" and query["StreamName"] == "payments"
        return "AccessDeniedException" if denied else None

    with gate(account.endpoint, deny) as address:
        walked = walk("kinesis", connection(account, endPointURL=address))
    [failure] = walked.report.failures
    assert (failure.entity, failure.name) == ("topic", "svc.payments")
    assert failure.advice == "allow DescribeStreamSummary on it in the user's or the role's policy"
    assert walked.sink.names("topic") == {'svc."orders.v1"', "svc.clicks"}
    assert walked.sink.only(DeletionScope) == [], "as where any listed item fails"


def test_a_stream_that_is_deleted_while_it_is_read_is_left_out(account: Account) -> None:
    kinesis = account.client("kinesis")

    def drop(operation: str, query: dict[str, Any]) -> None:
        if operation == "DescribeStreamSummary" and query["StreamName"] == "payments":
            kinesis.delete_stream(StreamName="payments")

    with gate(account.endpoint, drop) as address:
        walked = walk("kinesis", connection(account, endPointURL=address))
    assert list(walked.report.failures) == []
    assert "svc.payments" not in walked.sink.names("topic")
    [deletion] = walked.sink.only(DeletionScope)
    assert "svc.payments" in deletion.seen


def test_keys_that_are_refused_end_the_run(account: Account) -> None:
    def refuse(_operation: str, _query: dict[str, Any]) -> str:
        return "UnrecognizedClientException"

    with gate(account.endpoint, refuse) as address:
        config = connection(account, endPointURL=address, assumeRoleArn=None)
        with pytest.raises(FatalError) as caught:
            walk("kinesis", config)
        [result] = run_checks(registry.get("kinesis").checks, parse(KinesisConfig, config))
    assert caught.value.advice == "correct awsAccessKeyId, awsSecretAccessKey and awsSessionToken; they are refused"
    assert (result.status, result.advice) == ("failed", caught.value.advice)


@pytest.mark.parametrize(
    ("answer", "error"),
    [({"StreamDescriptionSummary": {"OpenShardCount": "many"}}, ConnectorError), ({}, ConnectorError)],
)
def test_garbage_about_a_stream(answer: dict[str, Any], error: type[ConnectorError]) -> None:
    with Answering({"POST /": answer}) as server:
        source = source_at(server.address)
        with pytest.raises(error, match="not what Kinesis tells") as caught:
            source.described("orders")
    assert caught.value.advice == "see whether endPointURL is the address of Kinesis"


def test_a_listing_that_is_none(moto_server: str) -> None:
    with Answering({"POST /": {}}) as server, pytest.raises(SourceUnavailable, match="the answer has no StreamNames"):
        list(source_at(server.address).names())


def source_at(address: str | None) -> KinesisSource:
    written = {"awsRegion": REGION, "awsAccessKeyId": "k", "awsSecretAccessKey": "s", "endPointURL": address}
    credentials = parse(AwsCredentials, written)
    return KinesisSource(AwsService(credentials, "kinesis", Report(), Cancellation()), credentials)


def test_streams_of_amazon_itself_have_a_page_in_its_console(monkeypatch: pytest.MonkeyPatch) -> None:
    with Answering({"POST /": {"StreamDescriptionSummary": {"OpenShardCount": 0, "RetentionPeriodHours": 24}}}) as at:
        monkeypatch.setenv("AWS_ENDPOINT_URL", at.address)
        found = source_at(None).described("orders.v1")
    page = "https://eu-west-1.console.aws.amazon.com/kinesis/home?region=eu-west-1"
    assert found.source_url == f"{page}#/streams/details/orders.v1/monitoring"
    assert found.partitions == 1  # a stream whose shards are all closed; OpenMetadata wants one at least


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"awsConfig": {}}, "awsConfig.awsRegion", "required"),
        ({"bootstrapServers": "a:1"}, "bootstrapServers", "not"),
    ],
)
def test_bad_connections(changes: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(KinesisConfig, {"type": "Kinesis", "awsConfig": {"awsRegion": REGION}, **changes})
    [problem] = caught.value.problems
    assert problem.path == path
    assert message in problem.message


def test_messages_are_never_read(account: Account) -> None:
    with pytest.raises(ConfigurationError, match="messages are never read"):
        walk("kinesis", connection(account), generateSampleData=True)


def test_a_topic_goes_over_the_wire_with_its_settings(account: Account) -> None:
    topics = walk("kinesis", connection(account)).sink.by_fqn(CreateTopicRequest)
    orders = topics['svc."orders.v1"']
    assert (orders.partitions, orders.retention_time, orders.cleanup_policies) == (3, 172_800_000, ("delete",))
