"""OpenMetadata's include and exclude patterns.

A pattern matches at the start of the name, whatever the case. Exclude wins over include; a list of
includes drops what none of them matches; an empty name is dropped as soon as there is any pattern.
"""

from collections.abc import Sequence

import msgspec
import regex

from connectors.errors import FatalError

# The standard library's engine cannot be stopped: one pattern like (a|a)*$ would hold every thread of the process.
LONGEST_SECONDS = 0.5


class Filter(msgspec.Struct, frozen=True):
    """Compiled patterns; keeps everything when it has none."""

    includes: tuple[regex.Pattern[str], ...] = ()
    excludes: tuple[regex.Pattern[str], ...] = ()

    def keeps(self, name: str) -> bool:
        """Whether an entity of this name is to be ingested.

        Raises:
            FatalError: A pattern takes too long to tell.
        """
        if not self.includes and not self.excludes:
            return True
        if not name or any(_matches(pattern, name) for pattern in self.excludes):
            return False
        return not self.includes or any(_matches(pattern, name) for pattern in self.includes)


EVERYTHING = Filter()


def compile_filter(includes: Sequence[str], excludes: Sequence[str]) -> Filter:
    """Compile patterns that were validated with the definition they stand in.

    Raises:
        regex.error: One of them is not a regular expression.
    """

    def compiled(patterns: Sequence[str]) -> tuple[regex.Pattern[str], ...]:
        return tuple(regex.compile(text, regex.IGNORECASE) for text in patterns)

    return Filter(compiled(includes), compiled(excludes)) if includes or excludes else EVERYTHING


def _matches(pattern: regex.Pattern[str], name: str) -> bool:
    try:
        return pattern.match(name, timeout=LONGEST_SECONDS) is not None
    except TimeoutError as error:
        message = f"the filter pattern {pattern.pattern!r} takes more than {LONGEST_SECONDS:g} s on the name {name!r}"
        raise FatalError(message, "write it without a repetition inside of a repetition") from error
