"""Kafka and its registry of schemas: what a run finds, and what becomes of it when something is wrong."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from connectors import registry as connectors
from connectors.cancellation import Cancellation
from connectors.connector import RunContext, run_checks
from connectors.definition import parse
from connectors.errors import ConfigurationError, ConnectorError, FatalError, RunCancelled, SourceUnavailable
from connectors.families.kafka import broker as broker_module
from connectors.families.kafka.broker import Brokers, failure, settings, topic_of
from connectors.families.kafka.config import KafkaConfig, RedpandaConfig
from connectors.families.messaging import MessagingMetadata
from connectors.models.messaging import CreateTopicRequest
from connectors.models.records import DeletionScope
from connectors.report import Report
from connectors.runner import TopologyRunner
from tests.eventually import eventually
from tests.in_memory import RecordingSink, Walked
from tests.kafka import LOGIN, broker, delete_topics, make_shop, make_topics
from tests.schema_registry import SchemaRegistry, serving

GOLDEN = Path(__file__).parents[3] / "golden" / "topics.json"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with broker(tmp_path) as found:
        yield found


@pytest.fixture
def registry() -> Iterator[SchemaRegistry]:
    with serving(SchemaRegistry(LOGIN)) as served:
        yield served


@pytest.fixture
def shop(address: str, registry: SchemaRegistry) -> dict[str, Any]:
    """The connection to a broker with topics and their schemas."""
    make_shop(address, registry)
    return {"bootstrapServers": address, "schemaRegistryURL": registry.url, "basicAuthUserInfo": LOGIN}


def walk(connection: dict[str, Any], cancellation: Cancellation | None = None, **options: Any) -> Walked:
    walked, stop = Walked(RecordingSink(), Report()), cancellation or Cancellation()
    chosen = parse(MessagingMetadata, options)
    context = RunContext(
        service="broker",
        service_type="Kafka",
        connection=parse(KafkaConfig, connection),
        options=chosen,
        threads=chosen.threads,
        report=walked.report,
        cancellation=stop,
    )
    with connectors.get("kafka").topology(context) as root:
        TopologyRunner(walked.report, stop, chosen.threads).run(root, walked.sink.write)
    return walked


def failures(walked: Walked) -> list[tuple[str, str, str | None]]:
    return [(failure.name, failure.cause, failure.advice) for failure in walked.report.failures]


@pytest.mark.parametrize("threads", [1, 4])
def test_what_is_sent(shop: dict[str, Any], threads: int) -> None:
    walked = walk(shop, threads=threads)
    assert failures(walked) == []
    sent = msgspec.json.decode(msgspec.json.encode(walked.sink.by_fqn(CreateTopicRequest)))
    assert sent == json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert walked.report.snapshot_counts()["topic"] == {"filtered": 1}
    assert walked.report.snapshot_progress()["topic"] == (5, 5)


def test_a_schema_that_others_refer_to_is_asked_for_once(shop: dict[str, Any], registry: SchemaRegistry) -> None:
    registry.register("plain-value", {"type": "array", "items": "shop.Address"}, "AVRO", ("shop.Address", "address", 1))
    walk(shop)
    assert registry.asked.count("/subjects/address/versions/1") == 1
    assert registry.asked.count("/subjects") == 1


def test_without_a_registry_there_are_no_schemas(shop: dict[str, Any]) -> None:
    walked = walk({"bootstrapServers": shop["bootstrapServers"]})
    assert {topic.message_schema for topic in walked.sink.only(CreateTopicRequest)} == {None}


def test_a_topic_that_is_gone_is_left_to_the_deletions(shop: dict[str, Any]) -> None:
    delete_topics(shop["bootstrapServers"], "payments")
    [scope] = walk(shop).sink.only(DeletionScope)
    assert "broker.payments" not in scope.seen
    assert (scope.fqn, scope.scope_entity, len(scope.seen)) == ("broker", "messagingService", 4)


def test_the_suffix_of_subjects_can_be_chosen(shop: dict[str, Any], registry: SchemaRegistry) -> None:
    registry.register("plain-key", '"string"')
    walked = walk({**shop, "schemaRegistryTopicSuffixName": "-key"})
    found = walked.sink.by_fqn(CreateTopicRequest)
    assert [name for name, topic in found.items() if topic.message_schema] == ["broker.plain"]


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        (("payments-value", "{", "JSON"), "the fields of payments-value are not known: it is no JSON Schema"),
        (("payments-value", "no", "PROTOBUF"), "the fields of payments-value are not known: it is no .proto file"),
        (("payments-value", {"type": "shop.No"}, "AVRO"), "'shop.No', which nobody defines"),
        (("payments-value", '"int"', "AVRO", ("x", "nowhere", 3)), "the registry has no version 3 of nowhere"),
    ],
)
def test_a_schema_that_cannot_be_understood(
    shop: dict[str, Any], registry: SchemaRegistry, subject: Any, reason: str
) -> None:
    registry.register(*subject)
    walked = walk(shop)
    [(name, cause, advice)] = failures(walked)
    assert name == "broker.payments"
    assert reason in cause
    assert advice
    schema = walked.sink.by_fqn(CreateTopicRequest)["broker.payments"].message_schema
    assert schema
    assert schema.schema_fields == ()
    assert walked.sink.only(DeletionScope) == []


def test_a_language_that_nobody_knows_is_sent_as_text(shop: dict[str, Any], registry: SchemaRegistry) -> None:
    registry.register("payments-value", "<xml/>", "XML")
    schema = walk(shop).sink.by_fqn(CreateTopicRequest)["broker.payments"].message_schema
    assert schema
    assert (schema.schema_type, schema.schema_text) == ("Other", "<xml/>")


def test_a_subject_that_may_not_be_read(shop: dict[str, Any], registry: SchemaRegistry) -> None:
    registry.refused["payments-value"] = 403
    walked = walk(shop)
    [(name, cause, advice)] = failures(walked)
    assert (name, advice) == ("broker.payments", "let the user read it, or leave it out by a filter")
    assert "not for you" in cause
    assert "broker.payments" not in walked.sink.names("topic")
    assert walked.sink.only(DeletionScope) == []


def test_a_subject_that_vanishes_while_it_is_read(shop: dict[str, Any], registry: SchemaRegistry) -> None:
    registry.refused["payments-value"] = 404
    walked = walk(shop)
    assert failures(walked) == []
    assert walked.sink.by_fqn(CreateTopicRequest)["broker.payments"].message_schema is None


def test_a_registry_that_answers_garbage(shop: dict[str, Any], registry: SchemaRegistry) -> None:
    registry.raw["/subjects/payments-value/versions/latest"] = b"<html>"
    [(name, cause, _)] = failures(walk(shop))
    assert name == "broker.payments"
    assert "answers something else than the schema registry does" in cause


def test_a_login_that_the_registry_refuses(shop: dict[str, Any]) -> None:
    with pytest.raises(FatalError, match="does not let the user in") as caught:
        walk({**shop, "basicAuthUserInfo": "reader:wrong-password"})
    assert caught.value.advice == "correct basicAuthUserInfo"
    assert "wrong-password" not in caught.value.message


def test_the_steps_of_the_connection_test(shop: dict[str, Any]) -> None:
    checks = connectors.get("kafka").checks
    results = list(run_checks(checks, parse(KafkaConfig, shop)))
    assert [(one.status, one.message) for one in results] == [("passed", "5 topics"), ("passed", "4 subjects")]
    wrong = parse(KafkaConfig, {**shop, "basicAuthUserInfo": "reader:wrong"})
    assert [one.status for one in run_checks(checks, wrong)] == ["passed", "warning"]
    without = parse(KafkaConfig, {"bootstrapServers": shop["bootstrapServers"]})
    assert "no schemaRegistryURL is given" in list(run_checks(checks, without))[1].message


@pytest.fixture
def silent() -> Iterator[str]:
    """A port at which somebody listens and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_broker_that_hangs_is_not_available(silent: str) -> None:
    brokers = Brokers(parse(KafkaConfig, {"bootstrapServers": silent}), Report(), Cancellation(), seconds=0.5)
    with pytest.raises(SourceUnavailable, match=silent) as caught:
        brokers.partitions()
    assert "bootstrapServers" in (caught.value.advice or "")


def test_a_cancel_does_not_wait_for_a_broker_that_hangs(silent: str) -> None:
    cancellation = Cancellation()
    ended: list[BaseException] = []

    def run() -> None:
        try:
            walk({"bootstrapServers": silent}, cancellation)
        except RunCancelled as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    eventually(lambda: any(each.name == "kafka" for each in threading.enumerate()), "the broker is asked")
    cancellation.cancel("enough")
    thread.join(broker_module.SECONDS / 2)
    assert [str(error) for error in ended] == ["enough"]


def test_a_large_number_of_topics_is_described_in_batches(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings_of: dict[str, str] = {}
    make_topics(address, *((f"t{number}", 1, settings_of) for number in range(7)))
    monkeypatch.setattr(broker_module, "BATCH", 3)
    brokers = Brokers(parse(KafkaConfig, {"bootstrapServers": address}), Report(), Cancellation())
    assert [topic.name for topic in brokers.topics(brokers.partitions())] == [f"t{number}" for number in range(7)]


def test_what_brokers_say_of_a_topic() -> None:
    own, default = 1, 5
    topic = topic_of("t", 3, 2, {
        "cleanup.policy": ("delete,compact", own), "retention.ms": ("1000", own), "retention.bytes": ("-1", default),
        "max.message.bytes": ("1048588", default), "min.insync.replicas": ("2", default),
    })  # fmt: skip
    assert (topic.partitions, topic.replication_factor, topic.minimum_in_sync_replicas) == (3, 2, 2)
    assert (topic.retention_time, topic.retention_size, topic.maximum_message_size) == (1000, None, 1048588)
    assert topic.cleanup_policies == ("compact", "delete")
    assert topic.config == (("cleanup.policy", "delete,compact"), ("retention.ms", "1000"))


@pytest.mark.parametrize(
    ("code", "kind", "advice"),
    [
        ("TOPIC_AUTHORIZATION_FAILED", ConnectorError, "DescribeConfigs"),
        ("UNKNOWN_TOPIC_OR_PART", ConnectorError, "deleted during the run"),
        ("SASL_AUTHENTICATION_FAILED", FatalError, "saslPassword"),
        ("_ALL_BROKERS_DOWN", SourceUnavailable, "bootstrapServers broker:9092"),
    ],
)
def test_what_errors_of_brokers_mean(code: str, kind: type[ConnectorError], advice: str) -> None:
    from confluent_kafka import KafkaError, KafkaException

    found = failure(KafkaException(KafkaError(getattr(KafkaError, code))), "the settings of t", "broker:9092")
    assert type(found) is kind
    assert advice in (found.advice or "")


def test_one_topic_without_rights_is_that_topics_failure(shop: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker at hand knows rights: one topic's answer is replaced by what Kafka says then."""
    from confluent_kafka import KafkaError, KafkaException

    ask = cast("Callable[..., list[Any]]", Brokers.describe)

    def describe(brokers: Brokers, names: list[str]) -> list[Any]:
        denied = KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
        return [denied if name == "plain" else answer for name, answer in zip(names, ask(brokers, names), strict=True)]

    monkeypatch.setattr(Brokers, "describe", describe)
    walked = walk(shop)
    [(name, _, advice)] = failures(walked)
    assert name == "broker.plain"
    assert "DescribeConfigs" in (advice or "")
    assert walked.sink.names("topic") == {'broker."orders.v1"', "broker.payments", "broker.clicks"}


def test_brokers_that_refuse_the_login(silent: str) -> None:
    brokers = Brokers(parse(KafkaConfig, {"bootstrapServers": silent}), Report(), Cancellation(), seconds=0.2)
    brokers.heard(cast("Any", SimpleNamespace(name=lambda: "_AUTHENTICATION", str=lambda: "Authentication failed")))
    with pytest.raises(FatalError, match="Authentication failed") as caught:
        brokers.partitions()
    assert "saslPassword" in (caught.value.advice or "")


PEM = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----"


def test_the_connection_in_the_drivers_words(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(f"The key\n{PEM}", encoding="ascii")
    config = parse(
        KafkaConfig,
        {
            "bootstrapServers": "a:1,b",
            "securityProtocol": "SASL_SSL",
            "saslMechanism": "SCRAM-SHA-512",
            "saslUsername": "u",
            "saslPassword": "p",
            "consumerConfig": {"client.id": "headwater"},
            "consumerConfigSSL": {"caCertificate": PEM, "sslKey": str(tmp_path / "key.pem")},
        },
    )
    assert settings(config) == {
        "client.id": "headwater",
        "bootstrap.servers": "a:1,b",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "u",
        "sasl.password": "p",
        "ssl.ca.pem": f"{PEM}\n",
        "ssl.key.pem": f"{PEM}\n",
    }


def test_certificates_that_are_none_are_refused() -> None:
    given = {"bootstrapServers": "a", "securityProtocol": "SSL", "consumerConfigSSL": {"caCertificate": PEM}}
    with pytest.raises(FatalError, match="are not taken") as caught:
        Brokers(parse(KafkaConfig, given), Report(), Cancellation())
    assert "consumerConfigSSL" in (caught.value.advice or "")


SASL_LOGIN = {"securityProtocol": "SASL_SSL", "saslUsername": "u", "saslPassword": "p"}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"bootstrapServers": "http://a"}, "bootstrapServers: 'http://a' is not an address"),
        ({"bootstrapServers": "u:p@a"}, "bootstrapServers: it is not an address"),
        ({"bootstrapServers": "a,b:x"}, "bootstrapServers: 'x' is not a port"),
        ({"schemaRegistryURL": "registry:8081"}, "schemaRegistryURL: 'registry:8081' is not an http or https address"),
        ({"schemaRegistryURL": "u:p@r"}, "schemaRegistryURL: it is not an http or https address"),
        ({"schemaRegistryURL": "http://u:p@r"}, "schemaRegistryURL: must not hold a user or a password"),
        ({"securityProtocol": "SASL_SSL"}, "securityProtocol SASL_SSL needs saslUsername and saslPassword"),
        ({"saslUsername": "u"}, "saslUsername and saslPassword need securityProtocol SASL_SSL"),
        ({**SASL_LOGIN, "saslMechanism": "GSSAPI"}, "saslMechanism: 'GSSAPI' is not supported; use PLAIN"),
        ({"basicAuthUserInfo": "me"}, "basicAuthUserInfo: must be written as user:password"),
        ({"consumerConfig": {"sasl.password": "p"}}, "sasl.password is not taken here; set saslPassword"),
        ({"consumerConfig": {"plugin.library.paths": "/x.so"}}, "plugin.library.paths is not supported"),
        ({"consumerConfig": {"sasl.kerberos.kinit.cmd": "rm"}}, "sasl.kerberos.kinit.cmd is not supported"),
        ({"schemaRegistryConfig": {"timeout": 3}}, "timeout is not supported; remove it"),
        ({"unheardOf": 1}, "unheardOf: is not a known key"),
    ],
)
def test_what_a_connection_may_not_say(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(KafkaConfig, {"bootstrapServers": "a", **given})
    assert problem in str(caught.value)


def test_redpanda_has_no_certificates_of_its_own() -> None:
    with pytest.raises(ConfigurationError, match="consumerConfigSSL: is not a known key"):
        parse(RedpandaConfig, {"bootstrapServers": "a", "consumerConfigSSL": {}})
    assert settings(parse(RedpandaConfig, {"bootstrapServers": "a"}))["bootstrap.servers"] == "a"
