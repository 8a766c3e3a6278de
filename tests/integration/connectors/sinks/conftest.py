"""A fake server and a run against it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_openmetadata import FakeOpenMetadata
from tests.integration.connectors.sinks.harness import Run


@pytest.fixture
def fake() -> Iterator[FakeOpenMetadata]:
    with FakeOpenMetadata() as fake:
        yield fake


@pytest.fixture
def run(fake: FakeOpenMetadata, tmp_path: Path) -> Iterator[Run]:
    """A run that must not leave a thread of its own behind; what a failed test leaves is not the next one's fault."""
    run = Run(fake, tmp_path)
    yield run
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("sink-")]
    for sink in run.sinks:
        sink.abort()
    assert left == []
