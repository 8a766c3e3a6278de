"""The engine of the regular expressions that users write: one that can be stopped.

The standard library's cannot: one pattern like (a|a)*$ would hold every thread of the process.
"""

from collections.abc import Callable

import regex

from connectors.errors import FatalError, shortened

LONGEST_SECONDS = 0.5


def matcher(text: str) -> Callable[[str], bool]:
    """Tells whether the pattern matches at the start of a name, whatever the case; see `expressions`."""
    try:
        pattern = regex.compile(text, regex.IGNORECASE)
    except (regex.error, OverflowError, RecursionError) as error:
        msg = f"{shortened(text)!r} is not a valid regular expression: {error}"
        raise ValueError(msg) from error

    def matches(name: str) -> bool:
        try:
            return pattern.match(name, timeout=LONGEST_SECONDS) is not None
        except TimeoutError as error:
            message = (
                f"the filter pattern {shortened(text)!r} takes more than {LONGEST_SECONDS:g} s on the name {name!r}"
            )
            raise FatalError(message, "write it without a repetition inside of a repetition") from error

    return matches
