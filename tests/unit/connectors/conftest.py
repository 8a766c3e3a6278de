"""What every test of the framework is held to."""

import threading
from collections.abc import Iterator

import pytest


@pytest.fixture
def threads_end() -> Iterator[None]:
    """Fail the test that leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in threading.enumerate() if thread not in before]
    assert left == []
