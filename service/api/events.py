"""Runs as they go on, as server-sent events."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from service.api.bodies import DocumentRoute
from service.api.dependencies import BASE, MAX_ID, Services, ServicesDep
from service.api.guard import still_admitted
from service.api.runs import RunId
from service.clock import monotonic
from service.database.engine import answer
from service.errors import Invalid, NotFound, Problem, Unavailable
from service.runs import repository as runs
from service.runs.schemas import LogRead, RunRead
from service.runs.status import is_terminal
from service.settings.environment import variable
from service.workflows.wire import Output

POLL_SECONDS = 0.5
SHORTEST_PAUSE_SECONDS = 0.1
HEARTBEAT_SECONDS = 15.0
LINES_AT_ONCE = 500
HEARTBEAT = ": still here\n\n"
ENDED = ".end"

_EVENT_ID = re.compile(rf"(\d{{1,18}})({re.escape(ENDED)})?")

router = APIRouter(prefix=f"{BASE}/runs", tags=["runs"], route_class=DocumentRoute)


class _Snapshot(msgspec.Struct, frozen=True):
    run: RunRead
    lines: list[LogRead]


class _Stream(msgspec.Struct, eq=False):
    """What one client was told so far."""

    run_id: UUID
    after: int
    state: object = None
    progress: object = None
    ended: bool = False

    def news(self, snapshot: _Snapshot) -> Iterator[str]:
        """What the client does not know yet; the end comes last, once all lines are told."""
        run = snapshot.run
        state = (run.state, run.attempt, run.cancel_requested_at)
        if state != self.state and not is_terminal(run.state):
            self.state = state
            yield _event("state", run)
        for line in snapshot.lines:
            self.after = line.id
            yield _event("log", line, str(line.id))
        progress = (run.counts, run.progress)
        if progress != self.progress:
            self.progress = progress
            yield _event("progress", run)
        self.ended = is_terminal(run.state) and len(snapshot.lines) < LINES_AT_ONCE
        if self.ended:
            yield _event("state", run, f"{self.after}{ENDED}")


@router.get(
    "/{run}/events",
    summary="Follow a run",
    response_class=StreamingResponse,
    responses={
        200: {"description": "Events `state`, `progress` and `log`.", "content": {"text/event-stream": {}}},
        204: {"description": "The run has ended and the client was told all of it."},
    },
)
async def follow_run(
    run: RunId,
    request: Request,
    services: ServicesDep,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", description="Where an earlier stream broke off.")
    ] = None,
    after: Annotated[int, Query(ge=0, le=MAX_ID, description="Only log lines after the one with this id.")] = 0,
) -> Response:
    """The run as it is now, then every change of its state and progress and every log line, until it has ended.

    The data of `state` and `progress` is the whole run, that of `log` one line. Ids are those of log lines.
    """
    after, ended = _position(last_event_id, after)
    _require_room(services)
    # Before the first byte, so that an unknown run is a 404.
    first = await run_in_threadpool(_look, services, run, after)
    if ended and is_terminal(first.run.state) and not first.lines:
        return Response(status_code=204)
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    stream = _follow(request, services, _Stream(run, after), first)
    return StreamingResponse(stream, headers=headers, media_type="text/event-stream")


def _require_room(services: Services) -> None:
    """Streams take half of the connections at most: the other half is for probes and for all that ends by itself."""
    most = services.settings.max_connections // 2
    if services.feed.followers >= most:
        message = f"{most} runs are being followed already; end a stream, or raise {variable('max_connections')}"
        raise Unavailable(message)


async def _follow(request: Request, services: Services, stream: _Stream, first: _Snapshot) -> AsyncIterator[str]:
    """The events; between two looks neither a thread nor a connection to the store is held."""
    snapshot: _Snapshot | None = first
    told_at = monotonic()
    with services.feed.follow() as follower:
        while True:
            for event in stream.news(snapshot) if snapshot else ():
                told_at = monotonic()
                yield event
            if stream.ended or services.feed.closed or await request.is_disconnected():
                return
            if not await still_admitted(request, services):
                return
            if monotonic() - told_at >= HEARTBEAT_SECONDS:
                told_at = monotonic()
                yield HEARTBEAT
            if snapshot is None or len(snapshot.lines) < LINES_AT_ONCE:
                await asyncio.sleep(SHORTEST_PAUSE_SECONDS)
                await follower.wait(POLL_SECONDS - SHORTEST_PAUSE_SECONDS)
            snapshot = await _look_again(services, stream)


async def _look_again(services: Services, stream: _Stream) -> _Snapshot | None:
    try:
        return await run_in_threadpool(_look, services, stream.run_id, stream.after)
    except Unavailable:
        return None
    except NotFound:
        stream.ended = True
        return None


def _look(services: Services, run_id: UUID, after: int) -> _Snapshot:
    with services.database.reading() as session:
        # The run first: once it has ended, no line comes after those read here.
        run = RunRead.model_validate(answer(session, runs.read(run_id)))
        return _Snapshot(run, runs.list_logs(session, run_id, after, LINES_AT_ONCE))


def _position(last_event_id: str | None, after: int) -> tuple[int, bool]:
    if not last_event_id:
        return after, False
    found = _EVENT_ID.fullmatch(last_event_id)
    if found is None:
        raise Invalid([Problem("Last-Event-ID", "is not an id of this stream; connect without it")])
    return max(after, int(found[1])), found[2] is not None


def _event(kind: str, data: Output, event_id: str | None = None) -> str:
    text = json.dumps(data.model_dump(mode="json"), ensure_ascii=False)
    named = "" if event_id is None else f"id: {event_id}\n"
    return f"{named}event: {kind}\ndata: {text}\n\n"
