"""Regular expressions as users write them, compiled once.

Their engine is loaded with the first pattern that is asked for: with those of a connector's defaults, when the source
has answered.
"""

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module

KEPT = 1000  # compiled patterns, of the runs of a service


@lru_cache(KEPT)
def compiled(text: str) -> Callable[[str], bool]:
    """Tells whether the pattern matches at the start of a name, whatever the case; FatalError if that takes too long.

    Raises:
        ValueError: It is not a regular expression; says why.
    """
    made: Callable[[str], Callable[[str], bool]] = import_module("connectors.expression_engine").matcher
    return made(text)
