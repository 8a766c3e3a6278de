"""Regular expressions as users write them.

Their engine is loaded with the first one that is asked for: with those of a connector's defaults, when the source
has answered.
"""

from collections.abc import Callable
from importlib import import_module


def matcher(text: str) -> Callable[[str], bool]:
    """Tells whether the pattern matches at the start of a name, whatever the case; FatalError if that takes too long.

    Raises:
        ValueError: It is not a regular expression; says why.
    """
    made: Callable[[str], Callable[[str], bool]] = import_module("connectors.expression_engine").matcher
    return made(text)
