from collections.abc import Iterator

import pytest

from tests.integration.service.scheduling.clock import DatabaseClock


@pytest.fixture
def clock(database_url: str) -> Iterator[DatabaseClock]:
    """The clock of `database`; ask for it first."""
    clock = DatabaseClock(database_url)
    yield clock
    clock.close()
