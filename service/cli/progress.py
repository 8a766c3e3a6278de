"""How a run looks while it goes on, a table at its end."""

import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

from connectors.report import Report
from service import logs
from service.cli.screen import LineFormatter, Screen

REFRESH_SECONDS = 0.2
LOG_SECONDS = 5.0
BAR_WIDTH = 24
CONNECTING = "connecting ..."
OUTCOMES = ("written", "unchanged", "filtered", "failed", "deleted")


def talking(level: str) -> Screen:
    """Where a run is talked about from now on: stderr, which gets its log lines of this level too."""
    screen, debug = Screen(sys.stderr), level == "DEBUG"
    # Other packages' lines count as ours only for somebody who looks for an error.
    logs.configure("DEBUG" if debug else "WARNING", screen, LineFormatter(tracebacks=debug))
    return screen


@contextmanager
def shown(report: Report, screen: Screen) -> Generator[None]:
    """While inside, show the progress: a line per entity type, redrawn, on a terminal; elsewhere one now and then."""
    done = threading.Event()
    thread = threading.Thread(target=_show, args=(report, screen, done), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _show(report: Report, screen: Screen, done: threading.Event) -> None:
    while not done.wait(REFRESH_SECONDS if screen.live else LOG_SECONDS):
        screen.draw(_lines(report, screen))
    screen.draw(_lines(report, screen))
    screen.release()


def _lines(report: Report, screen: Screen) -> list[str]:
    return progress_lines(report) if screen.live else [progress_line(report)]


def progress_lines(report: Report) -> list[str]:
    """One line for each entity type, in the order they were met: a bar where it is known how many there are."""
    progress = report.snapshot_progress()
    width = max(map(len, progress), default=0)
    return [f"{entity:{width}}  {_state(*state)}" for entity, state in progress.items()] or [CONNECTING]


def _state(processed: int, expected: int | None) -> str:
    if not expected:
        return f"{'':{BAR_WIDTH + 2}}  {processed}"
    done = min(BAR_WIDTH, BAR_WIDTH * processed // expected)
    return f"[{'#' * done:-<{BAR_WIDTH}}]  {processed}/{expected}"


def progress_line(report: Report) -> str:
    """Processed and expected items of each entity type, in the order they were met."""
    parts = [
        f"{entity} {processed}" + (f"/{expected}" if expected is not None else "")
        for entity, (processed, expected) in report.snapshot_progress().items()
    ]
    return "  ".join(parts) or CONNECTING


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
