"""The sink `file`: create requests as JSON Lines, to be looked at or replayed later."""

import gzip
import logging
from contextlib import suppress
from os import fsync, sep, urandom
from os.path import realpath
from pathlib import Path, PurePath
from typing import BinaryIO

import msgspec
from pydantic import Field, field_validator

from connectors.definition import Model
from connectors.errors import ConfigurationError, FatalError
from connectors.models.base import Request
from connectors.models.records import Record
from connectors.report import Failure, Observer
from connectors.sinks.entries import Encoding, Unencodable
from connectors.sinks.lines import Line, encoded
from connectors.source_files import lies_below, stays_below

FILENAME = "sink.config.filename"
# Less than file systems take, as a suffix is added while the file is written.
LONGEST_NAME = 200
LONGEST_PATH = 2000
STAGE = "sink"
PARTIAL = ".partial"
# Said, as `open` asks the kernel before it chooses one.
BUFFER_BYTES = 64 * 1024
logger = logging.getLogger(__name__)


class FileConfig(Model):
    """`sink.config` of a `file` sink; a name that ends in .gz is compressed."""

    filename: str = Field(min_length=1)

    @field_validator("filename")
    @classmethod
    def _stays_below(cls, value: str) -> str:
        path = PurePath(value)
        parts = path.parts
        if ".." in parts or "\0" in value:
            msg = "must not contain '..'"
            raise ValueError(msg)
        if not path.name:
            msg = "is no name of a file"
            raise ValueError(msg)
        if path.name.endswith(PARTIAL):
            msg = f"must not end in {PARTIAL}: so are files called that are not finished"
            raise ValueError(msg)
        if any(len(part.encode("utf-8", "replace")) > LONGEST_NAME for part in parts):
            msg = f"holds a name that is longer than {LONGEST_NAME} bytes"
            raise ValueError(msg)
        if len(value.encode("utf-8", "replace")) > LONGEST_PATH:
            msg = f"is longer than {LONGEST_PATH} bytes"
            raise ValueError(msg)
        return value


def file_path(config: FileConfig, folder: Path | None) -> Path:
    """Where the file goes: below `folder`, when one is given.

    Raises:
        ConfigurationError: It would lie elsewhere, or is a folder.
    """
    path = Path(config.filename) if folder is None else folder / config.filename
    # What lies there already is replaced, not followed: only the way there has to stay below.
    way = config.filename.rpartition(sep)[0]
    if folder is not None and not (stays_below(folder, way) or lies_below(realpath(path.parent), realpath(folder))):
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
        self._writing = Path(f"{path}.{urandom(4).hex()}{PARTIAL}")
        self._report = report
        self._encoding = Encoding()
        try:
            self._file = _opened(self._writing)
        except OSError as error:
            raise self._unwritable(error) from error
        compressed = path.suffix == ".gz"
        self._stream = gzip.GzipFile(fileobj=self._file, mode="wb", filename="") if compressed else self._file

    def write(self, record: Record) -> None:
        """See Sink."""
        if not isinstance(record, Request):
            return
        try:
            body = self._encoding.body(record)
        except Unencodable as error:
            self._report.failed(Failure(record.entity, record.fqn, STAGE, str(error)))
            return
        line = encoded(Line(record.entity, record.collection, record.fqn, msgspec.Raw(body)))
        try:
            self._stream.write(line)
        except OSError as error:
            raise self._unwritable(error) from error
        self._report.counted(record.entity, "written")

    def close(self) -> None:
        """See Sink."""
        try:
            self._finish()
            self._writing.replace(self._path)
        except OSError as error:
            raise self._unwritable(error) from error

    def abort(self) -> None:
        """See Sink; what was written stays under the name that ends in .partial."""
        partial = Path(f"{self._path}{PARTIAL}")
        try:
            self._finish()
        except OSError:
            logger.warning("%s may be incomplete", partial, exc_info=True)
        try:
            with suppress(FileNotFoundError):  # it was aborted before
                self._writing.replace(partial)
        except OSError:
            logger.warning("What was written stays in %s", self._writing, exc_info=True)

    def _finish(self) -> None:
        """Have all of it on the disk; nothing is left to do the second time."""
        if self._file.closed:
            return
        with self._file:
            if self._stream is not self._file:  # the end of what is compressed
                self._stream.close()
            self._file.flush()
            fsync(self._file.fileno())

    def _unwritable(self, error: OSError) -> FatalError:
        message = f"{self._path} cannot be written: {error.strerror or error}"
        return FatalError(message, "check that the folder may be written to and that the disk has room")


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("wb", BUFFER_BYTES)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb", BUFFER_BYTES)
