"""Files that are read whole, wherever they lie: on this machine, at an HTTP address, in S3."""

import re
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import unquote, urlsplit

import msgspec

from connectors.cancellation import Cancellation
from connectors.definition import TlsConfig, VerifySsl
from connectors.errors import ConnectorError, FatalError, SourceUnavailable
from connectors.families.aws import AwsCredentials, AwsService
from connectors.families.aws_failures import code_of, translated
from connectors.families.partial_failures import Vanished
from connectors.families.rest import Endpoint, RestClient, RestLimits
from connectors.families.web_addresses import require_possible
from connectors.http.retry import RetryPolicy
from connectors.ports import shown
from connectors.report import Report
from connectors.source_files import SourceFiles

MOST_BYTES = 1024**3
PART_BYTES = 1024**2
ABSENT = frozenset({"NoSuchKey", "NoSuchBucket", "404"})
S3_HOST = re.compile(r"(?:(?P<bucket>.+)\.)?s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?")
LIMITS = RestLimits(connections=1, answer_bytes=MOST_BYTES)
# Who waits for a test wants to hear of a server that is away at once.
AT_ONCE = RestLimits(connections=1, answer_bytes=MOST_BYTES, retry=RetryPolicy(tries=1, few_tries=1))


class WholeFile(Protocol):
    """A file somewhere; `shown` names it in messages."""

    @property
    def shown(self) -> str:
        """How the user named it."""
        ...

    def read(self, report: Report, cancellation: Cancellation, limits: RestLimits) -> bytes:
        """What it holds.

        Raises:
            Absent: There is no such file.
            ConnectorError, FatalError, SourceUnavailable: It cannot be read.
        """
        ...


class Absent(SourceUnavailable):
    """There is no such file, yet."""


class LocalFile(msgspec.Struct, frozen=True):
    """A file of this machine, which lies below the folders that the operator allows; `key` is who named it."""

    files: SourceFiles
    path: str
    key: str

    @property
    def shown(self) -> str:
        """See WholeFile."""
        return self.path

    def place(self) -> Path:
        """Where it lies.

        Raises:
            ValueError: Not where the service may read; says what to do.
        """
        return self.files.place(self.path)

    def read(self, report: Report, cancellation: Cancellation, limits: RestLimits) -> bytes:
        """See WholeFile."""
        cancellation.check()
        began = time.monotonic()
        try:
            place = self.place()
            if not place.is_file():
                msg = f"there is no file {self.path}"
                raise Absent(msg, f"correct {self.key}, or have the file put there where the service runs")
            with place.open("rb") as opened:
                found = opened.read(limits.answer_bytes + 1)
        except ValueError as error:
            raise FatalError(str(error)) from None
        except OSError as error:
            msg = f"{self.path} cannot be read: {error.strerror or error}"
            raise FatalError(msg, f"let the service's user read it, or correct {self.key}") from error
        finally:
            report.queried(time.monotonic() - began)
        return _bounded(found, self.path, limits)


class HttpFile(msgspec.Struct, frozen=True):
    """A file at an HTTP address, which the user wrote as `key`; TLS options lie at `prefix`."""

    url: str
    key: str
    headers: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    secrets: tuple[str, ...] = ()
    verify_ssl: VerifySsl = "no-ssl"
    certificates: TlsConfig | None = None
    credentials: str = "the credentials"

    def __repr__(self) -> str:
        return f"HttpFile({self.shown!r}, {self.key!r})"

    @property
    def shown(self) -> str:
        """See WholeFile; without the query, as addresses that are signed have their signature there."""
        return self.url.partition("?")[0]

    def read(self, report: Report, cancellation: Cancellation, limits: RestLimits) -> bytes:
        """See WholeFile."""
        parts = urlsplit(self.url)
        endpoint = Endpoint(
            system="the web server",
            address=f"{parts.scheme}://{parts.netloc}",
            key=self.key,
            verify_ssl=self.verify_ssl,
            certificates=self.certificates,
            headers={"Accept": "application/json, application/yaml, */*;q=0.5", **self.headers},
            credentials=self.credentials,
            secrets=self.secrets,
        )
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        with RestClient(endpoint, report, cancellation, limits) as client:
            try:
                return client.read(path)
            except Vanished as error:
                raise Absent(error.message, f"correct {self.key}, or have the file put there") from error


class S3File(msgspec.Struct, frozen=True):
    """An object of S3, or of what speaks its protocol."""

    credentials: AwsCredentials
    bucket: str
    name: str
    key: str

    @property
    def shown(self) -> str:
        """See WholeFile."""
        return f"s3://{self.bucket}/{self.name}"

    def read(self, report: Report, cancellation: Cancellation, limits: RestLimits) -> bytes:
        """See WholeFile."""
        service = AwsService(self.credentials, "s3", report, cancellation)
        try:
            answer = service.call("get_object", Bucket=self.bucket, Key=self.name)
            with translated(f"get_object {self.shown}"), closing(answer["Body"]) as body:
                found = bytearray()
                for part in iter(lambda: body.read(PART_BYTES), b""):
                    cancellation.check()
                    found += cast("bytes", part)
                    if len(found) > limits.answer_bytes:
                        break
        except ConnectorError as error:
            if code_of(error) in ABSENT:
                msg = f"there is no {self.shown}"
                raise Absent(msg, f"correct {self.key}, or have the object put there") from error
            raise
        except OSError as error:  # the connection broke while the object was read
            msg = f"{self.shown} broke off: {error}"
            raise SourceUnavailable(msg, "see whether S3 can be reached") from error
        finally:
            service.close()
        return _bounded(bytes(found), self.shown, limits)


def _bounded(found: bytes, shown: str, limits: RestLimits) -> bytes:
    if len(found) > limits.answer_bytes:
        msg = f"{shown} is longer than {limits.answer_bytes} bytes"
        raise FatalError(msg, "give a file that holds less")
    return found


def http_address(value: str) -> str:
    """An address as users write it, if it is one.

    Raises:
        ValueError: It is none; says what to write.
    """
    if re.match(r"https?://[^/]*@", value):
        msg = "must not hold a user or a password"
        raise ValueError(msg)
    if not re.fullmatch(r"https?://[^/?#\s]+([/?]\S*)?", value):
        msg = f"{shown(value)} is not an http or https address; write it like https://host/path"
        raise ValueError(msg)
    require_possible(value)
    return value.partition("#")[0]


def s3_address(value: str) -> tuple[str, str]:
    """Bucket and name of an object, from `s3://bucket/name` or an address of Amazon's.

    Raises:
        ValueError: It is neither.
    """
    parts = urlsplit(value)
    host, path = parts.netloc, unquote(parts.path).lstrip("/")
    if parts.scheme == "s3":
        bucket, name = host, path
    elif parts.scheme == "https" and (found := S3_HOST.fullmatch(host)):
        first, _, rest = path.partition("/")
        bucket, name = (found["bucket"], path) if found["bucket"] else (first, rest)
    else:
        bucket, name = "", ""
    if not bucket or not name:
        msg = f"{shown(value)} is not the address of an object in S3; write it like s3://bucket/folder/openapi.json"
        raise ValueError(msg)
    return bucket, name
