"""One request as often as it is worth sending, to an OpenMetadata server or a system with a REST API."""

import threading
from collections.abc import Callable, Mapping

import httpx
import msgspec

from connectors.cancellation import Cancellation
from connectors.errors import RunCancelled
from connectors.http.answers import Answer
from connectors.http.retry import BROKEN, BUSY, TOO_SLOW, RetryPolicy, asked_delay
from connectors.http.sockets import Sockets


class Trouble(msgspec.Struct, frozen=True):
    """Why one try brought nothing, and how often it is worth trying."""

    reason: str
    tries: int
    asked: float | None = None
    answer: Answer | None = None
    too_slow: bool = False


class GivenUp(msgspec.Struct, frozen=True):
    """No answer after all tries, or after those for which there was time."""

    trouble: Trouble
    failures: int

    def __str__(self) -> str:
        times = "once" if self.failures == 1 else f"{self.failures} times"
        return f"is not available (tried {times}): {self.trouble.reason}"


def is_busy(answer: Answer) -> bool:
    """Whether the server asks, by its status, to be asked again later."""
    return answer.status in BUSY


class Attempts:
    """Thread-safe. The tries of one client's requests, and the waits between them, which a cancel breaks off."""

    def __init__(self, policy: RetryPolicy, cancellation: Cancellation) -> None:
        self._policy = policy
        self._cancellation = cancellation
        self._abandoned = threading.Event()
        self.sockets = Sockets()

    def abandon(self) -> None:
        """Break off every request and every wait; there will be no more."""
        self._abandoned.set()
        self.sockets.break_off()

    def check(self) -> None:
        """Raise RunCancelled once the run or the client stops."""
        self._cancellation.check()
        if self._abandoned.is_set():
            message = "the run has ended"
            raise RunCancelled(message)

    def pause(self, seconds: float) -> None:
        """Wait, unless the run or the client stops, which raises RunCancelled."""
        self._abandoned.wait(seconds)
        self.check()

    def made(self, once: Callable[[], Answer | Trouble], again: Callable[[Trouble, float], None]) -> Answer | GivenUp:
        """What comes of `once`, called until it brings an answer; `again` hears of each wait, in seconds.

        A server that goes on answering 500 has answered. Raises RunCancelled.
        """
        failures = 0
        while True:
            outcome = once()
            if isinstance(outcome, Answer):
                return outcome
            failures += 1
            delay = self._policy.delay(failures, outcome.asked)
            remaining = self._cancellation.remaining()
            if failures >= outcome.tries or (remaining is not None and delay >= remaining):
                self.check()
                if outcome.answer is not None and outcome.answer.status == BROKEN:
                    return outcome.answer
                return GivenUp(outcome, failures)
            again(outcome, delay)
            self.pause(delay)

    def timeout(self, connect_seconds: float, read_seconds: float) -> httpx.Timeout:
        """How long one try may wait for a connection and for each part of an answer: not past the end of the run."""
        remaining = self._cancellation.remaining()
        patience = read_seconds if remaining is None else min(read_seconds, remaining + 0.1)
        return httpx.Timeout(patience, connect=min(connect_seconds, patience), pool=None)

    def judged(
        self, answer: Answer, headers: Mapping[str, str], busy: Callable[[Answer], bool] = is_busy
    ) -> Answer | Trouble:
        """The answer, if it is one for good."""
        if not busy(answer) and answer.status != BROKEN:
            return answer
        too_slow = answer.status == TOO_SLOW
        tries = self._policy.few_tries if too_slow or answer.status == BROKEN else self._policy.tries
        asked = asked_delay(headers.get("retry-after"), headers.get("date"))
        return Trouble(f"it answers {answer.status}: {answer.message()}", tries, asked, answer, too_slow)

    def missed(self, error: httpx.RequestError, connect_seconds: float, too_slow: str) -> Trouble:
        """What a try without an answer means; `too_slow` says it of a server that was not in time."""
        if isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout):
            return Trouble(too_slow, self._policy.few_tries, too_slow=True)
        if isinstance(error, httpx.ConnectTimeout):
            return Trouble(f"no connection within {connect_seconds:g} s", self._policy.tries)
        return Trouble(str(error) or type(error).__name__, self._policy.tries)
