"""Stores how runs ended, with their last words. Those that end while a transaction is under way share the next one.

What they share waits for no lock: a run that somebody else has locked, or whose workflow, is waited for alone.
"""

import logging
import threading
from contextlib import suppress
from dataclasses import dataclass

from service.database.engine import Database
from service.errors import ServiceError, Unavailable
from service.execution.journal import Journal, Words
from service.runs.repository.endings import Ending, finish, finish_free

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _End:
    """One that is to be stored; once it was `tried`, whether it was, or that the store is away."""

    words: Words
    ending: Ending
    tried: bool = False
    stored: bool | Unavailable = False


class Finisher:
    """Whoever comes first stores the ends of all who have come by then; safe to use from any thread."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal
        self._waiting: list[_End] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    def finish(self, words: Words, ending: Ending) -> bool:
        """Return when the end and the last words are stored; false, and nothing stored, if the run is not ours now.

        Raises:
            Unavailable: The store does not answer; the same call may succeed later.
        """
        mine = _End(words, ending)
        with self._lock:
            self._waiting.append(mine)
        with self._writing:
            if not mine.tried:
                self._store_waiting()
        if isinstance(mine.stored, Unavailable):
            raise Unavailable(*mine.stored.args) from mine.stored
        return mine.stored or self._store_alone(mine)

    def _store_waiting(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, []
        for end in batch:
            end.tried = True
        with suppress(Exception):  # of one of them: each is stored alone, and whose it is meets it again
            try:
                with self._database.session() as session:
                    stored = finish_free(session, {end.words.journal.lease: end.ending for end in batch})
                    ended = [end for end in batch if end.words.journal.lease in stored]
                    self._journal.put(session, [end.words for end in ended])
            except Unavailable as error:
                for end in batch:
                    end.stored = error
            else:
                for end in ended:
                    end.stored = True

    def _store_alone(self, end: _End) -> bool:
        lease = end.words.journal.lease
        try:
            with self._database.session() as session:
                stored = finish(session, lease, end.ending)
                if stored:
                    self._journal.put(session, [end.words])
        except ServiceError:
            raise
        except Exception:  # of what it told: that it has ended is worth more
            if not end.words:
                raise
            logger.exception("The last that run %s told is lost", lease.run_id)
        else:
            return stored
        with self._database.session() as session:
            return finish(session, lease, end.ending)
