"""What a run's own process and the service tell each other: one JSON document a line.

The service sends an assignment and then, again and again, until when the run is held. The process sends calls of
an observer, many at once, and last how it ended.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from connectors.decoding import decoder_of
from connectors.errors import (
    ConfigurationError,
    ConnectorError,
    FatalError,
    Problem,
    RunCancelled,
    SinkUnavailable,
    SourceUnavailable,
    cause_of,
)

MAX_LINE = 64 * 1024**2
MAX_TEXT = 16_000
KINDS: Mapping[str, type[ConnectorError]] = {
    kind.__name__: kind for kind in (FatalError, RunCancelled, SinkUnavailable, SourceUnavailable)
}


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is given; the config has its secrets resolved.

    `deadline` is on the monotonic clock, which all processes share; `began` and `defined` see Beginning.
    """

    config: dict[str, Any]
    files: str
    dead_letters: str
    tokens: str
    sources: list[str] | None
    finished: list[str]
    log_level: int
    timeout_seconds: float | None
    deadline: float | None
    memory_limit_mb: int | None = None
    began: datetime | None = None
    defined: datetime | None = None

    def __repr__(self) -> str:
        return f"Assignment({self.files!r}, {self.sources!r})"


class Call(msgspec.Struct, frozen=True, array_like=True):
    """One call of the observer, to be repeated on the other side."""

    method: str
    arguments: list[Any]


class Events(msgspec.Struct, frozen=True, tag="events"):
    """What happened since the last ones."""

    calls: list[Call]


class Broken(msgspec.Struct, frozen=True):
    """An error; one that is not of ours has no kind."""

    kind: str
    message: str
    advice: str | None = None
    problems: list[tuple[str, str]] = []

    @classmethod
    def of(cls, error: BaseException) -> "Broken":
        """The error as it can be sent."""
        if isinstance(error, ConfigurationError):
            found = [(problem.path, sendable(problem.message)) for problem in error.problems]
            return cls(ConfigurationError.__name__, "", None, found)
        kind = next((name for name, kind in KINDS.items() if isinstance(error, kind)), "")
        advice = error.advice if isinstance(error, ConnectorError) else None
        return cls(kind, sendable(cause_of(error)), None if advice is None else sendable(advice))

    def error(self) -> ConnectorError:
        """The error as it was."""
        if self.kind == ConfigurationError.__name__:
            return ConfigurationError(Problem(path, message) for path, message in self.problems)
        return KINDS.get(self.kind, ConnectorError)(self.message, self.advice)


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The last thing a process sends. Without a result and an error it had too little memory."""

    result: str | None = None
    broken: Broken | None = None
    lapsed: bool = False


def encode(message: Assignment | Events | Ended | float) -> bytes:
    """The message as a line."""
    return msgspec.json.encode(message) + b"\n"


def decode(line: bytes) -> Events | Ended:
    """The message of a process. Raises msgspec.DecodeError for what is none."""
    return decoder_of(Events | Ended).decode(line)


def sendable(text: str) -> str:
    """The text, cut to a length that fits and without halves of characters."""
    cut = text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
    return cut.encode("utf-8", "replace").decode("utf-8")
