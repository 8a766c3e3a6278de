"""Regular expressions as users write them, by an engine that can be stopped.

The standard library's cannot: one pattern like (a|a)*$ would hold every thread of the process. This one is loaded with
the first pattern that is asked for, which those of a connector's defaults are when the source has answered.
"""

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from connectors.errors import FatalError

if TYPE_CHECKING:
    import regex

LONGEST_SECONDS = 0.5
KEPT = 1000  # compiled patterns, of the runs of a service


@lru_cache(KEPT)
def compiled(text: str) -> "regex.Pattern[str]":
    """The pattern, whatever the case.

    Raises:
        ValueError: It is not a regular expression; says why.
    """
    engine = import_module("regex")
    try:
        return engine.compile(text, engine.IGNORECASE)
    except (engine.error, OverflowError, RecursionError) as error:
        msg = f"{text!r} is not a valid regular expression: {error}"
        raise ValueError(msg) from error


def matches(text: str, name: str) -> bool:
    """Whether the pattern matches at the start of a name.

    Raises:
        FatalError: It takes too long to tell.
    """
    try:
        return compiled(text).match(name, timeout=LONGEST_SECONDS) is not None
    except TimeoutError as error:
        message = f"the filter pattern {text!r} takes more than {LONGEST_SECONDS:g} s on the name {name!r}"
        raise FatalError(message, "write it without a repetition inside of a repetition") from error
