"""The sink `file`: create requests as JSON Lines, to be looked at or replayed later."""

import gzip
import logging
import os
from collections.abc import Callable
from contextlib import ExitStack
from os.path import realpath
from pathlib import Path, PurePath
from typing import BinaryIO, TypeVar, cast
from uuid import uuid4

from pydantic import Field, field_validator

from connectors.definition import Model
from connectors.errors import ConfigurationError, FatalError
from connectors.models.base import Request
from connectors.models.records import Record
from connectors.report import Failure, Observer
from connectors.sinks.entries import Encoding, Entry, Kind, Unencodable
from connectors.sinks.lines import line_of
from connectors.source_files import lies_below, stays_below

T = TypeVar("T")
FILENAME = "sink.config.filename"
# Less than file systems take, as a suffix is added while the file is written.
LONGEST_NAME = 200
STAGE = "sink"
PARTIAL = ".partial"
logger = logging.getLogger(__name__)


class FileConfig(Model):
    """`sink.config` of a `file` sink; a name that ends in .gz is compressed."""

    filename: str = Field(min_length=1)

    @field_validator("filename")
    @classmethod
    def _stays_below(cls, value: str) -> str:
        parts = PurePath(value).parts
        if ".." in parts or "\0" in value:
            msg = "must not contain '..'"
            raise ValueError(msg)
        if value.endswith(PARTIAL):
            msg = f"must not end in {PARTIAL}: so are files called that are not finished"
            raise ValueError(msg)
        if any(len(part.encode("utf-8", "replace")) > LONGEST_NAME for part in parts):
            msg = f"holds a name that is longer than {LONGEST_NAME} bytes"
            raise ValueError(msg)
        return value


def file_path(config: FileConfig, folder: Path | None) -> Path:
    """Where the file goes: below `folder`, when one is given.

    Raises:
        ConfigurationError: It would lie elsewhere, or is a folder.
    """
    path = Path(config.filename) if folder is None else folder / config.filename
    if folder is not None and not (
        stays_below(folder, config.filename) or lies_below(realpath(path), realpath(folder))
    ):
        raise ConfigurationError.at(FILENAME, f"must lie below {folder}; write a name relative to it")
    if path.is_dir():
        raise ConfigurationError.at(FILENAME, f"{path} is a folder; name a file")
    return path


class FileSink:
    """Writes beside the file and renames at the end, so that nobody reads half of one, nor a mixture of two runs'.

    A Sink as in `connectors.sinks.base`. It tells of no finished scope, because each attempt of a run writes the
    whole file. Deletions are left out.
    """

    def __init__(self, path: Path, report: Observer) -> None:
        self._path = path
        self._writing = path.with_name(f"{path.name}.{uuid4().hex[:8]}{PARTIAL}")
        self._report = report
        self._encoding = Encoding()
        self._stack = ExitStack()
        self._stream = self._guarded(self._open)

    def write(self, record: Record) -> None:
        """See Sink."""
        if not isinstance(record, Request):
            return
        try:
            body = self._encoding.body(record)
        except Unencodable as error:
            self._report.failed(Failure(record.entity, record.fqn, STAGE, str(error)))
            return
        entry = Entry(0, Kind.of(type(record)), record.fqn, body)
        self._guarded(lambda: self._stream.write(line_of(entry)))
        self._report.counted(record.entity, "written")

    def close(self) -> None:
        """See Sink."""
        self._guarded(self._finish)

    def abort(self) -> None:
        """See Sink; what was written stays under the name that ends in .partial."""
        partial = self._path.with_name(f"{self._path.name}{PARTIAL}")
        try:
            self._stack.close()
            if self._writing.exists():
                self._writing.replace(partial)
        except OSError:
            logger.warning("%s may be incomplete", partial, exc_info=True)

    def _open(self) -> BinaryIO:
        try:
            stream = self._stack.enter_context(self._writing.open("wb"))
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            stream = self._stack.enter_context(self._writing.open("wb"))
        self._stack.callback(_sync, stream)
        if self._path.suffix != ".gz":
            return stream
        return cast("BinaryIO", self._stack.enter_context(gzip.GzipFile(fileobj=stream, mode="wb", filename="")))

    def _finish(self) -> None:
        self._stack.close()
        self._writing.replace(self._path)

    def _guarded(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except OSError as error:
            msg = f"{self._path} cannot be written: {error.strerror or error}"
            raise FatalError(msg, "check that the folder may be written to and that the disk has room") from error


def _sync(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())
