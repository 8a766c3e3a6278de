"""Whether the store answers, told in a moment also by a store that hangs."""

import logging
import threading

import msgspec

from service.database.engine import Database
from service.errors import ServiceError

PATIENCE_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Question(msgspec.Struct, eq=False):
    """One question to the store; `problem` is empty when it was answered."""

    answered: threading.Event = msgspec.field(default_factory=threading.Event)
    problem: str = ""


class Reachability:
    """Asks in a thread of its own, one at a time; whoever wants to know waits no longer than `patience_seconds`."""

    def __init__(self, database: Database, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._database = database
        self._patience = patience_seconds
        self._lock = threading.Lock()
        self._question: Question | None = None

    def problem(self) -> str:
        """What is wrong with the store now; empty for nothing."""
        with self._lock:
            question = self._question
            if question is None or question.answered.is_set():
                question = self._question = Question()
                threading.Thread(target=self._ask, args=(question,), name="headwater-ping", daemon=True).start()
        if not question.answered.wait(self._patience):
            return f"the store does not answer within {self._patience:g} s"
        return question.problem

    def _ask(self, question: Question) -> None:
        try:
            self._database.ping()
        except ServiceError as error:
            question.problem = error.message
        except Exception as error:  # whatever it is, the store cannot be used
            logger.exception("The store cannot be asked")
            question.problem = f"the store cannot be asked: {error}"
        finally:
            question.answered.set()
