"""Every query on runs. Nothing here commits.

Whoever locks workflows and runs locks workflows first, then runs, each kind in the order of their ids.
"""

from service.runs.repository.answers import Answers, RunFilter, list_runs, read
from service.runs.repository.cancel import CHANNEL as CANCEL_CHANNEL
from service.runs.repository.cancel import cancel_active, request_cancel
from service.runs.repository.endings import Ending, finish, finish_free, release, retry_later
from service.runs.repository.history import (
    checkpoints,
    count_by_pool,
    count_by_state,
    first_successes_awaited,
    get,
    last_successes,
    list_attempts,
    list_failures,
    list_logs,
    prune,
    sealed_runs,
)
from service.runs.repository.journal import (
    Lease,
    LogLine,
    LostEntity,
    add_failures,
    add_logs,
    checkpoint,
    update_progress,
)
from service.runs.repository.leases import ClaimedRun, ClaimRequest, LostRun, claim, reap, renew
from service.runs.repository.queue import CHANNEL as RUNS_CHANNEL
from service.runs.repository.queue import NewRun, TickRun, enqueue, enqueue_ticks
from service.runs.repository.workers import WorkerIdentity, beat, forget_workers, leave, list_workers

__all__ = [
    "CANCEL_CHANNEL",
    "RUNS_CHANNEL",
    "Answers",
    "ClaimRequest",
    "ClaimedRun",
    "Ending",
    "Lease",
    "LogLine",
    "LostEntity",
    "LostRun",
    "NewRun",
    "RunFilter",
    "TickRun",
    "WorkerIdentity",
    "add_failures",
    "add_logs",
    "beat",
    "cancel_active",
    "checkpoint",
    "checkpoints",
    "claim",
    "count_by_pool",
    "count_by_state",
    "enqueue",
    "enqueue_ticks",
    "finish",
    "finish_free",
    "first_successes_awaited",
    "forget_workers",
    "get",
    "last_successes",
    "leave",
    "list_attempts",
    "list_failures",
    "list_logs",
    "list_runs",
    "list_workers",
    "prune",
    "read",
    "reap",
    "release",
    "renew",
    "request_cancel",
    "retry_later",
    "sealed_runs",
    "update_progress",
]
