"""What becomes of a run, judged by how its attempt ended."""

import hashlib
from collections.abc import Callable
from uuid import UUID

import msgspec

from connectors.errors import (
    ConfigurationError,
    FatalError,
    RunCancelled,
    SinkUnavailable,
    SourceUnavailable,
    advice_of,
    cause_of,
)
from connectors.ingestion import Result
from service.errors import Unavailable
from service.execution.stopping import Stop
from service.runs.repository.journal import MAX_FAILURES
from service.runs.schemas import RunError
from service.runs.status import RunState
from service.workflows.schemas import Policy

MAX_DELAY_SECONDS = 24 * 3600.0
JITTER = 0.1
TITLES = (
    (ConfigurationError, "The definition cannot be run"),
    (SourceUnavailable, "The source does not answer"),
    (SinkUnavailable, "The catalogue does not answer"),
    (FatalError, "The run cannot go on"),
    (RunCancelled, "The run was stopped"),
    (Unavailable, "The store of the service does not answer"),
    (MemoryError, "The service has run out of memory"),
)
TIMED_OUT = "The run took too long"
TIMEOUT_ADVICE = "raise policy.timeoutSeconds, or have the run find less: filter patterns leave schemas and tables out"
SOME_FAILED, TOO_MANY_FAILED = "Some entities failed", "Too many entities failed"
NEVER_RETRIED = (ConfigurationError, FatalError)


class Finished(msgspec.Struct, frozen=True):
    """The run has its final state."""

    state: RunState
    error: RunError | None = None

    def __str__(self) -> str:
        """How it reads in a log."""
        return self.state.value if self.error is None else f"{self.state.value}: {_line(self.error)}"


class TryAgain(msgspec.Struct, frozen=True):
    """The run goes back to the queue for another attempt."""

    delay_seconds: float
    error: RunError

    def __str__(self) -> str:
        """How it reads in a log."""
        return f"to be tried again in {self.delay_seconds:.1f} s: {_line(self.error)}"


class GivenBack(msgspec.Struct, frozen=True):
    """The run goes back to the queue and this attempt does not count."""

    def __str__(self) -> str:
        """How it reads in a log."""
        return "given back to the queue"


class Disowned(msgspec.Struct, frozen=True):
    """Somebody else has the run by now, or may have: nothing is to be written."""

    def __str__(self) -> str:
        """How it reads in a log."""
        return "left to whoever has its lease"


Outcome = Finished | TryAgain | GivenBack | Disowned


def of_result(result: Result, failed: int) -> Outcome:
    """The outcome of a run that came to its end."""
    if result is Result.SUCCEEDED:
        return Finished(RunState.SUCCEEDED)
    entities = "1 entity" if failed == 1 else f"{failed} entities"
    listed = "each is" if failed <= MAX_FAILURES else f"the first {MAX_FAILURES} are"
    detail = f"{entities} failed; {listed} listed under /failures"
    if result is Result.PARTIAL:
        return Finished(RunState.PARTIAL, RunError(title=SOME_FAILED, detail=detail))
    return Finished(RunState.FAILED, RunError(title=TOO_MANY_FAILED, detail=detail))


def of_error(error: BaseException, stop: Stop | None, policy: Policy, run_id: UUID, attempt: int) -> Outcome:
    """The outcome of a run that `error` ended; `stop` when it was told to end."""
    if stop is Stop.LEASE_LOST:
        return Disowned()
    if stop is Stop.SHUTDOWN:
        return GivenBack()
    told = error_document(error)
    if stop is Stop.USER:
        return Finished(RunState.CANCELLED, told)
    if isinstance(error, RunCancelled):  # by nobody: its time ran out
        told = told.model_copy(update={"title": TIMED_OUT, "advice": told.advice or TIMEOUT_ADVICE})
    if isinstance(error, NEVER_RETRIED) or attempt >= policy.max_attempts:
        return Finished(RunState.FAILED, told)
    return TryAgain(retry_delay(policy, run_id, attempt), told)


def error_document(error: BaseException) -> RunError:
    """The error as the API shows it."""
    title = next((title for kind, title in TITLES if isinstance(error, kind)), "The run broke off")
    return RunError(title=title, detail=cause_of(error), advice=advice_of(error))


def redacted(outcome: Outcome, redact: Callable[[str], str]) -> Outcome:
    """The outcome without what `redact` hides in its error."""
    if not isinstance(outcome, Finished | TryAgain) or outcome.error is None:
        return outcome
    error = outcome.error
    hidden = {"detail": error.detail and redact(error.detail), "advice": error.advice and redact(error.advice)}
    return msgspec.structs.replace(outcome, error=error.model_copy(update=hidden))


def retry_delay(policy: Policy, run_id: UUID, attempt: int) -> float:
    """Seconds until the attempt after `attempt`: exponential, spread by up to a tenth, the same in every replica."""
    delay = min(policy.retry_delay_seconds * policy.retry_backoff ** (attempt - 1), MAX_DELAY_SECONDS)
    digest = hashlib.blake2b(f"{run_id}/{attempt}".encode(), digest_size=4).digest()
    return delay * (1 + JITTER * int.from_bytes(digest) / 2**32)


def _line(error: RunError) -> str:
    return ": ".join(filter(None, (error.title, error.detail)))
