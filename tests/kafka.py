"""A broker of a test's own, with topics and the schemas of their messages."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from tests import systems
from tests.schema_registry import SchemaRegistry
from tests.systems import tansu

LOGIN = "reader:s3cret-of-registry"
ADDRESS = {"type": "record", "name": "Address", "namespace": "shop", "fields": [{"name": "city", "type": "string"}]}
ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "doc": "What was bought.",
    "fields": [{"name": "id", "type": "long", "doc": "Its number."}, {"name": "to", "type": ["null", "Address"]}],
}
PAYMENT = {"title": "Payment", "type": "object", "properties": {"cents": {"type": "integer"}}}
CLICK = 'syntax = "proto3"; package shop; message Click { string page = 1; repeated int32 at = 2; }'


@contextmanager
def broker(folder: Path) -> Generator[str]:
    """Where it answers; the test is left out where there is none."""
    systems.require("tansu")
    with tansu.start(folder) as server:
        yield server["address"]


def make_topics(address: str, *topics: tuple[str, int, dict[str, str]]) -> None:
    """Topics by name, partitions and settings."""
    from confluent_kafka import admin

    kinds = cast("Any", admin)
    client = kinds.AdminClient({"bootstrap.servers": address, "log_level": 0})
    wanted = [kinds.NewTopic(name, count, 1, config=config) for name, count, config in topics]
    for future in client.create_topics(wanted, operation_timeout=10).values():
        future.result(20)


def delete_topics(address: str, *names: str) -> None:
    """Topics that are gone when it returns."""
    from confluent_kafka import admin

    client = cast("Any", admin).AdminClient({"bootstrap.servers": address, "log_level": 0})
    for future in client.delete_topics(list(names), operation_timeout=10).values():
        future.result(20)


def make_shop(address: str, registry: SchemaRegistry) -> None:
    """A few topics, with schemas in every language."""
    make_topics(
        address,
        ("orders.v1", 3, {"retention.ms": "86400000", "cleanup.policy": "compact,delete"}),
        ("payments", 2, {"retention.bytes": "1000000", "max.message.bytes": "2048", "min.insync.replicas": "1"}),
        ("clicks", 1, {"cleanup.policy": "delete", "retention.ms": "-1"}),
        ("plain", 1, {}),
        ("__internal", 1, {}),
    )
    registry.register("address", ADDRESS)
    registry.register("orders.v1-value", {"type": "string"})
    registry.register("orders.v1-value", ORDER, "AVRO", ("shop.Address", "address", 1))
    registry.register("payments-value", PAYMENT, "JSON")
    registry.register("clicks-value", CLICK, "PROTOBUF")
