"""Messaging: the topology service > topic, once for every such system.

A connector lists topics and finds the schemas of their messages; everything else is decided here.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal, Protocol, TypeVar

import msgspec
from pydantic import field_validator

from connectors.connector import RunContext
from connectors.definition import FilterPattern, Model, SourceOptions
from connectors.errors import ConnectorError
from connectors.families.patterns import EntityFilter
from connectors.families.service import Item, Listing, service_topology
from connectors.models.messaging import (
    CleanupPolicy,
    CreateMessagingServiceRequest,
    CreateTopicRequest,
    MessageSchema,
)
from connectors.models.names import encode_name
from connectors.models.records import Record
from connectors.topology import Node


class MessagingConnection(Model):
    """What every messaging connection may carry."""

    topic_filter_pattern: FilterPattern = FilterPattern()


class MessagingMetadata(SourceOptions):
    """What to take. Patterns stand beside those of the connection: a topic has to pass both."""

    type: Literal["MessagingMetadata"] = "MessagingMetadata"
    topic_filter_pattern: FilterPattern = FilterPattern()
    generate_sample_data: bool = False
    mark_deleted_topics: bool = True

    @field_validator("generate_sample_data")
    @classmethod
    def _not_supported(cls, value: bool) -> bool:
        if value:
            msg = "is not supported: messages are never read; remove it or set it to false"
            raise ValueError(msg)
        return value


class Topic(msgspec.Struct, frozen=True):
    """A topic as its system has it; `problem` is why not all of that could be read.

    `described` gives the whole topic where a system tells no more than names in its listing: it is asked by several
    threads, for the topics that the filters keep, and what it raises is that topic's failure alone.
    `retention_time` in milliseconds, `retention_size` and `maximum_message_size` in bytes; None where unlimited.
    `config` is what was set for this topic alone.
    """

    name: str
    partitions: int = 1
    description: str | None = None
    replication_factor: int | None = None
    minimum_in_sync_replicas: int | None = None
    retention_time: int | None = None
    retention_size: int | None = None
    maximum_message_size: int | None = None
    cleanup_policies: tuple[CleanupPolicy, ...] = ()
    config: tuple[tuple[str, str], ...] = ()
    source_url: str | None = None
    problem: ConnectorError | None = None
    described: Callable[[], "Topic"] | None = None


class FoundSchema(msgspec.Struct, frozen=True):
    """The schema of a topic's messages; `problem` is why its fields are not known, though its text is."""

    schema: MessageSchema
    problem: ConnectorError | None = None


class MessagingSource(Protocol):
    """What a connector answers in one run; `schema` is asked by several threads."""

    def count(self) -> int:
        """How many topics there are."""
        ...

    def topics(self) -> Iterable[Topic]:
        """All topics, each once."""
        ...

    def schema(self, topic: str, /) -> FoundSchema | None:
        """The schema of a topic's messages; None where nobody has one."""
        ...


class MessagingWalk:
    """The stages of one run's topology."""

    def __init__(self, context: RunContext[Any, MessagingMetadata], source: MessagingSource) -> None:
        self._context = context
        self._source = source

    def topology(self) -> Node[None, Any]:
        """The tree to walk."""
        options = self._context.options
        topics = Listing(
            request=CreateTopicRequest,
            rows=self._source.topics,
            name=lambda row: row.name,
            stages=(self.topic,),
            keeps=EntityFilter.of(self._context.connection.topic_filter_pattern, options.topic_filter_pattern),
            marks_deleted=options.mark_deleted_topics,
            count=self._source.count,
        )
        return service_topology(self._context, CreateMessagingServiceRequest, (topics,))

    def topic(self, item: Item[Topic]) -> Iterator[Record]:
        """The topic's own record; with a schema that cannot be understood, its text alone and a failure."""
        row = item.row.described() if item.row.described else item.row
        if row.problem is not None:
            raise row.problem
        found = self._source.schema(row.name)
        yield self._request(item.service, row, found)
        if found is not None and found.problem is not None:
            raise found.problem

    @staticmethod
    def _request(service: str, row: Topic, found: FoundSchema | None) -> CreateTopicRequest:
        return CreateTopicRequest(
            name=encode_name(row.name),
            description=row.description,
            service=service,
            partitions=row.partitions,
            replication_factor=row.replication_factor,
            minimum_in_sync_replicas=row.minimum_in_sync_replicas,
            retention_time=row.retention_time,
            retention_size=row.retention_size,
            maximum_message_size=row.maximum_message_size,
            cleanup_policies=row.cleanup_policies,
            topic_config=dict(row.config) or None,
            message_schema=found.schema if found else None,
            source_url=row.source_url,
        )


ConfigT = TypeVar("ConfigT", bound=MessagingConnection)
Context = RunContext[ConfigT, MessagingMetadata]


def messaging_topology(
    source: Callable[[Context[ConfigT]], AbstractContextManager[MessagingSource]],
) -> Callable[[Context[ConfigT]], AbstractContextManager[Node[None, Any]]]:
    """The `topology` of a connector that opens a MessagingSource for each run."""

    @contextmanager
    def topology(context: Context[ConfigT]) -> Generator[Node[None, Any]]:
        with source(context) as opened:
            yield MessagingWalk(context, opened).topology()

    return topology
