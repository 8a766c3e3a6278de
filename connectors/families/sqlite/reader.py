"""The one connection to a file, and what its errors mean."""

import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR
from typing import TYPE_CHECKING, Any

from connectors.cancellation import Cancellation
from connectors.errors import ConnectorError, FatalError, SourceUnavailable
from connectors.families.sqlite.config import SQLiteConfig
from connectors.families.sqlite.queries import OWN
from connectors.report import Report

if TYPE_CHECKING:
    import sqlite3

Row = tuple[Any, ...]
BUSY_SECONDS = 10.0
STEPS_BETWEEN_LOOKS = 10_000


class Reader:
    """Opens the file, read-only, when it is first asked, and asks until it is closed."""

    def __init__(self, config: SQLiteConfig, report: Report, cancellation: Cancellation) -> None:
        self._config = config
        self._path = config.path
        self._report = report
        self._cancellation = cancellation
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()

    @contextmanager
    def opened(self) -> Generator["sqlite3.Connection"]:
        """The one connection, in a transaction: what is read in the block is of the same moment.

        While it lasts, a writer's log grows or its commits wait: the block holds what is asked and nothing else.
        """
        with self._asked() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def answer(self, query: str) -> list[Row]:
        """The rows of a query that stands alone; they are of one moment without a transaction, too."""
        with self._asked() as connection:
            return self.rows(connection, query)

    @contextmanager
    def _asked(self) -> Generator["sqlite3.Connection"]:
        import sqlite3

        self._cancellation.check()
        try:
            if self._connection is None:
                self._connection = self._connected()
            yield self._connection
        except sqlite3.Error as error:
            self._cancellation.check()
            raise failure(error, self._path) from error

    def _connected(self) -> "sqlite3.Connection":
        import sqlite3

        address = f"{self._place().as_uri()}?mode=ro"
        connection = sqlite3.connect(
            address, uri=True, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None
        )
        connection.set_progress_handler(lambda: self._cancellation.requested, STEPS_BETWEEN_LOOKS)
        return connection

    def _place(self) -> Path:
        """Looked up anew each time: since the definition was checked, a link may have been put there."""
        try:
            place = self._config.place()
        except ValueError as error:
            raise FatalError(str(error)) from None
        with suppress(OSError):  # which SQLite tells of in its own words
            found = place.stat()
            if S_ISDIR(found.st_mode):
                message = f"{self._path} is a folder"
                raise FatalError(message, "write the path of a SQLite file that lies in it")
            if found.st_size == 0:  # SQLite reads it as a database without tables
                message = f"{self._path} is an empty file"
                raise SourceUnavailable(message, "see whether it is still being copied, or correct databaseMode")
        return place

    def rows(self, connection: "sqlite3.Connection", query: str, *parameters: str) -> list[Row]:
        """The rows of one query."""
        began = time.monotonic()
        found = connection.execute(query.replace("$own", OWN), parameters).fetchall()
        self._report.queried(time.monotonic() - began)
        return found


def failure(error: "sqlite3.Error", path: str) -> ConnectorError:
    """What SQLite's error means, and how to mend it."""
    text = str(error)
    message = f"{path}: {text}"
    if "unable to open" in text or "locked" in text or "busy" in text:
        return SourceUnavailable(message, "see whether the file is there, can be read here, and nobody holds it locked")
    if "not a database" in text or "malformed" in text:
        return FatalError(message, "correct databaseMode: it is not the path of a sound SQLite file")
    return ConnectorError(message)
