"""Amazon's services: credentials as OpenMetadata writes them, and clients of boto3."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Protocol, cast

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.cancellation import Cancellation
from connectors.definition import Model, Unused
from connectors.errors import ConnectorError, FatalError, SkipEntity, SourceUnavailable
from connectors.families.aws_failures import STRANGER, code_of, translated, words_of
from connectors.ports import require_http
from connectors.report import Report

if TYPE_CHECKING:
    import boto3

CONNECT_SECONDS, READ_SECONDS, TRIES, CONNECTIONS = 10, 60, 3, 16
SESSION_NAME = "OpenMetadataSession"


class Gone(NamedTuple):
    """Amazon's error about what is not there: its code and, where others have it too, the beginning of its words."""

    code: str
    words: str = ""


NOT_FOUND = Gone("ResourceNotFoundException")


class Paginator(Protocol):
    """Of one operation that lists."""

    def paginate(self, **query: object) -> Iterable[dict[str, Any]]:
        """The answers, page by page."""
        ...


class DescribesByName(Protocol):
    """What lists names, and describes one of them."""

    def names(self) -> Iterable[str]:
        """All of them."""
        ...

    def described(self, name: str) -> object:
        """One of them."""
        ...


class Client(Protocol):
    """A client of boto3; its operations are made when it is."""

    def assume_role(self, **query: object) -> dict[str, Any]:
        """Of `sts` only."""
        ...

    def get_paginator(self, operation: str, /) -> Paginator:
        """For an operation that lists."""
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...


class MakesClients(Protocol):
    """A session of boto3, without the names of all services there are."""

    def client(self, service: str, /, **options: object) -> Client:
        """A client of one service."""
        ...


class AwsCredentials(Model):
    """Who asks, and where. Without a key boto3 looks for one: the environment's, the pod's or the machine's role."""

    aws_region: str = Field(min_length=1)
    aws_access_key_id: str | None = None
    aws_secret_access_key: SecretStr | None = None
    aws_session_token: SecretStr | None = None
    end_point_url: str | None = Field(default=None, alias="endPointURL")
    profile_name: str | None = None
    assume_role_arn: str | None = None
    assume_role_session_name: str = SESSION_NAME
    assume_role_source_identity: str | None = None
    enabled: Annotated[bool, Unused()] = False

    @field_validator("end_point_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if not value:
            return None
        require_http(value, "https://<service>.eu-west-1.amazonaws.com")
        return value

    @model_validator(mode="after")
    def _key_is_whole(self) -> "AwsCredentials":
        if (self.aws_access_key_id is None) != (self.aws_secret_access_key is None):
            msg = (
                "awsAccessKeyId and awsSecretAccessKey belong together; give both, or neither to have boto3 find a key"
            )
            raise ValueError(msg)
        if self.aws_session_token is not None and self.aws_access_key_id is None:
            msg = "awsSessionToken needs awsAccessKeyId and awsSecretAccessKey"
            raise ValueError(msg)
        return self

    @property
    def console(self) -> str | None:
        """The address of Amazon's console for the region; somebody else's service has none."""
        return None if self.end_point_url else f"https://{self.aws_region}.console.aws.amazon.com"

    def page(self, service: str, place: str) -> str | None:
        """A page of a service in that console."""
        return self.console and f"{self.console}/{service}/home?region={self.aws_region}#/{place}"


class AwsService:
    """Thread-safe. One of Amazon's services, such as `glue`: its operations by boto3's names, with time limits.

    `mends` has an advice for codes of errors that in general have none, such as `NoSuchBucket`.

    Raises:
        FatalError: The profile is not known here, or the region or the address is none.
    """

    def __init__(
        self,
        credentials: AwsCredentials,
        service: str,
        report: Report,
        cancellation: Cancellation,
        mends: Mapping[str, str] | None = None,
    ) -> None:
        self._mends = mends
        self._report = report
        self._cancellation = cancellation
        with translated("the credentials are looked up"):
            self._client = _client(session_of(credentials), service, credentials)

    def call(self, operation: str, **query: object) -> dict[str, Any]:
        """The answer to one operation.

        Raises:
            FatalError, SourceUnavailable, ConnectorError: See aws_failures.
        """
        self._cancellation.check()
        began = time.monotonic()
        with translated(_shown(operation, query), self._mends):
            answer: dict[str, Any] = getattr(self._client, operation)(**query)
        self._report.queried(time.monotonic() - began)
        return answer

    def described(self, operation: str, gone: Gone = NOT_FOUND, **query: object) -> dict[str, Any]:
        """The answer about one thing that was listed; `gone` is the error about one that is no longer there.

        Raises:
            SkipEntity: It was deleted since it was listed.
            FatalError, SourceUnavailable, ConnectorError: See aws_failures.
        """
        try:
            return self.call(operation, **query)
        except ConnectorError as error:
            if code_of(error) == gone.code and words_of(error).startswith(gone.words):
                msg = f"{_names(query)} was deleted since it was listed"
                raise SkipEntity(msg) from error
            raise

    def pages(self, operation: str, key: str, **query: object) -> Iterator[Any]:
        """What lies below `key` in the pages of a listing, one page in memory at a time; raises like `call`."""
        for page in self.answers(operation, **query):
            yield from listed(page, key, _shown(operation, query))

    def answers(self, operation: str, **query: object) -> Iterator[dict[str, Any]]:
        """The pages of a listing as they are answered; raises like `call`."""
        what = _shown(operation, query)
        with translated(what, self._mends):
            following: Iterator[dict[str, Any]] = iter(self._client.get_paginator(operation).paginate(**query))
        while True:
            self._cancellation.check()
            began = time.monotonic()
            with translated(what, self._mends):
                page = next(following, None)
            self._report.queried(time.monotonic() - began)
            if page is None:
                return
            yield page

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()


def check_described(
    credentials: AwsCredentials, name: str, what: str, source: Callable[[AwsService], DescribesByName]
) -> str:
    """A step of a connection test: lists all that there are, counts them as `what`, and has the first described."""
    with closing(AwsService(credentials, name, Report(), Cancellation())) as service:
        opened = source(service)
        names = list(opened.names())
        if names:
            opened.described(names[0])
        return f"{len(names)} {what}"


def listed(answer: Mapping[str, Any], key: str, what: str) -> list[Any]:
    """What an answer has below `key`, which every true one has: an answer without it is no empty listing."""
    found = answer.get(key)
    if not isinstance(found, list):
        msg = f"{what}: the answer has no {key}"
        raise SourceUnavailable(msg, STRANGER)
    return cast("list[Any]", found)


def named(rows: Iterable[Any], key: str, what: str) -> Iterator[str]:
    """The names that rows of a listing have below `key`. Raises SourceUnavailable where one has none."""
    for row in rows:
        name = row.get(key)
        if not isinstance(name, str):
            msg = f"{what}: the answer lists something without {key}"
            raise SourceUnavailable(msg, STRANGER)
        yield name


def objects_of(service: AwsService, **query: str) -> Iterator[dict[str, Any]]:
    """The pages of a listing of a bucket's objects; one without any has no Contents and no CommonPrefixes at all.

    Raises:
        SourceUnavailable: The answer is none, which would be taken for an empty one; also as `call`.
    """
    for page in service.answers("list_objects_v2", **query):
        if page.get("Name") != query["Bucket"]:
            msg = f"list_objects_v2 {query['Bucket']}: the answer is no listing of it"
            raise SourceUnavailable(msg, "see whether endPointURL is the address of S3 or of a store like it")
        yield page


def _shown(operation: str, query: Mapping[str, object]) -> str:
    return f"{operation} {_names(query)}".rstrip()


def _names(query: Mapping[str, object]) -> str:
    """What a question is about."""
    return ", ".join(value for value in query.values() if isinstance(value, str))


def session_of(credentials: AwsCredentials) -> "boto3.Session":
    """A session that acts as the credentials say; a role that is assumed is assumed anew before it expires."""
    import boto3

    secret, token = credentials.aws_secret_access_key, credentials.aws_session_token
    own = boto3.Session(
        aws_access_key_id=credentials.aws_access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        aws_session_token=token.get_secret_value() if token else None,
        region_name=credentials.aws_region,
        profile_name=credentials.profile_name,
    )
    return own if credentials.assume_role_arn is None else _assumed(own, credentials)


def frozen(credentials: AwsCredentials) -> dict[str, str]:
    """The keys as object stores of delta-rs want them, of a role that is assumed, too; for the next hour or so.

    Raises:
        FatalError, SourceUnavailable: There are none; see aws_failures.
    """
    with translated("the credentials are looked up"):
        found = session_of(credentials).get_credentials()
        keys = found.get_frozen_credentials() if found is not None else None
    given = {"AWS_REGION": credentials.aws_region, "AWS_ENDPOINT_URL": credentials.end_point_url}
    if keys is not None:
        given |= {"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key}
        given["AWS_SESSION_TOKEN"] = keys.token
    if (credentials.end_point_url or "").startswith("http://"):
        given["AWS_ALLOW_HTTP"] = "true"
    return {key: value for key, value in given.items() if value}


def _client(session: "boto3.Session", service: str, credentials: AwsCredentials) -> Client:
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": TRIES},
        max_pool_connections=CONNECTIONS,
        user_agent_extra="headwater",
    )
    makes = cast("MakesClients", session)
    return makes.client(service, config=config, endpoint_url=credentials.end_point_url)


def _assumed(own: "boto3.Session", credentials: AwsCredentials) -> "boto3.Session":
    import boto3
    from botocore.credentials import CredentialProvider, DeferredRefreshableCredentials
    from botocore.session import get_session

    request = {"RoleArn": credentials.assume_role_arn, "RoleSessionName": credentials.assume_role_session_name}
    if credentials.assume_role_source_identity:
        request["SourceIdentity"] = credentials.assume_role_source_identity
    sts = _client(own, "sts", credentials)

    def assume() -> dict[str, Any]:
        try:
            with translated(f"assume_role {credentials.assume_role_arn}"):
                given = sts.assume_role(**request)["Credentials"]
        except (FatalError, SourceUnavailable):
            raise
        except ConnectorError as error:  # without the role, nothing can be asked
            raise FatalError(error.message, error.advice) from error
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": given["Expiration"].isoformat(),
        }

    class AssumedRole(CredentialProvider):
        METHOD = CANONICAL_NAME = "headwater-assumed-role"

        def load(self) -> DeferredRefreshableCredentials:
            return DeferredRefreshableCredentials(refresh_using=assume, method=self.METHOD)

    core = get_session()
    core.get_component("credential_provider").insert_before("env", AssumedRole())
    return boto3.Session(botocore_session=core, region_name=credentials.aws_region)


def require_boto3(extra: str) -> None:
    """Refuse a definition that needs boto3 where there is none; for connectors that can do without it.

    Raises:
        ValueError: It is not installed.
    """
    from importlib.util import find_spec

    if find_spec("boto3") is None:
        message = f"needs the driver boto3; install it: pip install 'headwater[{extra}]'"
        raise ValueError(message)
