"""Stores how runs ended, with their last words. Those that end at about the same time share a transaction.

What they share waits for no lock: a run that somebody else has locked, or whose workflow, is waited for alone.
"""

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from service.database.engine import Database
from service.errors import ServiceError, Unavailable
from service.execution.journal import Journal, Words
from service.runs.repository.endings import Ending, finish, finish_free

# A transaction of many costs little more than one of few, and frees their slots together: one claim fills them again.
GATHER_SECONDS = 0.02
GATHERED = 0.5

logger = logging.getLogger(__name__)


class _End(msgspec.Struct, eq=False):
    """One that is to be stored: whether it was, or that the store is away, once it is its `turn`.

    Then it is decided, unless it `leads`: whose it is has to store all that wait, itself among them.
    """

    words: Words
    ending: Ending
    leads: bool = False
    stored: bool | Unavailable = False
    turn: threading.Event = msgspec.field(default_factory=threading.Event)


class Finisher:
    """Whoever comes first stores the ends of all who have come by then; safe to use from any thread.

    It waits for up to `gather_seconds`, until half of the runs in hand have come. All whose ends are stored go on at
    once, and one of those who came meanwhile is the next: handed from one to the other, a lock would take each of them
    as long as others hold the interpreter.
    """

    def __init__(self, database: Database, journal: Journal, gather_seconds: float = GATHER_SECONDS) -> None:
        self._database = database
        self._journal = journal
        self._gather_seconds = gather_seconds
        self._waiting: list[_End] = []
        self._storing = False
        self._came = threading.Condition()

    def finish(self, words: Words, ending: Ending) -> bool:
        """Return when the end and the last words are stored; false, and nothing stored, if the run is not ours now.

        Raises:
            Unavailable: The store does not answer; the same call may succeed later.
        """
        mine = _End(words, ending)
        with self._came:
            self._waiting.append(mine)
            if not self._storing:
                self._storing = mine.leads = True
            elif self._are_enough():
                self._came.notify()
        if not mine.leads:
            mine.turn.wait()
        if mine.leads:
            self._store_waiting()
        if isinstance(mine.stored, Unavailable):
            raise Unavailable(*mine.stored.args) from mine.stored
        return mine.stored or self._store_alone(mine)

    def _store_waiting(self) -> None:
        with self._came:
            self._came.wait_for(self._are_enough, self._gather_seconds)
            batch, self._waiting = self._waiting, []
        try:
            self._store_together(batch)
        finally:
            self._hand_on()
            for end in batch:
                end.turn.set()

    def _hand_on(self) -> None:
        with self._came:
            self._storing = bool(self._waiting)
            for first in self._waiting[:1]:
                first.leads = True
                first.turn.set()

    def _store_together(self, batch: Sequence[_End]) -> None:
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

    def _are_enough(self) -> bool:
        return len(self._waiting) >= GATHERED * self._journal.under_way

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
