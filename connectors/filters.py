"""OpenMetadata's include and exclude patterns.

A pattern matches at the start of the name, whatever the case. Exclude wins over include; a list of
includes drops what none of them matches; an empty name is dropped as soon as there is any pattern.
"""

from collections.abc import Sequence

from connectors.expressions import matcher
from connectors.once import Once


class Filter:
    """Patterns that were validated with their definition, compiled with the first name; without any, it keeps all."""

    def __init__(self, includes: Sequence[str] = (), excludes: Sequence[str] = ()) -> None:
        self._keeps_all = not includes and not excludes
        self._matchers = Once(lambda: (tuple(map(matcher, includes)), tuple(map(matcher, excludes))))

    def keeps(self, name: str) -> bool:
        """Whether an entity of this name is to be ingested.

        Raises:
            FatalError: A pattern takes too long to tell.
        """
        if self._keeps_all:
            return True
        includes, excludes = self._matchers()
        if not name or any(matches(name) for matches in excludes):
            return False
        return not includes or any(matches(name) for matches in includes)


EVERYTHING = Filter()


def compile_filter(includes: Sequence[str], excludes: Sequence[str]) -> Filter:
    """What these patterns keep."""
    return Filter(includes, excludes) if includes or excludes else EVERYTHING
