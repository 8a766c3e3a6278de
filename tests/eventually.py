"""Waiting in tests for what another thread or process does, for as long as it takes and no longer."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_SECONDS = 60.0
# Each look costs the one who answers: the longer it has taken, the less a moment more matters.
PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.2
PAUSE_SHARE = 0.2

T = TypeVar("T")


def eventually(look: Callable[[], T | None], what: str = "it comes about", seconds: float = PATIENCE_SECONDS) -> T:
    """The first answer of `look` that is true, so not an empty list either; the test fails if there is none in time."""
    began = time.monotonic()
    while True:
        found = look()
        if found:
            return found
        waited = time.monotonic() - began
        assert waited < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(min(max(PAUSE_SECONDS, PAUSE_SHARE * waited), LONGEST_PAUSE_SECONDS))
