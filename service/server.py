"""The HTTP server: its connections, its end."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from types import FrameType

import uvicorn
from fastapi import FastAPI
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.address import BACKLOG
from service.settings import Settings

GRACE_SECONDS = 5
# Longer than proxies keep theirs (nginx 60 s), or they would send into connections that are closing.
KEEP_ALIVE_SECONDS = 75
HEAD_SECONDS = 10.0
BODY_SECONDS = 60.0
# For the 48 kB or so that are waiting when nothing more can be written.
READ_SECONDS = 60.0

logger = logging.getLogger(__name__)


class Connection(H11Protocol):
    """Ends when a request, or the reading of its answer, takes too long, or when others need its place and it is idle.

    uvicorn looks after connections between two requests only: those that send nothing, or a byte now and then, stay.
    """

    _timer: asyncio.TimerHandle | None = None
    _limit_seconds = 0.0
    _reading: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether every request that has arrived is answered."""
        return not self.cycle or self.cycle.response_complete

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:
        """Take a place, if need be those of idle connections."""
        super().connection_made(transport)
        self._make_room()
        self._watch()

    @override
    def data_received(self, data: bytes) -> None:
        """Read on; the time that a request has begins with its first byte."""
        self._make_room()
        super().data_received(data)
        self._watch()

    @override
    def on_response_complete(self) -> None:
        """Go on with the next request, which may have arrived, in part, before this answer; it has its own time."""
        self._wait(0)
        super().on_response_complete()
        if not self.is_idle:
            self._watch()

    @override
    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; in the midst of a request, whatever was to answer it has nobody left to tell."""
        if not self.is_idle:
            self.cycle.disconnected = True
            if self.cycle.response_started:
                self.transport.abort()
                return
        super().send_400_response(msg)

    @override
    def pause_writing(self) -> None:
        """Have the client read on, or what answers it would wait for ever."""
        super().pause_writing()
        self._reading = self.loop.call_later(READ_SECONDS, self.transport.abort)

    @override
    def resume_writing(self) -> None:
        """It did."""
        self._stop_reading()
        super().resume_writing()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._wait(0)
        self._stop_reading()
        super().connection_lost(exc)

    def _make_room(self) -> None:
        most = self.limit_concurrency
        if most is None or len(self.connections) < most:
            return
        idle = [one for one in _ours(self.connections) if one is not self and one.is_idle]
        for one in idle[: len(self.connections) - most + 1]:
            self.connections.discard(one)  # at once: many may come before it is told that it is lost
            one.transport.abort()

    def _watch(self) -> None:
        if self.is_idle:
            self._wait(HEAD_SECONDS)
        else:
            self._wait(BODY_SECONDS if self.cycle.more_body else 0)

    def _wait(self, seconds: float) -> None:
        """Give what is to arrive so long, from when that was first said; 0: as long as it likes."""
        if seconds == self._limit_seconds and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._limit_seconds = seconds
        self._timer = self.loop.call_later(seconds, self._give_up) if seconds else None

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    def _give_up(self) -> None:
        self._timer = None
        self.transport.abort()


def _ours(connections: Iterable[object]) -> Iterator[Connection]:
    return (one for one in connections if isinstance(one, Connection))


class HttpServer(uvicorn.Server):
    """Tells the rest of the service when it has `started`, and lets it `leave`, taking no more work, when it is to end.

    The signal ends here: uvicorn would raise it once more when it has stopped, which kills the process before the
    other parts can stop.
    """

    def __init__(
        self, app: FastAPI, settings: Settings, started: Callable[[], None], leave: Callable[[], None]
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                limit_concurrency=settings.max_connections + 1,  # it refuses the one that makes the number full
                backlog=BACKLOG,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies),
            )
        )
        self._started = started
        self._leave = leave

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Requests are answered from here on."""
        await super().startup(sockets)
        self._started()

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Hear of SIGTERM or Ctrl-C; a second Ctrl-C does not wait for requests."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Event streams end first: the server would wait for them."""
        self._leave()
        await super().shutdown(sockets)
