import pytest

from service.access import limits
from service.access.limits import Limiter


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_burst_is_let_through_and_then_the_rate() -> None:
    clock = Clock()
    limiter = Limiter(2, 4, clock)
    assert [limiter.take("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]
    assert limiter.take("b") == 0
    clock.seconds = 0.5
    assert (limiter.wait("a"), limiter.take("a"), limiter.take("a")) == (0, 0, 0.5)
    clock.seconds = 100
    assert [limiter.take("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]


def test_who_is_charged_beyond_the_burst_waits_the_longer() -> None:
    clock = Clock()
    limiter = Limiter(2, 4, clock)
    for _ in range(100):
        limiter.charge("a")
    assert limiter.wait("a") == 2.5
    clock.seconds = 2.5
    assert limiter.wait("a") == 0


def test_of_very_many_callers_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_CALLERS", 2)
    limiter = Limiter(1, 1, Clock())
    assert [limiter.take(caller) for caller in ("a", "b", "c")] == [0, 0, 0]
    assert [limiter.take(caller) for caller in ("c", "b")] == [1, 1]
    assert limiter.take("a") == 0
