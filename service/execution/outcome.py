"""What becomes of a run, judged by how its attempt ended."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

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
from service.execution.stopping import Stop
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
)
NEVER_RETRIED = (ConfigurationError, FatalError)


@dataclass(frozen=True, slots=True)
class Finished:
    """The run has its final state."""

    state: RunState
    error: RunError | None = None


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The run goes back to the queue for another attempt."""

    delay_seconds: float
    error: RunError


@dataclass(frozen=True, slots=True)
class GivenBack:
    """The run goes back to the queue and this attempt does not count."""


@dataclass(frozen=True, slots=True)
class Disowned:
    """Somebody else has the run by now: nothing is to be written."""


Outcome = Finished | TryAgain | GivenBack | Disowned


def of_result(result: Result, failed: int) -> Outcome:
    """The outcome of a run that came to its end."""
    if result is Result.SUCCEEDED:
        return Finished(RunState.SUCCEEDED)
    detail = f"{failed} entities failed; each is listed under /failures"
    if result is Result.PARTIAL:
        return Finished(RunState.PARTIAL, RunError(title="Some entities failed", detail=detail))
    return Finished(RunState.FAILED, RunError(title="Too many entities failed", detail=detail))


def of_error(error: Exception, stop: Stop | None, policy: Policy, run_id: UUID, attempt: int) -> Outcome:
    """The outcome of a run that `error` ended; `stop` when it was told to end."""
    if stop is Stop.LEASE_LOST:
        return Disowned()
    if stop is Stop.SHUTDOWN:
        return GivenBack()
    told = error_document(error)
    if stop is Stop.USER:
        return Finished(RunState.CANCELLED, told)
    if isinstance(error, NEVER_RETRIED) or attempt >= policy.max_attempts:
        return Finished(RunState.FAILED, told)
    return TryAgain(retry_delay(policy, run_id, attempt), told)


def error_document(error: Exception) -> RunError:
    """The error as the API shows it."""
    title = next((title for kind, title in TITLES if isinstance(error, kind)), "The run broke off")
    return RunError(title=title, detail=cause_of(error), advice=advice_of(error))


def retry_delay(policy: Policy, run_id: UUID, attempt: int) -> float:
    """Seconds until the attempt after `attempt`: exponential, spread by up to a tenth, the same in every replica."""
    delay = min(policy.retry_delay_seconds * policy.retry_backoff ** (attempt - 1), MAX_DELAY_SECONDS)
    digest = hashlib.blake2b(f"{run_id}/{attempt}".encode(), digest_size=4).digest()
    return delay * (1 + JITTER * int.from_bytes(digest) / 2**32)
