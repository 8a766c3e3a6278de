"""OpenMetadata's include and exclude patterns.

A pattern matches at the start of the name, whatever the case. Exclude wins over include; a list of
includes drops what none of them matches; an empty name is dropped as soon as there is any pattern.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Filter:
    """Compiled patterns; keeps everything when it has none."""

    includes: tuple[re.Pattern[str], ...] = ()
    excludes: tuple[re.Pattern[str], ...] = ()

    def keeps(self, name: str) -> bool:
        """Whether an entity of this name is to be ingested."""
        if not self.includes and not self.excludes:
            return True
        if not name or any(pattern.match(name) for pattern in self.excludes):
            return False
        return not self.includes or any(pattern.match(name) for pattern in self.includes)


def compile_filter(includes: Iterable[str], excludes: Iterable[str]) -> Filter:
    """Compile patterns that were validated with the definition they stand in.

    Raises:
        re.error: One of them is not a regular expression.
    """

    def compiled(patterns: Iterable[str]) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(text, re.IGNORECASE) for text in patterns)

    return Filter(compiled(includes), compiled(excludes))
