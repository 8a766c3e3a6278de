"""Errors of the service, named by what they mean to the caller.

ServiceError
├── NotFound         the thing asked for does not exist
├── Conflict         it cannot be done in the present state
├── Outdated         it was meant for something else than is stored now
├── Malformed        the input breaks the rules of its format; the message says where
├── Invalid          the input is wrong; `problems` says where and how
├── TooLarge         the input is larger than a limit
├── Unauthenticated  nobody knows who asks
├── Forbidden        who asks is known, and may not
├── TooMany          the same caller asked too often; later it may
└── Unavailable      something needed does not answer now; trying again may help
    └── Undecided    it was lost in the midst of a change, which may have been made
"""

from collections.abc import Iterable

from connectors.errors import Problem, first_of

# The path of a problem of the whole input.
WHOLE = ""
LOOK_FIRST = "what was asked may have been done all the same: look before you ask again"


class ServiceError(Exception):
    """Root of this package's errors; `message` is fit for the user."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotFound(ServiceError):
    """What was asked for does not exist."""


class Conflict(ServiceError):
    """What was asked for does not fit the present state."""


class Outdated(ServiceError):
    """A change that was meant for something else than is stored now, whose entity tag this is; None if nothing is."""

    def __init__(self, message: str, tag: str | None = None) -> None:
        super().__init__(message)
        self.tag = tag


class Malformed(ServiceError):
    """An input that cannot be read, as it breaks the rules of its format; the message says where."""


class Invalid(ServiceError):
    """An input with one or more problems, in the order they were found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.shown) or "invalid input")

    @property
    def shown(self) -> tuple[Problem, ...]:
        """The first of the problems, and how many more there are."""
        return first_of(self.problems)

    @classmethod
    def at(cls, path: str, message: str) -> "Invalid":
        """One problem at one path."""
        return cls([Problem(path, message)])

    def under(self, prefix: str) -> "Invalid":
        """The same problems with their paths below `prefix`."""
        return Invalid(
            Problem(f"{prefix}.{problem.path}" if problem.path else prefix, problem.message)
            for problem in self.problems
        )


class TooLarge(ServiceError):
    """An input above a limit; the message names the limit."""


class Unavailable(ServiceError):
    """Something needed does not answer now; the same call may succeed later."""


class Undecided(Unavailable):
    """The connection to the store was lost while it was asked to commit: it may have, or not."""

    def __init__(self, message: str) -> None:
        super().__init__(f"{message}; {LOOK_FIRST}")


class Unauthenticated(ServiceError):
    """The caller did not show who they are."""


class Forbidden(ServiceError):
    """The caller may not do this."""


class TooMany(ServiceError):
    """The caller asks too often; after `retry_after_seconds` the same call may succeed."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
