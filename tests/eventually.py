"""Waiting in tests for what another thread or process does, for as long as it takes and no longer."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.02

T = TypeVar("T")


def eventually(look: Callable[[], T | None], what: str = "it comes about", seconds: float = PATIENCE_SECONDS) -> T:
    """The first true answer of `look`; the test fails if there is none in time."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(PAUSE_SECONDS)
    return found
