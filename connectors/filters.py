"""OpenMetadata's include and exclude patterns.

A pattern matches at the start of the name, whatever the case. Exclude wins over include; a list of
includes drops what none of them matches; an empty name is dropped as soon as there is any pattern.
"""

from collections.abc import Sequence

import msgspec

from connectors.expressions import compiled


class Filter(msgspec.Struct, frozen=True):
    """Patterns, validated with the definition they stand in; keeps everything when it has none."""

    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    def keeps(self, name: str) -> bool:
        """Whether an entity of this name is to be ingested.

        Raises:
            FatalError: A pattern takes too long to tell.
        """
        if not self.includes and not self.excludes:
            return True
        if not name or any(compiled(pattern)(name) for pattern in self.excludes):
            return False
        return not self.includes or any(compiled(pattern)(name) for pattern in self.includes)


EVERYTHING = Filter()


def compile_filter(includes: Sequence[str], excludes: Sequence[str]) -> Filter:
    """What these patterns keep; they are compiled with the first name."""
    return Filter(tuple(includes), tuple(excludes)) if includes or excludes else EVERYTHING
