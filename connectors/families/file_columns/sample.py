"""The columns of one file, of which only a part is read."""

import io
import zlib
from collections.abc import Callable, Mapping
from typing import Literal, get_args

import msgspec
from typing_extensions import Buffer

from connectors.errors import ConnectorError
from connectors.families.file_columns.avro import avro_columns
from connectors.families.file_columns.parquet import parquet_columns
from connectors.families.file_columns.text import delimited_columns, json_columns
from connectors.models.database import Column

Structure = Literal["csv", "tsv", "json", "parquet", "avro"]
STRUCTURES: tuple[str, ...] = get_args(Structure)
HEAD_BYTES = 256 * 1024
MOST_BYTES = 16 * 1024**2
GZIP_MAGIC = b"\x1f\x8b"
SEPARATORS: Mapping[str, str] = {"csv": ",", "tsv": "\t"}


class Sampled(msgspec.Struct, frozen=True):
    """A file to look into: `read` gives so many bytes from a place in it, None when it is gone."""

    name: str
    size: int
    read: Callable[[int, int], bytes | None]

    def part(self, start: int, length: int) -> bytes:
        """Some of it.

        Raises:
            Vanished: It is gone.
        """
        found = self.read(start, length)
        if found is None:
            msg = f"{self.name} was deleted since it was listed"
            raise Vanished(msg)
        return found


class Vanished(ConnectorError):
    """A file that was listed is gone."""


def columns_of(file: Sampled, structure: Structure, separator: str | None = None) -> tuple[Column, ...]:
    """The columns of a file; at most 256 KiB of its beginning are read, of Parquet only where its schema stands.

    Raises:
        ConnectorError: It is not of that structure.
        Vanished: It is gone.
    """
    if structure == "parquet":
        return parquet_columns(io.BufferedReader(_Ranged(file)), file.name)
    head = file.part(0, HEAD_BYTES)
    whole = len(head) >= file.size
    if head.startswith(GZIP_MAGIC) and structure != "avro":
        head, whole = _unpacked(head, file.name)
    if structure == "avro":
        return avro_columns(head, file.name)
    if structure == "json":
        return json_columns(head, file.name, whole=whole)
    return delimited_columns(head, file.name, separator or SEPARATORS[structure], whole=whole)


def _unpacked(head: bytes, name: str) -> tuple[bytes, bool]:
    """As much text as the beginning of a compressed file gives, and whether that is all of it."""
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        text = stream.decompress(head, HEAD_BYTES)
    except zlib.error as error:
        msg = f"{name} begins like a gzip file and is none: {error}"
        raise ConnectorError(msg, "see whether the file is damaged") from error
    return text, stream.eof


class _Ranged(io.RawIOBase):
    """A file whose parts are fetched where they are read, and no more of it than a schema may take."""

    def __init__(self, file: Sampled) -> None:
        super().__init__()
        self._file = file
        self._place = 0
        self._fetched = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._file.size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def readall(self) -> bytes:
        return self._part(self._file.size - self._place)

    def readinto(self, buffer: Buffer, /) -> int:
        space = memoryview(buffer)
        found = self._part(min(len(space), self._file.size - self._place))
        space[: len(found)] = found
        return len(found)

    def _part(self, length: int) -> bytes:
        if length <= 0:
            return b""
        self._fetched += length
        if self._fetched > MOST_BYTES:
            msg = f"the schema of {self._file.name} takes more than {MOST_BYTES} bytes"
            raise ConnectorError(msg, "give the path to files with a smaller schema")
        found = self._file.part(self._place, length)
        self._place += len(found)
        return found
