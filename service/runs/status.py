"""The states of a run and the moves between them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from service.errors import Conflict


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class AttemptOutcome(StrEnum):
    """What became of one claim of a run; only `retrying`, `lost` and `released` are followed by another."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"
    RETRYING = "retrying"
    LOST = "lost"
    RELEASED = "released"


class Trigger(StrEnum):
    """Why a run was made."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    BACKFILL = "backfill"
    RETRY = "retry"


ACTIVE: Final = frozenset({RunState.QUEUED, RunState.RUNNING})
TERMINAL: Final = frozenset(RunState) - ACTIVE

# Back to queued: the attempt is retried, its worker shut down, or its lease was lost.
MOVES: Final[Mapping[RunState, frozenset[RunState]]] = MappingProxyType(
    {
        RunState.QUEUED: frozenset({RunState.RUNNING, RunState.CANCELLED}),
        RunState.RUNNING: frozenset(
            {RunState.QUEUED, RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED, RunState.CANCELLED}
        ),
    }
    | dict.fromkeys(TERMINAL, frozenset[RunState]())
)


def is_terminal(state: RunState) -> bool:
    """Whether nothing can happen to the run any more."""
    return state in TERMINAL


def move(current: RunState, wanted: RunState) -> RunState:
    """The wanted state. Raises Conflict if a run cannot get there from where it is."""
    if wanted not in MOVES[current]:
        message = f"a run that is {current} cannot become {wanted}"
        raise Conflict(message)
    return wanted
