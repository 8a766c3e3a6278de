"""The one clock."""

from datetime import UTC

from service import clock


def test_now_knows_its_zone() -> None:
    assert clock.now().tzinfo is UTC


def test_monotonic_never_goes_back() -> None:
    assert clock.monotonic() <= clock.monotonic()
