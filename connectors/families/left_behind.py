"""Questions to drivers that cannot be interrupted: they are left behind when the run stops."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from connectors.cancellation import Cancellation
from connectors.errors import RunCancelled
from connectors.report import Report

AnswerT = TypeVar("AnswerT")
logger = logging.getLogger(__name__)


class Failed(msgspec.Struct, frozen=True):
    """Why a question has no answer."""

    error: Exception


STOPPED = Failed(RunCancelled("the run stops"))


def answered(ask: Callable[[], AnswerT], report: Report, cancellation: Cancellation) -> AnswerT:
    """What `ask` gives or raises, from a thread of its own.

    Raises:
        RunCancelled: The run was told to stop; `ask` may go on.
    """
    answers: queue.SimpleQueue[AnswerT | Failed] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put(ask())
        except Exception as error:  # what cannot be understood makes a driver stumble in many ways
            logger.debug("a question has no answer", exc_info=True)
            answers.put(Failed(error))

    cancellation.check()
    began = time.monotonic()
    threading.Thread(target=work, name="question", daemon=True).start()
    try:
        with cancellation.interrupting(lambda: answers.put(STOPPED)):
            answer = answers.get(timeout=cancellation.remaining())
    except queue.Empty:
        answer = STOPPED
    report.queried(time.monotonic() - began)
    if isinstance(answer, Failed):
        cancellation.check()
        raise answer.error
    return answer
