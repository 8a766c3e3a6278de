"""Runs as they are answered, from the driver's rows to a document.

People and dashboards ask for them all the time. To make statements, rows and models of SQLAlchemy and pydantic costs
five times as much as the question itself, and what they would check was checked when it was stored. Rows come in
Postgres' binary form: to read instants and ids from text takes half as long again.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec

from service.database.questions import Question, Row
from service.runs.repository.history import unknown
from service.runs.schemas import Counts, RunRead, read_error
from service.runs.status import RunState
from service.workflows.documents import Json, is_storable
from service.workflows.vault import mask
from service.workflows.wire import decode_cursor_as, encode_cursor

_SELECT = b"select %b from runs where " % ", ".join(RunRead.model_fields).encode()
_ALIASES = tuple(field.alias or name for name, field in RunRead.model_fields.items())
_COUNTS: Json = Counts().model_dump(mode="json")


class RunFilter(msgspec.Struct, frozen=True):
    """Which runs to list; all conditions hold together. `since` and `until` are about when a run was queued.

    `begun` leaves out those that no worker has taken up so far, or ever did.
    """

    workflow: str | None = None
    states: Collection[RunState] = ()
    since: datetime | None = None
    until: datetime | None = None
    begun: bool = False


class Answers(msgspec.Struct, frozen=True):
    """Documents in the form of RunRead, and where the list goes on, if it does."""

    data: list[dict[str, Any]]
    next_cursor: str | None


def read(run_id: UUID) -> Question[dict[str, Any]]:
    """The run as it is now, in the form of RunRead. To ask it raises NotFound."""

    def the_one(rows: Sequence[Row]) -> dict[str, Any]:
        if not rows:
            raise unknown(run_id)
        return _answer(rows[0])

    return Question(_SELECT + b"id = %s", (run_id,), the_one)


def list_runs(which: RunFilter, cursor: str | None, limit: int) -> Question[Answers]:
    """The runs that match, the last queued first. Raises Invalid for a cursor of another list."""
    found = dict(_conditions(which, cursor))
    conditions = b" and ".join(found) or b"true"
    values = [value for given in found.values() for value in given]
    query = _SELECT + conditions + b" order by queued_at desc, id desc limit %s"
    return Question(query, (*values, limit + 1), lambda rows: _page(rows, limit))


def _page(rows: Sequence[Row], limit: int) -> Answers:
    data = [_answer(row) for row in rows[:limit]]
    more = len(rows) > limit
    return Answers(data, encode_cursor(data[-1]["queuedAt"].isoformat(), str(data[-1]["id"])) if more else None)


def _answer(row: Row) -> dict[str, Any]:
    run = dict(zip(_ALIASES, row, strict=True))
    run["counts"] = _COUNTS | _object(run["counts"])
    run["progress"] = _object(run["progress"])
    error = read_error(run["error"])
    run["error"] = None if error is None else error.model_dump(mode="json")
    run["overrides"] = mask(_object(run["overrides"]))
    return run


def _object(stored: object) -> Json:
    """A stored document; one that somebody made something else in the database must not end a page of runs."""
    return cast("Json", stored) if isinstance(stored, dict) else {}


def _conditions(which: RunFilter, cursor: str | None) -> Iterator[tuple[bytes, tuple[object, ...]]]:
    if which.workflow is not None:
        # No workflow can be called what cannot be stored.
        yield b"workflow = %s", (which.workflow if is_storable(which.workflow) else "",)
    if which.states:
        states = tuple(state.value for state in which.states)
        # Not `any`: an index gives the runs of one state in their order.
        yield b"state in (%b)" % b", ".join([b"%s"] * len(states)), states
    if which.since is not None:
        yield b"queued_at >= %s", (which.since,)
    if which.until is not None:
        yield b"queued_at < %s", (which.until,)
    if which.begun:
        yield b"started_at is not null", ()
    if cursor is not None:
        yield b"(queued_at, id) < (%s, %s)", decode_cursor_as(cursor, _instant, UUID)


def _instant(word: str) -> datetime:
    instant = datetime.fromisoformat(word)
    if instant.tzinfo is None:
        message = f"{word!r} has no time zone"
        raise ValueError(message)
    return instant
