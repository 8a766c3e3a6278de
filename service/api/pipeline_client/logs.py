"""The log of a run as text in chunks, as the server pages through it."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from sqlalchemy.orm import Session

from service.errors import Invalid, Problem
from service.runs import repository as runs

CHUNK_CHARACTERS = 2_000_000
LINES_AT_ONCE = 2000


def chunk_of(lines: Iterable[str], number: int, characters: int = CHUNK_CHARACTERS) -> tuple[str, int]:
    """One chunk of a log, and how many there are; a log without a line is one empty chunk.

    Raises Invalid when there is none of this number.
    """
    begin, end = number * characters, (number + 1) * characters
    parts: list[str] = []
    total = 0
    for line in lines:
        parts.append(line[max(0, begin - total) : max(0, end - total)])
        total += len(line)
    chunks = max(1, -(-total // characters))
    if not 0 <= number < chunks:
        raise Invalid([Problem("after", f"must be between 0 and {chunks - 1}: the log has {chunks} chunks")])
    return "".join(parts), chunks


def lines_of(session: Session, run: UUID) -> Iterator[str]:
    """The lines that a run logged, each with its time and level."""
    after = 0
    while page := runs.list_logs(session, run, after, LINES_AT_ONCE):
        for line in page:
            yield f"[{line.at:%Y-%m-%dT%H:%M:%S%z}] {line.level} {line.logger} - {line.message}\n"
        after = page[-1].id
