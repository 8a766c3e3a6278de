"""What every test of the framework is held to."""

import threading
from collections.abc import Iterator

import pytest

SECONDS_TO_END = 1.0


@pytest.fixture
def threads_end() -> Iterator[None]:
    """Fail the test that leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:
        thread.join(SECONDS_TO_END)
    assert [thread.name for thread in left if thread.is_alive()] == []
