"""When a request is sent again, and how long to wait before."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from random import SystemRandom

import msgspec

TOO_SLOW = HTTPStatus.GATEWAY_TIMEOUT
BUSY = frozenset(
    {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)
BROKEN = HTTPStatus.INTERNAL_SERVER_ERROR


class RetryPolicy(msgspec.Struct, frozen=True):
    """Exponential back-off with jitter.

    `tries` holds for a server that is away or busy. One that answers 500, or not in time, gets `few_tries`:
    the cause is mostly the request itself, which the sink then sends in smaller pieces.
    """

    tries: int = 7
    few_tries: int = 3
    first_seconds: float = 0.5
    longest_seconds: float = 20.0
    longest_asked_seconds: float = 120.0

    def delay(self, failures: int, asked: float | None) -> float:
        """Seconds to wait after so many failures in a row; what the server `asked` for counts, up to a limit."""
        backoff = min(self.longest_seconds, self.first_seconds * 2.0 ** (failures - 1))
        jittered = backoff * SystemRandom().uniform(0.5, 1.0)
        return jittered if asked is None else max(jittered, min(asked, self.longest_asked_seconds))


def asked_delay(retry_after: str | None, date: str | None) -> float | None:
    """The seconds that a Retry-After header asks for; a date is taken relative to the answer's own `date`."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    until, now = http_date(text), http_date(date or "")
    return None if until is None or now is None else max(0.0, (until - now).total_seconds())


def http_date(text: str) -> datetime | None:
    """A date as headers write it; None where it is none."""
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
