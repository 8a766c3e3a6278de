"""Where tables lie: folders that hold a log of Delta Lake's."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

import msgspec

from connectors.cancellation import Cancellation
from connectors.errors import ConnectorError, FatalError, SourceUnavailable
from connectors.families.aws import AwsCredentials, AwsService, frozen, listed, named, objects_of
from connectors.families.database_source import ListedInPart
from connectors.families.deltalake.config import DeltaLakeConfig
from connectors.report import Report

LOG = "_delta_log"
DEFAULT = "default"
SUFFIX = ".db"
DEEPEST = 16
MOST_NAMED = 10
MENDS = {"NoSuchBucket": "correct configSource.bucketName; without that, the bucket was deleted during the run"}
TIMEOUTS = {"timeout": "60s", "connect_timeout": "10s"}


class Place(msgspec.Struct, frozen=True):
    """A table by its name within its schema, and where it lies."""

    name: str
    uri: str


class Left(msgspec.Struct, frozen=True):
    """What is left out below a schema: folders that are too deep, and why others cannot be read."""

    deep: list[str]
    unread: list[ConnectorError]


class Places(Protocol):
    """One run's view of where tables lie; `in_part` and `tables_in_part` say that a listing gives only some of them."""

    @property
    def in_part(self) -> bool:
        """Whether the definition names one."""
        ...

    @property
    def tables_in_part(self) -> bool:
        """Whether it says where in a schema tables are looked for."""
        ...

    def schemas(self) -> Iterator[str]:
        """The names of the schemas."""
        ...

    def tables(self, schema: str, deep: list[str]) -> Iterator[Place]:
        """The tables of one schema, in the order of their names; folders that are too deep are put among the `deep`."""
        ...

    def options(self) -> dict[str, str]:
        """What the reader of a log needs to know."""
        ...


class Folders:
    """A warehouse's folder on this machine; links are not followed out of what may be read."""

    def __init__(self, config: DeltaLakeConfig, cancellation: Cancellation) -> None:
        self._config = config
        self._cancellation = cancellation

    @property
    def in_part(self) -> bool:
        """See Places."""
        return False

    @property
    def tables_in_part(self) -> bool:
        """See Places."""
        return False

    def schemas(self) -> Iterator[str]:
        """See Places. Two folders may be one schema: `sales` and `sales.db`, `default` and what lies beside it."""
        folders = _folders(self._root())
        yield from sorted({DEFAULT if _is_table(path) else path.name.removesuffix(SUFFIX) for path in folders})

    def tables(self, schema: str, deep: list[str]) -> Iterator[Place]:
        """See Places.

        Raises:
            ConnectorError: At the end, where a folder may not be read, or two tables have one name.
        """
        left, taken = Left(deep, []), set[str]()
        for place in self._places(schema, left):
            if place.name in taken:
                message = f"{place.uri} has the name of another table of the schema {schema}"
                left.unread.append(ConnectorError(message, "rename the folder of one of them"))
            else:
                taken.add(place.name)
                yield place
        if left.unread:
            raise _all_of(left.unread)

    def options(self) -> dict[str, str]:
        """See Places."""
        return {}

    def _root(self) -> Path:
        """Looked up anew each time: since the definition was checked, a link may have been put there."""
        try:
            root = self._config.folder()
        except ValueError as error:
            raise FatalError(str(error)) from None
        if not root.is_dir():
            message = f"there is no folder {root}"
            raise SourceUnavailable(message, "correct metastoreFilePath, or see whether its disk is mounted")
        return root

    def _places(self, schema: str, left: Left) -> Iterator[Place]:
        root = self._root()
        if schema == DEFAULT:
            yield from (Place(path.name, path.as_uri()) for path in _folders(root) if _is_table(path))
        found = [path for path in (root / schema, root / f"{schema}{SUFFIX}") if _is_schema(path)]
        if not found and schema != DEFAULT:
            message = f"schema {schema} was removed during the run"
            raise ConnectorError(message)
        for path in found:
            yield from self._below(path, path, left)

    def _below(self, schema: Path, folder: Path, left: Left, depth: int = 0) -> Iterator[Place]:
        try:
            inside = _folders(folder)
        except ConnectorError as error:
            left.unread.append(error)
            return
        if inside and depth > DEEPEST:
            left.deep.append(str(folder))
            return
        for path in inside:
            self._cancellation.check()
            if _is_table(path):
                yield Place(path.relative_to(schema).as_posix(), path.as_uri())
            else:
                yield from self._below(schema, path, left, depth + 1)


def _all_of(errors: Sequence[ConnectorError]) -> ConnectorError:
    """One error that names what each of several does, up to the first ten."""
    told = [error.message for error in errors[:MOST_NAMED]]
    if len(errors) > MOST_NAMED:
        told.append(f"and {len(errors) - MOST_NAMED} more")
    advice = next((error.advice for error in errors if error.advice), None)
    return ConnectorError("; ".join(told), advice)


def too_deep(folders: Sequence[str]) -> ListedInPart:
    """What says that nothing was looked for below these folders."""
    more = f" and {len(folders) - MOST_NAMED} more" if len(folders) > MOST_NAMED else ""
    named = ", ".join(folders[:MOST_NAMED])
    message = f"what lies below {named}{more} is not looked at: it is over {DEEPEST} folders deep"
    return ListedInPart(message, f"move tables that lie there to where they are at most {DEEPEST} folders deep")


def _folders(folder: Path) -> list[Path]:
    try:
        inside = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    except PermissionError as error:
        message = f"{folder} may not be read"
        raise ConnectorError(message, "let the service's user read the folder and what lies in it") from error
    except FileNotFoundError as error:
        message = f"{folder} was removed during the run"
        raise ConnectorError(message) from error
    return sorted(path for path in inside if not path.name.startswith((".", "_")))


def _is_schema(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink() and not _is_table(folder)


def _is_table(folder: Path) -> bool:
    log = folder / LOG
    try:
        return log.is_dir() and not log.is_symlink()
    except PermissionError:  # the listing of what lies in the folder tells
        return False


class Buckets:
    """Buckets of S3, and in them the folders that object names make up."""

    def __init__(
        self, config: DeltaLakeConfig, credentials: AwsCredentials, service: AwsService, cancellation: Cancellation
    ) -> None:
        self._source = config.config_source
        self._credentials = credentials
        self._service = service
        self._cancellation = cancellation

    @property
    def in_part(self) -> bool:
        """See Places."""
        return bool(self._source.bucket_name)

    @property
    def tables_in_part(self) -> bool:
        """See Places."""
        return bool(self._source.prefix.strip("/"))

    def schemas(self) -> Iterator[str]:
        """See Places."""
        if self._source.bucket_name:
            yield self._source.bucket_name
            return
        rows = listed(self._service.call("list_buckets"), "Buckets", "list_buckets")
        yield from named(rows, "Name", "list_buckets")

    def tables(self, schema: str, deep: list[str]) -> Iterator[Place]:
        """See Places."""
        prefix = self._source.prefix.strip("/")
        yield from self._below(schema, f"{prefix}/" if prefix else "", len(prefix) + 1 if prefix else 0, deep)

    def options(self) -> dict[str, str]:
        """See Places."""
        return {**frozen(self._credentials), **TIMEOUTS}

    def _below(self, bucket: str, folder: str, skipped: int, deep: list[str], depth: int = 0) -> Iterator[Place]:
        self._cancellation.check()
        inside: list[str] = []
        for page in objects_of(self._service, Bucket=bucket, Prefix=folder, Delimiter="/"):
            inside += [found["Prefix"] for found in page.get("CommonPrefixes", [])]
        if f"{folder}{LOG}/" in inside:
            yield Place(folder[skipped:].rstrip("/") or bucket, f"s3://{bucket}/{folder.rstrip('/')}")
        elif depth < DEEPEST:
            for below in inside:
                yield from self._below(bucket, below, skipped, deep, depth + 1)
        elif inside:
            deep.append(f"s3://{bucket}/{folder}")


def opened(config: DeltaLakeConfig, report: Report, cancellation: Cancellation) -> "closing[OpenPlaces]":
    """The places of one run, closed with the block."""
    return closing(OpenPlaces(config, report, cancellation))


class OpenPlaces:
    """The places that a definition speaks of."""

    def __init__(self, config: DeltaLakeConfig, report: Report, cancellation: Cancellation) -> None:
        self._service: AwsService | None = None
        self.places: Places = Folders(config, cancellation)
        if config.credentials is not None:
            self._service = AwsService(config.credentials, "s3", report, cancellation, MENDS)
            self.places = Buckets(config, config.credentials, self._service, cancellation)

    def close(self) -> None:
        """Give the connections back."""
        if self._service is not None:
            self._service.close()
