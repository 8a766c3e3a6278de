"""One run over Kafka, or over a system that speaks its protocol, and the steps of its connection test."""

from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import msgspec

from connectors.cancellation import Cancellation
from connectors.connector import Capability, Check, Connector, RunContext
from connectors.families.kafka.broker import Brokers
from connectors.families.kafka.config import KafkaProtocolConfig
from connectors.families.kafka.registry import Registry, client_of
from connectors.families.messaging import FoundSchema, MessagingMetadata, Topic, messaging_topology
from connectors.families.rest import RestLimits
from connectors.http.retry import RetryPolicy
from connectors.report import Report

CHECK_SECONDS = 10.0
QUICK = RestLimits(read_seconds=CHECK_SECONDS, connections=1, retry=RetryPolicy(tries=2, few_tries=1))
GRANTS = """kafka-acls --bootstrap-server <broker> --add --allow-principal User:<user> --topic '*' \\
  --operation Describe --operation DescribeConfigs
# Topics that the user may not describe are not listed, as if they were gone: set markDeletedTopics to false then."""


class KafkaSource(msgspec.Struct, eq=False):
    """A MessagingSource; the topics are listed once, when they are first asked for."""

    brokers: Brokers
    registry: Registry | None
    _partitions: dict[str, tuple[int, int]] | None = None

    def count(self) -> int:
        """See MessagingSource."""
        return len(self._listed())

    def topics(self) -> Iterable[Topic]:
        """See MessagingSource."""
        return self.brokers.topics(self._listed())

    def schema(self, topic: str) -> FoundSchema | None:
        """See MessagingSource."""
        return self.registry.schema(topic) if self.registry else None

    def _listed(self) -> dict[str, tuple[int, int]]:
        if self._partitions is None:
            self._partitions = self.brokers.partitions()
        return self._partitions


ConfigT = TypeVar("ConfigT", bound=KafkaProtocolConfig)


@contextmanager
def open_source(context: RunContext[ConfigT, MessagingMetadata]) -> Generator[KafkaSource]:
    """The source of one run."""
    config, report, cancellation = context.connection, context.report, context.cancellation
    with ExitStack() as stack:
        registry = None
        if config.schema_registry_url:
            limits = RestLimits(connections=max(4, context.threads))
            client = client_of(config, config.schema_registry_url, report, cancellation, limits)
            registry = Registry(stack.enter_context(client), config.schema_registry_topic_suffix_name)
        yield KafkaSource(Brokers(config, report, cancellation), registry)


def check_topics(config: KafkaProtocolConfig) -> str:
    """The brokers let the user in and list topics."""
    found = Brokers(config, Report(), Cancellation(), CHECK_SECONDS).partitions()
    return f"{len(found)} topics"


def check_registry(config: KafkaProtocolConfig) -> str:
    """The registry lists its subjects."""
    if not config.schema_registry_url:
        return "no schemaRegistryURL is given: topics are sent without the schema of their messages"
    with client_of(config, config.schema_registry_url, Report(), Cancellation(), QUICK) as client:
        return f"{len(Registry(client, '').subjects())} subjects"


def kafka_connector(
    name: str, service_type: str, config: type[ConfigT], tested: str
) -> Connector[ConfigT, MessagingMetadata]:
    """A connector to a system that speaks Kafka's protocol."""
    return Connector(
        name=name,
        service_type=service_type,
        config=config,
        options=MessagingMetadata,
        capabilities=frozenset({Capability.TOPICS, Capability.MESSAGE_SCHEMAS, Capability.DELETIONS}),
        checks=(
            Check("GetTopics", "The topics can be listed", check_topics, gate=True, mandatory=True),
            Check("CheckSchemaRegistry", "The schemas can be listed", check_registry),
        ),
        topology=messaging_topology(open_source),
        driver="confluent_kafka",
        grants=GRANTS,
        tested=tested,
    )
