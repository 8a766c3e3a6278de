"""Redpanda, which speaks Kafka's protocol, and the schemas of its messages in its registry."""

from connectors.families.kafka.config import RedpandaConfig
from connectors.families.kafka.source import kafka_connector

CONNECTOR = kafka_connector(
    "redpanda",
    "Redpanda",
    RedpandaConfig,
    "the Kafka-compatible broker Tansu 0.6 and a registry of schemas played over HTTP; not on Redpanda itself",
)
