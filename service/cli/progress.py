"""How a run looks on a terminal: a line that moves while it goes on, a table at its end."""

import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TextIO

from connectors.report import Report

REFRESH_SECONDS = 0.2
LOG_SECONDS = 5.0
OUTCOMES = ("written", "unchanged", "filtered", "failed", "deleted")


@contextmanager
def shown(report: Report, stream: TextIO | None = None) -> Generator[None]:
    """While inside, show the progress: rewritten in place on a terminal, a line now and then elsewhere."""
    target = sys.stderr if stream is None else stream
    done = threading.Event()
    thread = threading.Thread(target=_show, args=(report, target, done), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _show(report: Report, target: TextIO, done: threading.Event) -> None:
    live = target.isatty()
    while not done.wait(REFRESH_SECONDS if live else LOG_SECONDS):
        line = progress_line(report)
        target.write(f"\r\x1b[K{line}" if live else f"{line}\n")
        target.flush()
    target.write(f"\r\x1b[K{progress_line(report)}\n" if live else f"{progress_line(report)}\n")
    target.flush()


def progress_line(report: Report) -> str:
    """Processed and expected items of each entity type, in the order they were met."""
    parts = [
        f"{entity} {processed}" + (f"/{expected}" if expected is not None else "")
        for entity, (processed, expected) in report.snapshot_progress().items()
    ]
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
