"""Messaging services, and with them every family whose entities lie directly in their service."""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.cancellation import Cancellation
from connectors.connector import Connector, RunContext
from connectors.definition import parse
from connectors.errors import ConfigurationError, ConnectorError, SourceUnavailable
from connectors.families.messaging import (
    FoundSchema,
    MessagingConnection,
    MessagingMetadata,
    Topic,
    messaging_topology,
)
from connectors.models.messaging import CreateMessagingServiceRequest, CreateTopicRequest, MessageSchema
from connectors.models.records import DeletionScope
from connectors.report import Report
from connectors.runner import TopologyRunner
from tests.in_memory import RecordingSink, Walked

FLOWS = pytest.mark.parametrize("threads", [1, 4])
TEXT = MessageSchema(schema_text="{}", schema_type="JSON", schema_fields=())


@dataclass
class MemoryTopics:
    """A MessagingSource; `broken` is what the listing raises after its rows, `broken_schemas` what schemas do."""

    rows: tuple[Topic, ...]
    schemas: Mapping[str, FoundSchema] = field(default_factory=dict[str, FoundSchema])
    broken: Exception | None = None
    broken_schemas: Mapping[str, Exception] = field(default_factory=dict[str, Exception])

    def count(self) -> int:
        return len(self.rows)

    def topics(self) -> Iterable[Topic]:
        yield from self.rows
        if self.broken is not None:
            raise self.broken

    def schema(self, topic: str) -> FoundSchema | None:
        if topic in self.broken_schemas:
            raise self.broken_schemas[topic]
        return self.schemas.get(topic)


def connector(source: MemoryTopics) -> Connector[MessagingConnection, MessagingMetadata]:
    @contextmanager
    def opened(_context: object) -> Generator[MemoryTopics]:
        yield source

    return Connector(
        name="memory",
        service_type="CustomMessaging",
        config=MessagingConnection,
        options=MessagingMetadata,
        capabilities=frozenset(),
        checks=(),
        topology=messaging_topology(opened),
    )


def walk(source: MemoryTopics, connection: Mapping[str, Any] | None = None, **options: Any) -> Walked:
    walked, cancellation = Walked(RecordingSink(), Report()), Cancellation()
    chosen = MessagingMetadata.model_validate(options)
    context = RunContext(
        service="my.broker",
        service_type="CustomMessaging",
        connection=MessagingConnection.model_validate(connection or {}),
        options=chosen,
        threads=chosen.threads,
        report=walked.report,
        cancellation=cancellation,
        stored_connection={"type": "CustomMessaging"},
    )
    with connector(source).topology(context) as root:
        TopologyRunner(walked.report, cancellation, chosen.threads).run(root, walked.sink.write)
    return walked


def test_a_connector_knows_its_service() -> None:
    made = connector(MemoryTopics(()))
    assert made.family == "MessagingMetadata"
    assert made.service is CreateMessagingServiceRequest


@FLOWS
def test_the_service_comes_first_and_the_deletions_last(threads: int) -> None:
    walked = walk(MemoryTopics((Topic("a.b", 3), Topic("c", 1))), threads=threads)
    first, *topics, last = walked.sink.records
    assert first == CreateMessagingServiceRequest(
        name="my.broker", service_type="CustomMessaging", connection={"config": {"type": "CustomMessaging"}}
    )
    assert set(walked.sink.names("topic")) == {'"my.broker"."a.b"', '"my.broker".c'}
    assert len(topics) == 2
    assert last == DeletionScope(
        '"my.broker"', "messagingService", "topic", "topics", ('"my.broker"."a.b"', '"my.broker".c')
    )
    assert walked.report.snapshot_progress()["topic"] == (2, 2)


def test_both_patterns_have_to_keep_a_topic_and_what_is_left_out_is_not_deleted() -> None:
    source = MemoryTopics((Topic("keep"), Topic("kept-not"), Topic("_intern")))
    walked = walk(
        source, {"topicFilterPattern": {"excludes": ["^_"]}}, topicFilterPattern={"includes": ["keep$", "_intern"]}
    )
    assert walked.sink.names("topic") == {'"my.broker".keep'}
    assert len(walked.sink.only(DeletionScope)[0].seen) == 3
    assert walked.report.snapshot_counts()["topic"]["filtered"] == 2


def test_nothing_is_deleted_where_the_listing_broke_off() -> None:
    walked = walk(MemoryTopics((Topic("a"),), broken=ConnectorError("half a list")))
    assert walked.sink.names("topic") == {'"my.broker".a'}
    assert walked.sink.only(DeletionScope) == []


@pytest.mark.parametrize(
    ("source", "sent"),
    [
        (MemoryTopics((Topic("a"), Topic("b", problem=ConnectorError("no right", "grant it")))), {"a"}),
        (MemoryTopics((Topic("a"), Topic("b")), broken_schemas={"b": ConnectorError("no right", "grant it")}), {"a"}),
        (
            MemoryTopics((Topic("a"), Topic("b")), {"b": FoundSchema(TEXT, ConnectorError("no right", "grant it"))}),
            {"a", "b"},
        ),
    ],
)
def test_one_topic_that_fails_holds_deletions_back_and_no_other_topic(source: MemoryTopics, sent: set[str]) -> None:
    walked = walk(source)
    assert walked.sink.names("topic") == {f'"my.broker".{name}' for name in sent}
    [failure] = walked.report.failures
    assert (failure.name, failure.cause, failure.advice) == ('"my.broker".b', "no right", "grant it")
    assert (failure.entity, failure.stage) == ("topic", "topic")
    assert walked.sink.only(DeletionScope) == []


def test_nothing_is_deleted_unless_it_is_asked_for() -> None:
    assert walk(MemoryTopics((Topic("a"),)), markDeletedTopics=False).sink.only(DeletionScope) == []


def test_a_schema_that_cannot_be_understood_is_sent_as_text() -> None:
    walked = walk(MemoryTopics((Topic("a"),), {"a": FoundSchema(TEXT, ConnectorError("what is this", "mend it"))}))
    [topic] = walked.sink.only(CreateTopicRequest)
    assert topic.message_schema == TEXT
    assert [(failure.cause, failure.advice) for failure in walked.report.failures] == [("what is this", "mend it")]


def test_a_broker_that_goes_away_ends_the_attempt() -> None:
    with pytest.raises(SourceUnavailable, match="gone"):
        walk(MemoryTopics((Topic("a"),), broken=SourceUnavailable("gone")))


def test_sample_data_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="generateSampleData: is not supported: messages are never read"):
        parse(MessagingMetadata, {"generateSampleData": True})
