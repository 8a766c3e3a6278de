"""The JSON Lines that the file sink, dead letters and replays share: one request per line."""

import gzip
import re
import zlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from connectors.decoding import decode, decoder_of
from connectors.errors import ConfigurationError
from connectors.models.kinds import REQUESTS
from connectors.models.names import split_fqn
from connectors.sinks.entries import Entry, Kind, is_of_services

COLLECTION = re.compile(r"[A-Za-z]+(/[A-Za-z]+)*")
GZIP_MAGIC = b"\x1f\x8b"
LONGEST_LINE = 64 * 1024 * 1024


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line: the request as it is sent, and why it was not delivered when this is a dead letter."""

    entity: str
    collection: str
    fqn: str
    request: msgspec.Raw
    reason: str | None = None


def line_of(entry: Entry, reason: str | None = None) -> bytes:
    """The entry as a line of a file."""
    return encoded(Line(entry.kind.entity, entry.kind.collection, entry.fqn, msgspec.Raw(entry.body), reason))


def encoded(line: Line) -> bytes:
    """The bytes of a line; what a service connects with stays out, because it holds secrets."""
    if is_of_services(line.collection):
        request = msgspec.Raw(without_connection(bytes(line.request)))
        line = msgspec.structs.replace(line, request=request)
    return msgspec.json.encode(line) + b"\n"


def without_connection(body: bytes) -> bytes:
    """A service's create request without its connection."""
    fields = decode(body, dict[str, msgspec.Raw])
    fields.pop("connection", None)
    return msgspec.json.encode(fields)


def read_lines(path: Path) -> Generator[Line, None, None]:
    """The lines of a file, compressed when its first bytes say so.

    Raises:
        ConfigurationError: Names the line that cannot be read.
    """
    decoder = decoder_of(Line)
    number = 1
    try:
        with _opened(path) as stream:
            while text := stream.readline(LONGEST_LINE):
                if text.strip():
                    yield _checked(decoder.decode(text))
                number += 1
    except (msgspec.MsgspecError, ValueError) as error:
        raise _broken(path, number, f"is not a line of the file sink: {error}") from error
    except (EOFError, zlib.error) as error:
        raise _broken(path, number, f"the compressed file ends too early or is damaged: {error}") from error
    except OSError as error:
        raise _broken(path, number, f"cannot be read: {error.strerror or error}") from error


def read_spool(stream: BinaryIO) -> Generator[Line, None, None]:
    """The lines that we wrote ourselves to a temporary file."""
    decoder = decoder_of(Line)
    stream.seek(0)
    for text in stream:
        yield decoder.decode(text)


def entry_of(line: Line, number: int, kinds: Mapping[str, Kind]) -> Entry:
    """A line as something to send; a collection that we do not know is ordered by the depth of its names."""
    kind = kinds.get(line.collection)
    if kind is None:
        rank = len(split_fqn(line.fqn)) - 1
        kind = Kind(line.entity, line.collection, rank, bulk=False, service=is_of_services(line.collection))
    return Entry(number, kind.of_entity(line.fqn), line.fqn, bytes(line.request))


def known_kinds() -> dict[str, Kind]:
    """The kinds of all requests, by collection."""
    return {request.collection: Kind.of(request) for request in REQUESTS}


@contextmanager
def _opened(path: Path) -> Generator[BinaryIO, None, None]:
    with path.open("rb") as stream:
        if stream.peek(2)[:2] != GZIP_MAGIC:
            yield stream
            return
        with gzip.GzipFile(fileobj=stream) as unpacked:
            yield cast("BinaryIO", unpacked)


def _checked(line: Line) -> Line:
    """Refuse what could not have been written by us: the collection becomes part of an address."""
    if not COLLECTION.fullmatch(line.collection):
        msg = f"{line.collection!r} is not a collection"
        raise ValueError(msg)
    if not line.fqn or not bytes(line.request).startswith(b"{"):
        msg = "fqn and request must not be empty"
        raise ValueError(msg)
    split_fqn(line.fqn)
    return line


def _broken(path: Path, number: int, message: str) -> ConfigurationError:
    return ConfigurationError.at(f"{path}:{number}", message)
