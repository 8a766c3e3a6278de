"""How a run looks on a terminal: a live line per entity type while it goes on, a table at its end."""

import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TextIO

from connectors.report import Report

REFRESH_SECONDS = 0.2
LOG_SECONDS = 5.0
BAR_WIDTH = 24
OUTCOMES = ("written", "unchanged", "filtered", "failed", "deleted")


@contextmanager
def shown(report: Report, stream: TextIO | None = None) -> Generator[None]:
    """While inside, show the progress: drawn anew in place on a terminal, a line now and then elsewhere."""
    target = sys.stderr if stream is None else stream
    done = threading.Event()
    show = _draw if target.isatty() else _tell
    thread = threading.Thread(target=show, args=(report, target, done), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _draw(report: Report, target: TextIO, done: threading.Event) -> None:
    drawn, ended = 0, False
    while not ended:
        ended = done.wait(REFRESH_SECONDS)
        lines = progress_lines(report)
        up = f"\x1b[{drawn}A" if drawn else ""
        target.write(up + "".join(f"\r\x1b[K{line}\n" for line in lines))
        target.flush()
        drawn = len(lines)


def _tell(report: Report, target: TextIO, done: threading.Event) -> None:
    ended = False
    while not ended:
        ended = done.wait(LOG_SECONDS)
        target.write(f"{progress_line(report)}\n")
        target.flush()


def progress_lines(report: Report) -> list[str]:
    """A line for each entity type, in the order they were met, with a bar where it is known how many are to come."""
    steps = report.snapshot_progress()
    width = max(map(len, steps), default=0)
    lines = [
        f"{entity.ljust(width)}  {_bar(processed, expected)}  {_share(processed, expected)}"
        for entity, (processed, expected) in steps.items()
    ]
    return lines or ["connecting ..."]


def _bar(processed: int, expected: int | None) -> str:
    filled = BAR_WIDTH if not expected else min(BAR_WIDTH, BAR_WIDTH * processed // expected)
    return "█" * filled + "░" * (BAR_WIDTH - filled)


def _share(processed: int, expected: int | None) -> str:
    return str(processed) if expected is None else f"{processed}/{expected}"


def progress_line(report: Report) -> str:
    """Processed and expected items of each entity type, in the order they were met."""
    steps = report.snapshot_progress().items()
    parts = [f"{entity} {_share(processed, expected)}" for entity, (processed, expected) in steps]
    return "  ".join(parts) or "connecting ..."


def summary_table(report: Report, seconds: float) -> str:
    """What became of the entities of each type, and of the latest failures."""
    rows = [("entity", *OUTCOMES)]
    counted = report.snapshot_counts().items()
    rows += [(entity, *(str(counts.get(outcome, 0)) for outcome in OUTCOMES)) for entity, counts in counted]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(_aligned(row, widths)) for row in rows]
    lines.append(f"{seconds:.2f} s, {time.process_time():.2f} s of CPU")
    for failure in report.failures:
        lines.append(f"failed: {failure.entity} {failure.name} at {failure.stage}: {failure.cause}")
        if failure.advice:
            lines.append(f"        {failure.advice}")
    return "\n".join(lines)


def _aligned(row: tuple[str, ...], widths: list[int]) -> list[str]:
    name, *numbers = row
    return [name.ljust(widths[0]), *(number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True))]
