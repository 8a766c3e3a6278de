"""Questions to the brokers, by librdkafka: each has a time limit and is left behind when the run stops."""

import contextvars
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

from connectors.cancellation import Cancellation
from connectors.errors import ConnectorError, FatalError, SourceUnavailable
from connectors.families.kafka.config import OWN_KEYS, SASL, KafkaProtocolConfig
from connectors.families.messaging import Topic
from connectors.models.messaging import CleanupPolicy
from connectors.report import Observer

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

T = TypeVar("T")
logger = logging.getLogger(__name__)
SECONDS = 30.0
SLACK_SECONDS = 5.0
BATCH = 200
POLICIES: tuple[CleanupPolicy, ...] = ("compact", "delete")
SET_FOR_THE_TOPIC = 1
LOGIN = "correct saslUsername, saslPassword, saslMechanism and securityProtocol, or consumerConfigSSL"
ADVICE = {
    "TOPIC_AUTHORIZATION_FAILED": "allow the user Describe and DescribeConfigs on its topics",
    "CLUSTER_AUTHORIZATION_FAILED": "allow the user Describe and DescribeConfigs on its topics",
    "UNKNOWN_TOPIC_OR_PART": "it was deleted during the run; the next run settles it",
    "UNSUPPORTED_VERSION": "the brokers are too old to tell; upgrade them",
}
REFUSED = frozenset({"SASL_AUTHENTICATION_FAILED", "UNSUPPORTED_SASL_MECHANISM", "_AUTHENTICATION", "_SSL"})
ALL_DOWN = "_ALL_BROKERS_DOWN"
UNREACHED = frozenset({"_RESOLVE", "_TRANSPORT"})
HEARING_SECONDS, DOWN_SECONDS = 0.05, 1.0
Setting = tuple[str | None, int]
Answer = tuple[T | None, Exception | None]


class Brokers:
    """Thread-safe. One run's or one check's client."""

    def __init__(
        self, config: KafkaProtocolConfig, report: Observer, cancellation: Cancellation, seconds: float = SECONDS
    ) -> None:
        from confluent_kafka import admin

        self._address = config.bootstrap_servers
        self._report = report
        self._cancellation = cancellation
        self._seconds = seconds
        self._refused: KafkaError | None = None
        self._down_since: float | None = None
        self._unreachable: str | None = None
        heard = {**settings(config), "error_cb": self.heard}
        try:
            self._admin = cast("Any", admin).AdminClient(heard, logger=logger)
        except Exception as error:
            msg = f"the settings for {self._address} are not taken: {error}"
            raise FatalError(msg, "correct consumerConfig, or the certificates in consumerConfigSSL") from error

    def partitions(self) -> dict[str, tuple[int, int]]:
        """By the name of each topic, how many partitions it has, and how many copies of each are kept.

        Raises:
            SourceUnavailable: No broker answers.
            FatalError: The user is not let in.
            RunCancelled: The run was told to stop.
        """
        rows = self._asked("the topics", self._list_topics)
        return {
            name: (
                max(1, len(row.partitions)),
                max((len(each.replicas) for each in row.partitions.values()), default=1),
            )
            for name, row in sorted(rows.items())
        }

    def topics(self, partitions: Mapping[str, tuple[int, int]]) -> Iterator[Topic]:
        """The topics with their settings, asked for many at a time; raises what `partitions` does."""
        names = list(partitions)
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            answers = self._asked("the settings of its topics", lambda batch=batch: self.describe(batch))
            for name, answer in zip(batch, answers, strict=True):
                yield self._topic(name, *partitions[name], answer)

    def _topic(self, name: str, partitions: int, copies: int, answer: dict[str, Any] | Exception) -> Topic:
        if not isinstance(answer, Exception):
            entries = {key: entry for key, entry in sorted(answer.items()) if not entry.is_sensitive}
            return topic_of(name, partitions, copies, {key: (one.value, one.source) for key, one in entries.items()})
        problem = self._failure(answer, f"the settings of the topic {name}")
        if isinstance(problem, SourceUnavailable | FatalError):
            raise problem from answer
        return Topic(name, partitions, problem=problem)

    def _list_topics(self) -> dict[str, Any]:
        found = self._admin.list_topics(timeout=self._seconds)
        return cast("dict[str, Any]", found.topics)

    def describe(self, names: Sequence[str]) -> list[dict[str, Any] | Exception]:
        """The settings of each topic, or why there are none."""
        from confluent_kafka import admin

        kinds = cast("Any", admin)
        wanted = [kinds.ConfigResource(kinds.ResourceType.TOPIC, name) for name in names]
        futures = self._admin.describe_configs(wanted, request_timeout=self._seconds)
        return [_outcome(futures[each].result, self._seconds + SLACK_SECONDS) for each in wanted]

    def _asked(self, subject: str, work: Callable[[], T]) -> T:
        """What `work` answers, in a thread of its own that is left behind when the run stops."""
        answers: queue.SimpleQueue[Answer[T]] = queue.SimpleQueue()

        def run() -> None:
            try:
                answers.put((work(), None))
            except Exception as error:  # handed to the thread that waits
                logger.debug("no answer about %s", subject, exc_info=True)
                answers.put((None, error))

        began = time.monotonic()
        self._cancellation.check()
        self._down_since = self._unreachable = None
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(run,), name="kafka", daemon=True).start()
        found, error = self._awaited(answers)
        self._cancellation.check()
        self._report.queried(time.monotonic() - began)
        if error is not None:
            self._admin.poll(0)
            raise self._failure(error, subject) from error
        return cast("T", found)

    def _awaited(self, answers: "queue.SimpleQueue[Answer[T]]") -> "Answer[T]":
        """The answer; nothing when the run was told to stop, an error when nobody can be reached meanwhile."""
        while not self._cancellation.requested:
            with suppress(queue.Empty):
                return answers.get(timeout=HEARING_SECONDS)
            self._admin.poll(0)  # has `heard` called
            if self._unreachable is not None:
                return None, ConnectionError(self._unreachable)
        return None, None

    def heard(self, error: "KafkaError") -> None:
        """Of brokers that do not let us in or cannot be reached; librdkafka itself tries on until its time is over.

        That all are down is told after the first address of each: one of several may still answer.
        """
        now, name = time.monotonic(), error.name()
        if name in REFUSED:
            self._refused = error
        elif name == ALL_DOWN:
            self._down_since = now
        elif name in UNREACHED and self._down_since is not None and now - self._down_since > DOWN_SECONDS:
            self._unreachable = error.str()

    def _failure(self, error: Exception, subject: str) -> ConnectorError:
        if self._refused is not None:
            return FatalError(f"{self._address} does not let the user in: {self._refused.str()}", LOGIN)
        return failure(error, subject, self._address)


def failure(error: Exception, subject: str, address: str) -> ConnectorError:
    """What an error of librdkafka's means: only what is refused for one topic is that topic's."""
    from confluent_kafka import KafkaException

    cause = error.args[0] if isinstance(error, KafkaException) and error.args else None
    name = str(cause.name()) if cause is not None else type(error).__name__
    text = str(cause.str()) if cause is not None else str(error)
    if name in ADVICE:
        return ConnectorError(f"{subject}: {text}", ADVICE[name])
    if name in REFUSED:
        return FatalError(f"{address} does not let the user in: {text}", LOGIN)
    advice = f"see whether bootstrapServers {address} and securityProtocol are right, and the brokers can be reached"
    return SourceUnavailable(f"{address} does not tell {subject}: {text or name}", advice)


def topic_of(name: str, partitions: int, copies: int, settings_of: Mapping[str, Setting]) -> Topic:
    """A topic by Kafka's names of its settings, each with where it was set; -1 stands for no limit there."""

    def number(key: str) -> int | None:
        value = settings_of.get(key, (None, 0))[0] or ""
        return int(value) if value.isascii() and value.isdigit() else None

    policy = {each.strip() for each in (settings_of.get("cleanup.policy", (None, 0))[0] or "").split(",")}
    return Topic(
        name,
        partitions,
        replication_factor=copies,
        minimum_in_sync_replicas=number("min.insync.replicas"),
        retention_time=number("retention.ms"),
        retention_size=number("retention.bytes"),
        maximum_message_size=number("max.message.bytes"),
        cleanup_policies=tuple(each for each in POLICIES if each in policy),
        config=tuple(
            (key, value) for key, (value, source) in settings_of.items() if source == SET_FOR_THE_TOPIC and value
        ),
    )


def settings(config: KafkaProtocolConfig) -> dict[str, Any]:
    """The connection in librdkafka's words; raises ConfigurationError for certificates that are none."""
    found: dict[str, Any] = {
        **config.consumer_config,
        "bootstrap.servers": config.bootstrap_servers,
        "security.protocol": config.security_protocol,
    }
    if config.security_protocol in SASL and config.sasl_password:
        found |= {
            "sasl.mechanism": config.sasl_mechanism,
            "sasl.username": config.sasl_username,
            "sasl.password": config.sasl_password.get_secret_value(),
        }
    tls = config.broker_certificates
    if tls is not None:
        given = {"ssl.ca": tls.ca_certificate, "ssl.certificate": tls.ssl_certificate, "ssl.key": tls.ssl_key}
        for key, secret in given.items():
            text = tls.pem(secret, OWN_KEYS[f"{key}.location"])
            if text is not None:
                found[f"{key}.pem"] = text
    return found


def _outcome(ask: Callable[[float], dict[str, Any]], seconds: float) -> dict[str, Any] | Exception:
    try:
        return ask(seconds)
    except Exception as error:  # of one topic: the caller tells what it means
        logger.debug("no settings of one topic", exc_info=True)
        return error
