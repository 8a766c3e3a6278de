"""The table that `make bench` prints, and the page that keeps it."""

import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.running import ROOT, say

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


@dataclass(slots=True)
class Table:
    """Rows of what was measured, the figure and what it is to be; `parts` are the headings between them."""

    rows: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])

    def line(self, what: str, figure: str, goal: str = "") -> None:
        """One more row, printed at once."""
        self.rows.append((what, figure, goal))
        say(f"{what:64} {figure:>12} {goal:>12}".rstrip())

    def part(self, title: str) -> None:
        """A heading: what follows was measured together."""
        self.line(f"**{title}**", "")

    def write(self, page: Path = PAGE) -> None:
        """Put the rows in place of those that the page had."""
        before, _, rest = page.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        rows = "\n".join(f"| {what.strip()} | {figure} | {goal} |" for what, figure, goal in self.rows)
        table = f"| what | figure | goal |\n|---|---|---|\n{rows}\n"
        page.write_text(f"{before}{BEGIN}\n{circumstances()}\n\n{table}{END}{after}")


def circumstances() -> str:
    """When, where and beside what it was measured."""
    load = os.getloadavg()[1]
    busy = load > 2 * (os.cpu_count() or 1)
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with Python {platform.python_version()} on {platform.platform()}, "
        f"{os.cpu_count()} cores; at the end the load average of five minutes was {load:.1f}, "
        f"so seconds of the clock {'are those of a busy machine' if busy else 'can be taken as they are'}."
    )
