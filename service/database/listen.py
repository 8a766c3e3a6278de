"""Hears Postgres notifications on a connection of its own."""

import logging
import selectors
import socket
import threading
from collections.abc import Callable, Iterable

import psycopg
from psycopg import sql

from service.database.urls import conninfo

_FIRST_DELAY = 0.1
_LAST_DELAY = 10.0

logger = logging.getLogger(__name__)


class Listener:
    """Calls `on_notify(channel, payload)` from one thread for every notification on `channels`.

    After each connect, the first as well, it is called once per channel with an empty payload, since notifications may
    have been missed before. What it raises is logged. `start` returns at once; a lost server is tried again with
    back-off until `close`.
    """

    def __init__(self, url: str, channels: Iterable[str], on_notify: Callable[[str, str], None]) -> None:
        self._conninfo = conninfo(url, "headwater-listener")
        self._channels = tuple(channels)
        self._on_notify = on_notify
        self._closing = threading.Event()
        self._connected = threading.Event()
        self._waker, self._wakee = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="headwater-listener", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether notifications are heard at this moment, as far as is known."""
        return self._connected.is_set()

    def start(self) -> None:
        """Begin to listen in the background."""
        self._thread.start()

    def wait_connected(self, seconds: float) -> bool:
        """Wait until it listens; whether it does."""
        return self._connected.wait(seconds)

    def close(self) -> None:
        """Stop; no call of `on_notify` begins after this returns, unless it was called from inside one."""
        if not self._closing.is_set():
            self._closing.set()
            self._waker.close()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            # Only an attempt to connect can hold it up, and that ends by itself.
            self._thread.join(timeout=1)
        elif self._thread.ident is None:
            self._wakee.close()

    def _run(self) -> None:
        delay = _FIRST_DELAY
        while not self._closing.is_set():
            try:
                with psycopg.connect(self._conninfo, autocommit=True) as connection:
                    self._subscribe(connection)
                    delay = _FIRST_DELAY
                    self._listen(connection)
            except psycopg.Error as error:
                if not self._closing.is_set():
                    logger.warning("Lost the notifications of the database, next try in %.1f s: %s", delay, error)
            except Exception:  # nothing may end this thread: others go on to believe that changes are heard of
                logger.exception("Cannot hear the notifications of the database, next try in %.1f s", delay)
            self._connected.clear()
            self._closing.wait(delay)
            delay = min(delay * 2, _LAST_DELAY)
        self._wakee.close()

    def _subscribe(self, connection: psycopg.Connection) -> None:
        for channel in self._channels:
            connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
        self._connected.set()
        for channel in self._channels:
            self._call(channel, "")

    def _listen(self, connection: psycopg.Connection) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            selector.register(self._wakee, selectors.EVENT_READ)
            while not self._closing.is_set():
                for notification in connection.notifies(timeout=0):
                    self._call(notification.channel, notification.payload)
                selector.select()

    def _call(self, channel: str, payload: str) -> None:
        if self._closing.is_set():
            return
        try:
            self._on_notify(channel, payload)
        except Exception:
            logger.exception("Handling a notification on %s failed", channel)
