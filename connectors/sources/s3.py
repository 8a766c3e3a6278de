"""Amazon S3 and stores that speak its protocol: buckets, the paths that manifests name, their columns."""

import logging
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import islice
from typing import Annotated, Any, Literal, cast
from urllib.parse import quote

from pydantic import Field, field_validator, model_validator

from connectors.cancellation import Cancellation
from connectors.connector import Capability, Check, Connector, RunContext
from connectors.definition import Model, Unused
from connectors.errors import ConnectorError, RunCancelled
from connectors.families.aws import AwsCredentials, AwsService, listed, named, objects_of
from connectors.families.aws_failures import code_of, translated
from connectors.families.driver_options import NoDriverOptions
from connectors.families.partial_failures import attempted
from connectors.families.storage.manifest import MOST_BYTES, NamedEntry, WrongEntry, entries_of
from connectors.families.storage.objects import Bucket, StoredObject
from connectors.families.storage.options import StorageConnection, StorageMetadata
from connectors.families.storage.walk import StorageWalk
from connectors.ports import require_http
from connectors.report import Report
from connectors.topology import Node

logger = logging.getLogger(__name__)
WHOLE_MANIFEST = "openmetadata_storage_manifest.json"
METRICS_AT_ONCE, DAYS, DAY_SECONDS = 500, 3, 86_400
METRICS: Mapping[str, str] = {"BucketSizeBytes": "StandardStorage", "NumberOfObjects": "AllStorageTypes"}
MISSING = frozenset({"NoSuchKey", "404"})
NO_BUCKET = "NoSuchBucket"
MENDS = {NO_BUCKET: "correct bucketNames, or remove it there; without that, it was deleted during the run"}
AMAZONS_OWN = "aws:"
GRANTS = """{
  "Effect": "Allow",
  "Action": ["s3:ListAllMyBuckets", "s3:ListBucket", "s3:GetObject",
             "s3:GetBucketTagging", "s3:GetObjectTagging", "cloudwatch:GetMetricData"],
  "Resource": "*"
}"""


class S3Config(StorageConnection, NoDriverOptions):
    """Which account to read. `bucketNames` are all buckets to take; `consoleEndpointURL` is where its pages are."""

    type: Literal["S3"] = "S3"
    aws_config: AwsCredentials
    bucket_names: tuple[str, ...] = ()
    console_endpoint_url: str | None = Field(default=None, alias="consoleEndpointURL")
    supports_metadata_extraction: Annotated[bool, Unused()] = True
    supports_profiler: Annotated[bool, Unused()] = True

    @field_validator("console_endpoint_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None:
            require_http(value, "https://console.example.com")
        return value and value.rstrip("/")


class ManifestPlace(Model):
    """The bucket that holds the manifest of several, and the folder in it, or the whole key."""

    container_name: str = Field(min_length=1)
    object_prefix: str = ""

    @property
    def key(self) -> str:
        """The manifest's own."""
        prefix = self.object_prefix.strip("/")
        if prefix.endswith(".json"):
            return prefix
        return f"{prefix}/{WHOLE_MANIFEST}" if prefix else WHOLE_MANIFEST


class ManifestSource(Model):
    """Where the manifest of several buckets is; nothing of it for none. `securityConfig` is who may read it."""

    prefix_config: ManifestPlace | None = None
    security_config: AwsCredentials | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_in_a_bucket(cls, value: object) -> object:
        for key in ("manifestFilePath", "manifestHttpPath"):
            if isinstance(value, Mapping) and key in cast("Mapping[str, object]", value):
                msg = f"{key} is not supported: put the manifest into a bucket and set prefixConfig, or defaultManifest"
                raise ValueError(msg)
        return cast("object", value)


class S3Metadata(StorageMetadata):
    """What to take of S3."""

    storage_metadata_config_source: ManifestSource = ManifestSource()


class S3Store:
    """An ObjectStore; see there. `metrics` counts what buckets hold, where somebody does."""

    def __init__(self, service: AwsService, config: S3Config, metrics: AwsService | None = None) -> None:
        self._service = service
        self._config = config
        self._metrics = metrics

    def buckets(self) -> Iterator[Bucket]:
        """See ObjectStore."""
        names = iter(self._config.bucket_names or self.names())
        while some := list(islice(names, METRICS_AT_ONCE // len(METRICS))):
            counted = self._counted(some)
            for name in some:
                found = counted.get(name, {})
                yield Bucket(name, found.get("BucketSizeBytes"), found.get("NumberOfObjects"))

    def names(self) -> list[str]:
        """The names of all buckets of the account."""
        rows = listed(self._service.call("list_buckets"), "Buckets", "list_buckets")
        return list(named(rows, "Name", "list_buckets"))

    def level(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        """See ObjectStore."""
        for page in objects_of(self._service, Bucket=bucket, Prefix=prefix, Delimiter="/"):
            yield from (StoredObject(row["Prefix"]) for row in page.get("CommonPrefixes") or ())
            yield from (StoredObject(row["Key"], row["Size"]) for row in page.get("Contents") or ())

    def objects(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        """See ObjectStore."""
        for page in objects_of(self._service, Bucket=bucket, Prefix=prefix):
            yield from (StoredObject(row["Key"], row["Size"]) for row in page.get("Contents") or ())

    def read(self, bucket: str, key: str, start: int, length: int) -> bytes | None:
        """See ObjectStore."""
        wanted = f"bytes={start}-{start + length - 1}"
        try:
            answer = self._service.call("get_object", Bucket=bucket, Key=key, Range=wanted)
        except ConnectorError as error:
            code = code_of(error)
            if code in MISSING:
                return None
            if code == "InvalidRange":  # it ends before
                return b""
            raise
        with translated(f"get_object {bucket} {key}"), closing(answer["Body"]) as body:
            return bytes(body.read(length))

    def tags(self, bucket: str, key: str = "") -> Mapping[str, str]:
        """See ObjectStore. Those whose keys begin with aws: are Amazon's own, and left out."""
        try:
            if key:
                answer = self._service.call("get_object_tagging", Bucket=bucket, Key=key)
            else:
                answer = self._service.call("get_bucket_tagging", Bucket=bucket)
        except ConnectorError as error:
            code = code_of(error)
            if code in MISSING | {"NoSuchTagSet"}:
                return {}
            if code == "NotImplemented":
                raise ConnectorError(error.message, "set includeTags to false: this store keeps no tags") from error
            raise
        found = listed(answer, "TagSet", f"tags of {self.full_path(bucket, key)}")
        return {tag["Key"]: tag["Value"] for tag in found if not tag["Key"].startswith(AMAZONS_OWN)}

    def page(self, bucket: str, prefix: str = "") -> str | None:
        """See ObjectStore; a store of somebody else's has one where its console is named."""
        config = self._config
        if config.console_endpoint_url:
            return f"{config.console_endpoint_url}/browser/{quote(bucket)}"
        console = config.aws_config.console
        if console is None:
            return None
        region = config.aws_config.aws_region
        where = f"region={region}&prefix={quote(prefix)}" if prefix else f"region={region}"
        return f"{console}/s3/buckets/{quote(bucket)}?{where}"

    def full_path(self, bucket: str, path: str = "") -> str:
        """See ObjectStore."""
        return f"s3://{bucket}/{path}" if path else f"s3://{bucket}"

    def _counted(self, names: list[str]) -> dict[str, dict[str, int]]:
        """What CloudWatch counted last in each bucket; without the right to ask it, nothing."""
        if self._metrics is None:
            return {}
        queries = [
            {"Id": f"q{place}_{metric.lower()}", "MetricStat": _statistic(name, metric), "ReturnData": True}
            for place, name in enumerate(names)
            for metric in METRICS
        ]
        found: dict[str, dict[str, int]] = {}
        try:
            now = self._now(names)
            span = {"StartTime": now - timedelta(days=DAYS), "EndTime": now, "ScanBy": "TimestampDescending"}
            for row in self._metrics.pages("get_metric_data", "MetricDataResults", MetricDataQueries=queries, **span):
                place, _, metric = row["Id"].removeprefix("q").partition("_")
                for value in row.get("Values", [])[:1]:
                    kind = next(each for each in METRICS if each.lower() == metric)
                    found.setdefault(names[int(place)], {})[kind] = int(value)
        except RunCancelled:
            raise
        except ConnectorError as error:  # a store of somebody else's has nobody who counts
            logger.warning("sizes of buckets are left out: %s (%s)", error.message, error.advice)
            self._metrics = None
        return found

    def _now(self, names: list[str]) -> datetime:
        """The time at the store, by the first bucket that lets itself be listed."""
        *others, last = names
        for name in others:
            now, _ = attempted(partial(self._asked_time, name), None)
            if now is not None:
                return now
        return self._asked_time(last)

    def _asked_time(self, name: str) -> datetime:
        answer = self._service.call("list_objects_v2", Bucket=name, MaxKeys=1)
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])


def _statistic(bucket: str, metric: str) -> dict[str, Any]:
    dimensions = [{"Name": "StorageType", "Value": METRICS[metric]}, {"Name": "BucketName", "Value": bucket}]
    of = {"Namespace": "AWS/S3", "MetricName": metric, "Dimensions": dimensions}
    return {"Metric": of, "Period": DAY_SECONDS, "Stat": "Average"}


@contextmanager
def topology(context: RunContext[S3Config, S3Metadata]) -> Generator[Node[None, Any]]:
    """The tree of one run."""
    config, source = context.connection, context.options.storage_metadata_config_source
    with ExitStack() as stack:

        def service(name: str, credentials: AwsCredentials) -> AwsService:
            made = AwsService(credentials, name, context.report, context.cancellation, MENDS)
            stack.callback(made.close)
            return made

        own = service("s3", config.aws_config)
        store = S3Store(own, config, service("cloudwatch", config.aws_config))

        def whole() -> Iterable[NamedEntry | WrongEntry]:
            place = source.prefix_config
            if place is None:
                return ()
            other = source.security_config
            reader = S3Store(own if other is None else service("s3", other), config)
            try:
                text = reader.read(place.container_name, place.key, 0, MOST_BYTES + 1)
            except ConnectorError as error:
                if code_of(error) != NO_BUCKET:
                    raise
                advice = "correct containerName of prefixConfig in storageMetadataConfigSource"
                raise ConnectorError(error.message, advice) from error
            shown = reader.full_path(place.container_name, place.key)
            if text is None:
                msg = f"{shown} is not there"
                raise ConnectorError(msg, "correct prefixConfig in storageMetadataConfigSource")
            return entries_of(NamedEntry, text, shown)

        yield StorageWalk(context, store, whole, config.bucket_names).topology()


def check_buckets(config: S3Config) -> str:
    """List the buckets, or the first page of each that is named."""
    with closing(AwsService(config.aws_config, "s3", Report(), Cancellation(), MENDS)) as service:
        store = S3Store(service, config)
        for bucket in config.bucket_names:
            next(iter(store.level(bucket, "")), None)
        return f"{len(config.bucket_names or store.names())} buckets"


def check_metrics(config: S3Config) -> str:
    """Ask CloudWatch for what it counted."""
    with closing(AwsService(config.aws_config, "cloudwatch", Report(), Cancellation())) as service:
        service.call("list_metrics", Namespace="AWS/S3")
        return "CloudWatch tells what buckets hold"


CONNECTOR = Connector(
    name="s3",
    service_type="S3",
    config=S3Config,
    options=S3Metadata,
    capabilities=frozenset({Capability.CONTAINERS, Capability.DATA_MODELS, Capability.DELETIONS, Capability.TAGS}),
    checks=(
        Check("ListBuckets", "The buckets can be listed", check_buckets, gate=True, mandatory=True),
        Check("GetMetrics", "What buckets hold can be asked for", check_metrics),
    ),
    topology=topology,
    driver="boto3",
    grants=GRANTS,
    tested="moto 5.2",
)
