"""OpenMetadata's manifests: which paths of a bucket to read, and what lies there.

`openmetadata.json` stands in a bucket and tells of it alone. A manifest of several buckets, whose entries name theirs,
is a file elsewhere or the text of `defaultManifest`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, TypeVar, cast, get_args

import msgspec
from pydantic import Field, ValidationError, field_validator

from connectors.definition import Model
from connectors.errors import ConfigurationError, ConnectorError, shortened
from connectors.families.file_columns.sample import STRUCTURES, Structure
from connectors.models.database import Column, DataType
from connectors.models.names import encode_name
from connectors.problems import problems_of

MOST_BYTES = 1024**2
# What engines leave beside their data.
INTERNAL = ("_delta_log", "_temporary", "_spark_metadata", ".tmp", "_SUCCESS", ".hoodie")
WILDCARD = re.compile(r"(\*\*/?|[*?])")
STANDS_FOR = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
DATA_TYPES = frozenset(get_args(DataType))
ADVICE = "correct the manifest; docs/s3.md tells what it may hold"


class PartitionColumn(Model):
    """A column that is in the paths of the files, not in them."""

    name: str = Field(min_length=1)
    data_type: str
    data_type_display: str | None = None
    data_length: int = 1
    display_name: str | None = None
    description: str | None = None

    @field_validator("data_type")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in DATA_TYPES:
            msg = f"{value!r} is no data type of OpenMetadata's; write it like INT, STRING, DATE or TIMESTAMP"
            raise ValueError(msg)
        return value

    def column(self) -> Column:
        """The column as it is sent."""
        return Column(
            name=encode_name(self.name),
            data_type=_data_type(self.data_type),
            data_length=self.data_length,
            data_type_display=self.data_type_display or self.data_type.lower(),
            description=self.description,
        )


PathPart = Annotated[str, Field(min_length=1, max_length=256)]


class ManifestEntry(Model):
    """A path to read, of which wildcards stand for many, or with `depth` the folders so many levels below it.

    What lies below a part of a path in `exclude_paths`, or is called as a pattern of `exclude_patterns`, is left out.
    """

    data_path: str
    structure_format: Structure | None = None
    unstructured_formats: tuple[str, ...] = ()
    separator: str | None = Field(default=None, min_length=1, max_length=1)
    depth: int = Field(default=0, ge=0, le=20)
    is_partitioned: bool = False
    partition_columns: tuple[PartitionColumn, ...] = ()
    exclude_paths: tuple[PathPart, ...] | None = None
    exclude_patterns: tuple[PathPart, ...] = ()

    @field_validator("structure_format", mode="before")
    @classmethod
    def _is_read(cls, value: object) -> object:
        text = value.lower() if isinstance(value, str) else value
        if text not in STRUCTURES:
            msg = f"{value!r} is not read; use {', '.join(STRUCTURES)}"
            raise ValueError(msg)
        return text

    @field_validator("data_path")
    @classmethod
    def _is_a_path(cls, value: str) -> str:
        path = value.strip("/")
        if not path or "//" in path:
            msg = f"{value!r} is no path below the bucket; write it like sales/orders"
            raise ValueError(msg)
        if "**" in path:
            msg = f"{value!r} is not supported: ** would list the whole bucket; use * for each folder, or depth"
            raise ValueError(msg)
        return path

    @field_validator("unstructured_formats")
    @classmethod
    def _are_suffixes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(each.lower().removeprefix(".") for each in value)

    def leaves_out(self, key: str) -> bool:
        """Whether nobody wants what has this key."""
        path = key.strip("/")
        parts = INTERNAL if self.exclude_paths is None else self.exclude_paths
        inside = any(f"/{part.strip('/')}/" in f"/{path}/" for part in parts)
        return inside or any(pattern.fullmatch(path) for pattern in self._patterns)

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], ...]:
        """Of `*` for what stands at one level, `**` for any number of them, and `?` for a character."""
        texts = (WILDCARD.split(pattern.strip("/")) for pattern in self.exclude_patterns)
        return tuple(
            re.compile("".join(STANDS_FOR.get(part) or re.escape(part) for part in text), re.DOTALL) for text in texts
        )


class Unchecked(Model):
    """A manifest whose entries nobody has looked at yet."""

    entries: tuple[Any, ...]


class NamedEntry(ManifestEntry):
    """An entry that tells which bucket it is of."""

    container_name: str = Field(min_length=1)


class WholeManifest(Model):
    """The manifest of several buckets."""

    entries: tuple[NamedEntry, ...]


class WrongEntry(msgspec.Struct, frozen=True):
    """An entry that cannot be used, and why.

    Where it tells no path, `data_path` is its place among the others; `container_name` may be empty.
    """

    data_path: str
    container_name: str
    problem: ConnectorError


EntryT = TypeVar("EntryT", bound=ManifestEntry)


def entries_of(model: type[EntryT], text: str | bytes, place: str) -> Iterator[EntryT | WrongEntry]:
    """The entries of the manifest that was read from `place`; one that is wrong hides no other.

    Raises:
        ConnectorError: It is no manifest.
    """
    for at, given in enumerate(parsed(Unchecked, text, place).entries):
        try:
            yield model.model_validate(given)
        except ValidationError as error:
            problems = ConfigurationError(problems_of(error, given, f"entries.{at}"))
            path, bucket = (_text(given, key) for key in ("dataPath", "containerName"))
            named = f"the entry of dataPath {shortened(path)!r}" if path else "an entry"
            msg = f"{place}: {named} is left out: {problems.message}"
            yield WrongEntry(path.strip("/") or f"entries.{at}", bucket, ConnectorError(msg, ADVICE))


def by_bucket(entries: Iterable[NamedEntry | WrongEntry]) -> Mapping[str, tuple[ManifestEntry | WrongEntry, ...]]:
    """The entries of each bucket; below the empty name, wrong ones that tell of none."""
    found: dict[str, list[ManifestEntry | WrongEntry]] = {}
    for entry in entries:
        found.setdefault(entry.container_name, []).append(entry)
    return {bucket: tuple(some) for bucket, some in found.items()}


ManifestT = TypeVar("ManifestT", bound=Model)


def parsed(model: type[ManifestT], text: str | bytes, place: str) -> ManifestT:
    """The manifest that was read from `place`.

    Raises:
        ConnectorError: It is none, and which of its fields are wrong.
    """
    if len(text) > MOST_BYTES:
        msg = f"{place} is larger than {MOST_BYTES} bytes"
        raise ConnectorError(msg, ADVICE)
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        problems = ConfigurationError(problems_of(error))
        msg = f"{place} is no manifest: {problems.message}"
        raise ConnectorError(msg, ADVICE) from None


def checked_text(text: str) -> str:
    """A manifest of several buckets in a definition.

    Raises:
        ValueError: Says what is wrong with it.
    """
    try:
        parsed(WholeManifest, text, "the text")
    except ConnectorError as error:
        raise ValueError(error.message) from error
    return text


def _text(given: object, key: str) -> str:
    """What a user wrote below a key, if that is a text."""
    value = cast("Mapping[str, object]", given).get(key) if isinstance(given, Mapping) else None
    return value if isinstance(value, str) else ""


def _data_type(text: str) -> DataType:
    return next(each for each in get_args(DataType) if each == text)
