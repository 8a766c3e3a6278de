"""A terminal to look at."""

import io
import re

CONTROL = re.compile(r"\r\x1b\[(\d+)A\x1b\[J")


class Terminal(io.StringIO):
    """A stream that is one."""

    def isatty(self) -> bool:
        """Yes."""
        return True

    def seen(self) -> list[str]:
        """The lines that are on it."""
        lines: list[str] = []
        first, *rest = CONTROL.split(self.getvalue())
        lines += first.splitlines()
        for up, text in zip(rest[::2], rest[1::2], strict=True):
            assert int(up) <= len(lines)
            lines = [*lines[: len(lines) - int(up)], *text.splitlines()]
        return lines
