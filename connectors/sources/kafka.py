"""Apache Kafka 2.0 and newer, and the schemas of its messages in a registry with Confluent's API."""

from connectors.families.kafka.config import KafkaConfig
from connectors.families.kafka.source import kafka_connector

CONNECTOR = kafka_connector(
    "kafka",
    "Kafka",
    KafkaConfig,
    "the Kafka-compatible broker Tansu 0.6 and a registry of schemas played over HTTP; not on Apache Kafka itself",
)
