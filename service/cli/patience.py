"""Requests to a service that may be starting, restarting or busy."""

from threading import Event

import httpx

from connectors.errors import SinkUnavailable
from service.clock import monotonic

LOOK_SECONDS = 1.0
# Who asks too often may go on by and by, however little time the service is given to start.
BUSY_SECONDS = 60.0
BUSY = 429
AWAY = frozenset({502, 503, 504})


class Patience:
    """Sends requests again while the service is away, in `seconds` all in all; any request may be sent twice."""

    def __init__(self, seconds: float) -> None:
        self._until = monotonic() + seconds
        self._pause = Event()

    def send(self, client: httpx.Client, request: httpx.Request) -> httpx.Response:
        """The answer; the last one when time is over. Raises SinkUnavailable when there is none."""
        busy_until = max(self._until, monotonic() + BUSY_SECONDS)
        while True:
            try:
                answer = client.send(request)
            except httpx.TransportError as error:
                if self._is_over(self._until, LOOK_SECONDS):
                    message = f"no service answers at {client.base_url}: {error}"
                    advice = "start it with `headwater serve`, or name its address with --url"
                    raise SinkUnavailable(message, advice) from error
                continue
            until = busy_until if answer.status_code == BUSY else self._until
            if answer.status_code not in AWAY | {BUSY} or self._is_over(until, _asked_to_wait(answer)):
                return answer

    def _is_over(self, until: float, seconds: float) -> bool:
        """Whether there is no time to wait so long; else it is waited."""
        if monotonic() + seconds > until:
            return True
        self._pause.wait(seconds)
        return False


def _asked_to_wait(answer: httpx.Response) -> float:
    given = answer.headers.get("retry-after", "")
    # Not less than a while: one that is away may well say 0.
    return max(LOOK_SECONDS, float(given)) if given.isdecimal() else LOOK_SECONDS
