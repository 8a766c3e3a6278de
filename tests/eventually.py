"""Waiting in tests for what another thread or process does, for as long as it takes and no longer."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.02

T = TypeVar("T")


def eventually(look: Callable[[], T | None], what: str = "it comes about", seconds: float = PATIENCE_SECONDS) -> T:
    """The first answer of `look` that is neither None nor False; the test fails if there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(PAUSE_SECONDS)
