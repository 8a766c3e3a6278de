"""The threads that send, several requests at a time, parents before children."""

import contextvars
import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import msgspec

from connectors.cancellation import Cancellation

TaskT = TypeVar("TaskT")
logger = logging.getLogger(__name__)


class Turn(msgspec.Struct, Generic[TaskT], eq=False):
    """A task in its place; `rank` tells what it must not overtake."""

    task: TaskT
    rank: int | None
    running: bool = False


class Dispatcher(Generic[TaskT]):
    """Does `work` on every task, at most `threads` at once; the tasks that it returns take the task's own place.

    A task of some rank starts when everything of a lower rank that was put in before it is done. After the
    first error nothing more is started; what is left over stays in `held`.
    """

    def __init__(
        self,
        work: Callable[[TaskT], Iterable[TaskT]],
        rank: Callable[[TaskT], int | None],
        cancellation: Cancellation,
        threads: int,
    ) -> None:
        self._work = work
        self._rank = rank
        self._cancellation = cancellation
        self._size = threads
        self._changed = threading.Condition(threading.RLock())
        self._turns: list[Turn[TaskT]] = []
        self._threads: list[threading.Thread] = []
        self._stopped = False
        self._error: BaseException | None = None

    def put(self, task: TaskT) -> None:
        """Hand a task over; blocks while twice as many as there are threads wait or are under way.

        Raises:
            BaseException: What an earlier task ended with.
            RunCancelled: The run was told to stop.
        """
        with self._changed:
            self._wait(lambda: len(self._turns) < 2 * self._size)
            self._append(task)

    def put_at_once(self, task: TaskT) -> None:
        """Hand over a task that must not wait for a free place."""
        with self._changed:
            self._append(task)

    def drain(self) -> None:
        """Wait until everything is done; raises like `put`."""
        with self._changed:
            self._wait(lambda: not self._turns)

    def check(self) -> None:
        """Raise what a task ended with."""
        if self._error is not None:
            raise self._error

    @property
    def error(self) -> BaseException | None:
        """What the first unlucky task ended with."""
        return self._error

    def stop(self, seconds: float) -> None:
        """Start nothing more and give the threads so long, together, to come to their end."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def held(self) -> list[TaskT]:
        """The tasks that are not done."""
        with self._changed:
            return [turn.task for turn in self._turns]

    def wake(self) -> None:
        """Have those who wait look whether the run was stopped."""
        with self._changed:
            self._changed.notify_all()

    def _append(self, task: TaskT) -> None:
        self._turns.append(Turn(task, self._rank(task)))
        self._staff()
        self._changed.notify()  # one task needs one thread; who puts tasks in is not waiting now

    def _staff(self) -> None:
        while len(self._threads) < min(self._size, len(self._turns)):
            run = contextvars.copy_context().run
            name = f"sink-{len(self._threads)}"
            thread = threading.Thread(target=run, args=(self._take,), name=name, daemon=True)
            try:
                thread.start()
            except RuntimeError:
                if not self._threads:
                    raise
                logger.warning("no more than %d threads are to be had to send with", len(self._threads))
                return
            self._threads.append(thread)

    def _wait(self, ready: Callable[[], bool]) -> None:
        while True:
            self.check()
            self._cancellation.check()
            if ready():
                return
            self._changed.wait(self._cancellation.remaining())

    def _take(self) -> None:
        while (turn := self._next()) is not None:
            try:
                more = list(self._work(turn.task))
            except BaseException as error:
                logger.debug("handed to the thread that put the task in", exc_info=True)
                self._fail(error)
            else:
                self._finish(turn, more)

    def _next(self) -> Turn[TaskT] | None:
        with self._changed:
            while not self._stopped and self._error is None:
                turn = self._startable()
                if turn is not None:
                    turn.running = True
                    return turn
                self._changed.wait()
        return None

    def _startable(self) -> Turn[TaskT] | None:
        lowest: int | None = None
        for turn in self._turns:
            free = turn.rank is None or lowest is None or turn.rank <= lowest
            if free and not turn.running:
                return turn
            if turn.rank is not None:
                lowest = turn.rank if lowest is None else min(lowest, turn.rank)
        return None

    def _finish(self, turn: Turn[TaskT], more: list[TaskT]) -> None:
        with self._changed:
            place = self._turns.index(turn)
            self._turns[place : place + 1] = [Turn(task, self._rank(task)) for task in more]
            self._staff()
            self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            if self._error is None:
                self._error = error
            self._changed.notify_all()
