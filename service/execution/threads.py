"""Threads that are used again."""

import contextvars
import threading
from collections.abc import Callable
from queue import SimpleQueue

Work = Callable[[], None]


class Threads:
    """Does each thing in a thread of its own, one that is idle or else a new one; as many as are needed at a time.

    To start a thread returns when it runs, which takes milliseconds where others work: whoever hands out much would
    wait for most of its time.
    """

    def __init__(self, idle_name: str) -> None:
        self._idle_name = idle_name
        self._idle: list[SimpleQueue[tuple[str, Work] | None]] = []
        self._lock = threading.Lock()
        self._closed = False

    def do(self, name: str, work: Work) -> None:
        """Have it done, in a thread of this name meanwhile. Raises RuntimeError when no thread is to be had."""
        with self._lock:
            tasks = self._idle.pop() if self._idle else None
        if tasks is not None:
            tasks.put((name, work))
            return
        tasks = SimpleQueue[tuple[str, Work] | None]()
        tasks.put((name, work))
        threading.Thread(target=self._take, args=(tasks,), name=name, daemon=True).start()

    def close(self) -> None:
        """Let the idle ones end, and the others after what they do."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for tasks in idle:
            tasks.put(None)

    def _take(self, tasks: SimpleQueue[tuple[str, Work] | None]) -> None:
        thread = threading.current_thread()
        while task := tasks.get():
            thread.name, work = task
            contextvars.Context().run(work)
            del task, work  # an idle thread holds nothing of what it did
            thread.name = self._idle_name
            with self._lock:
                if self._closed:
                    return
                self._idle.append(tasks)
