"""Errors named by what the runner has to do about them.

ConnectorError
├── ConfigurationError    the definition is wrong: never retried, nothing is run
├── SourceUnavailable     the system does not answer: the attempt is retried
├── FatalError            the run cannot go on: it fails at once
├── SinkUnavailable       the catalogue does not answer: the attempt is retried
├── SkipEntity            leave this one entity out, on purpose
└── RunCancelled          somebody, a deadline or a lost lease asked to stop
"""

from collections.abc import Iterable
from contextlib import suppress

import msgspec

SHOWN_CHARACTERS = 100
SHOWN_PROBLEMS = 100


def shortened(text: str) -> str:
    """What a user wrote, as far as an error repeats it."""
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


class Problem(msgspec.Struct, frozen=True):
    """One fault of an input: the dotted `path` of the field and what to do about it."""

    path: str
    message: str

    def __str__(self) -> str:
        """The path and the message, as a person reads them."""
        return f"{self.path}: {self.message}" if self.path else self.message


def first_of(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The first SHOWN_PROBLEMS, and how many more there are."""
    beyond = len(problems) - SHOWN_PROBLEMS
    if beyond <= 0:
        return problems
    more = f"{beyond} more problem{'s' * (beyond > 1)} of this kind or another; mend these first"
    return (*problems[:SHOWN_PROBLEMS], Problem("", more))


class ConnectorError(Exception):
    """Root of this package's errors; `advice` tells the user how to mend it."""

    def __init__(self, message: str, advice: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __reduce__(self) -> tuple[type["ConnectorError"], tuple[object, ...]]:
        """How an error travels to another process."""
        return type(self), (self.message, self.advice)


class ConfigurationError(ConnectorError):
    """A definition that cannot be run as it stands."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.shown))

    def __reduce__(self) -> tuple[type["ConnectorError"], tuple[object, ...]]:
        """How an error travels to another process."""
        return type(self), (self.problems,)

    @property
    def shown(self) -> tuple[Problem, ...]:
        """The first of the problems, and how many more there are."""
        return first_of(self.problems)

    @classmethod
    def at(cls, path: str, message: str) -> "ConfigurationError":
        """One problem at one path."""
        return cls([Problem(path, message)])

    def under(self, prefix: str) -> "ConfigurationError":
        """The same problems with their paths below `prefix`."""
        return ConfigurationError(
            Problem(f"{prefix}.{problem.path}" if problem.path else prefix, problem.message)
            for problem in self.problems
        )


class SourceUnavailable(ConnectorError):
    """The source does not answer now; a later attempt may succeed."""


class SinkUnavailable(ConnectorError):
    """The catalogue does not answer now; a later attempt may succeed."""


class FatalError(ConnectorError):
    """Nothing more can be done in this run, and a retry would not help."""


class SkipEntity(ConnectorError):
    """The entity at hand is left out on purpose; the message says why."""


class RunCancelled(ConnectorError):
    """The run was told to stop; the message says by what."""


def advice_of(error: BaseException) -> str | None:
    """The advice an error carries, if it is one of ours."""
    return error.advice if isinstance(error, ConnectorError) else None


def cause_of(error: BaseException) -> str:
    """One line that says what went wrong, for failures and logs."""
    text = "it cannot say what went wrong"
    with suppress(Exception):  # a library's own error may raise when it is asked for its message
        text = str(error).strip()
    return text if isinstance(error, ConnectorError) and text else f"{type(error).__name__}: {text or 'no message'}"
