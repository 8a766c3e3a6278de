"""Stores how runs ended. Those that end while a transaction is under way share the next one (group commit).

What they share waits for no lock: a run that somebody else has locked, or whose workflow, is waited for alone.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass

from service.database.engine import Database
from service.errors import Unavailable
from service.runs.repository.endings import Ending, finish, finish_free
from service.runs.repository.journal import Lease


@dataclass(slots=True)
class _End:
    """One that is to be stored; once it was `tried`, whether it was, or that the store is away."""

    lease: Lease
    ending: Ending
    tried: bool = False
    stored: bool | Unavailable = False


class Finisher:
    """Whoever comes first stores the ends of all who have come by then; safe to use from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_End] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    def finish(self, lease: Lease, ending: Ending) -> bool:
        """Return when the end is stored; false, and nothing stored, if the run is no longer the owner's.

        Raises:
            Unavailable: The store does not answer; the same call may succeed later.
        """
        mine = _End(lease, ending)
        with self._lock:
            self._waiting.append(mine)
        with self._writing:
            if not mine.tried:
                self._store_waiting()
        if isinstance(mine.stored, Unavailable):
            raise Unavailable(*mine.stored.args) from mine.stored
        if mine.stored:
            return True
        with self._database.session() as session:
            return finish(session, lease, ending)

    def _store_waiting(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, []
        for end in batch:
            end.tried = True
        with suppress(Exception):  # of one of them: each is stored alone, and whose it is meets it again
            try:
                with self._database.session() as session:
                    stored = finish_free(session, {end.lease: end.ending for end in batch})
            except Unavailable as error:
                for end in batch:
                    end.stored = error
            else:
                for end in batch:
                    end.stored = end.lease in stored
