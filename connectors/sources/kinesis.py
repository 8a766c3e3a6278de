"""Amazon Kinesis Data Streams: the streams of an account in a region."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec

from connectors.connector import Capability, Check, Connector, RunContext
from connectors.definition import Unused
from connectors.families.aws import AwsCredentials, AwsService, check_described
from connectors.families.aws_failures import converted
from connectors.families.messaging import (
    FoundSchema,
    MessagingConnection,
    MessagingMetadata,
    Topic,
    messaging_topology,
)

PAGE = 1000
HOUR = 3_600_000
KIBIBYTE = 1024
GRANTS = """{
  "Effect": "Allow",
  "Action": ["kinesis:ListStreams", "kinesis:DescribeStreamSummary"],
  "Resource": "*"
}"""


class KinesisConfig(MessagingConnection):
    """Which account and region to read."""

    type: Literal["Kinesis"] = "Kinesis"
    aws_config: AwsCredentials
    supports_metadata_extraction: Annotated[bool, Unused()] = True
    supports_profiler: Annotated[bool, Unused()] = True


class Mode(msgspec.Struct, frozen=True, rename="pascal"):
    """How a stream gets its shards."""

    stream_mode: str | None = None


class Summary(msgspec.Struct, frozen=True, rename="pascal"):
    """A stream as DescribeStreamSummary tells it."""

    open_shard_count: int
    retention_period_hours: int
    stream_mode_details: Mode = Mode()
    encryption_type: str | None = None
    key_id: str | None = None
    max_record_size_in_kibibytes: int | None = msgspec.field(default=None, name="MaxRecordSizeInKiB")


class KinesisSource:
    """A MessagingSource; streams are described one by one, as Kinesis describes no more than one at a time."""

    def __init__(self, service: AwsService, credentials: AwsCredentials) -> None:
        self._service = service
        self._credentials = credentials

    def count(self) -> int:
        """See MessagingSource."""
        return sum(1 for _ in self.names())

    def topics(self) -> Iterator[Topic]:
        """See MessagingSource."""
        for name in self.names():
            yield Topic(name, described=partial(self.described, name))

    def schema(self, _topic: str) -> FoundSchema | None:
        """Kinesis knows nothing of what the records hold."""
        return None

    def names(self) -> Iterator[str]:
        """The names of all streams, in order."""
        yield from self._service.pages("list_streams", "StreamNames", Limit=PAGE)

    def described(self, name: str) -> Topic:
        """A stream with its settings.

        Raises:
            SkipEntity: It is gone since it was listed.
            ConnectorError: It may not be described, or the answer is not what Kinesis tells.
        """
        answer = self._service.described("describe_stream_summary", StreamName=name)
        found = converted(answer.get("StreamDescriptionSummary"), Summary, "Kinesis", f"describe_stream_summary {name}")
        largest = found.max_record_size_in_kibibytes
        return Topic(
            name,
            partitions=max(1, found.open_shard_count),
            retention_time=found.retention_period_hours * HOUR,
            maximum_message_size=None if largest is None else largest * KIBIBYTE,
            cleanup_policies=("delete",),
            config=tuple(_config(found)),
            source_url=self._credentials.page("kinesis", f"streams/details/{quote(name)}/monitoring"),
        )


def _config(found: Summary) -> Iterator[tuple[str, str]]:
    """What is no setting of any topic of OpenMetadata's, by Kinesis's names."""
    settings = {
        "EncryptionType": found.encryption_type,
        "KeyId": found.key_id,
        "StreamMode": found.stream_mode_details.stream_mode,
    }
    return ((key, value) for key, value in settings.items() if value)


@contextmanager
def open_source(context: RunContext[KinesisConfig, MessagingMetadata]) -> Generator[KinesisSource]:
    """The source of one run."""
    credentials = context.connection.aws_config
    with closing(AwsService(credentials, "kinesis", context.report, context.cancellation)) as service:
        yield KinesisSource(service, credentials)


def check_topics(config: KinesisConfig) -> str:
    """List the streams, and describe the first."""
    credentials = config.aws_config
    return check_described(credentials, "kinesis", "streams", lambda service: KinesisSource(service, credentials))


CONNECTOR = Connector(
    name="kinesis",
    service_type="Kinesis",
    config=KinesisConfig,
    options=MessagingMetadata,
    capabilities=frozenset({Capability.TOPICS, Capability.DELETIONS}),
    checks=(Check("GetTopics", "The streams can be listed and described", check_topics, gate=True, mandatory=True),),
    topology=messaging_topology(open_source),
    driver="boto3",
    grants=GRANTS,
    tested="moto 5.2",
)
