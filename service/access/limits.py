"""How often one caller may do something, in this replica."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

import msgspec

from service import clock

MOST_CALLERS = 10_000


class _Bucket(msgspec.Struct, eq=False):
    tokens: float
    at: float


class Limiter:
    """A bucket of `burst` tokens for each caller, filled again with `per_second`; used by one thread.

    Of very many callers, those not heard of for the longest time are forgotten, so that memory is bounded.
    """

    def __init__(self, per_second: float, burst: float, now: Callable[[], float] = clock.monotonic) -> None:
        self._per_second = per_second
        self._burst = burst
        self._now = now
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def take(self, caller: Hashable) -> float:
        """Take a token if there is one; else how many seconds until there is. 0 seconds: it was taken."""
        bucket = self._filled(caller)
        if bucket.tokens < 1:
            return (1 - bucket.tokens) / self._per_second
        bucket.tokens -= 1
        return 0.0

    def charge(self, caller: Hashable) -> None:
        """Take a token even if there is none: who owes waits the longer, up to another burst."""
        bucket = self._filled(caller)
        bucket.tokens = max(bucket.tokens - 1, -self._burst)

    def wait(self, caller: Hashable) -> float:
        """How many seconds until there is a token, without taking one."""
        bucket = self._filled(caller)
        return 0.0 if bucket.tokens >= 1 else (1 - bucket.tokens) / self._per_second

    def _filled(self, caller: Hashable) -> _Bucket:
        now = self._now()
        bucket = self._buckets.setdefault(caller, _Bucket(self._burst, now))
        self._buckets.move_to_end(caller)
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._per_second)
        bucket.at = now
        return bucket
