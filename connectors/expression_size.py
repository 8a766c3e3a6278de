"""How large a regular expression is for its engine, told before it is compiled.

The engine writes out what must come a number of times: a{1000000000} would take all memory there is. With very many
groups its time grows by their square, and no other thread runs meanwhile.
"""

import re
from collections.abc import Iterable
from math import prod

from connectors.errors import shortened

MOST_PLACES = 50_000
MOST_GROUPS = 1_000
MOST_PLACES_OF_ALL = 200_000

# With this flag white space and comments may stand everywhere, within a number too.
_VERBOSE = re.compile(r"\(\?[A-Za-z0-9-]*x")
# What groups or counts may stand in without being any: comments, and a flag that allows for sets of sets.
_DECEPTIVE = re.compile(r"\(\?#|\(\?[A-Za-z0-9-]*V")
_TOKEN = re.compile(
    r"""
      \\.                                # an escape
    | (?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])  # of characters
    | \{(?P<least>\d+)(?:,\d*)?\}        # at least so many
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
_COUNT = re.compile(r"\{(\d+)")


def require_bounded(patterns: Iterable[str]) -> None:
    """Raises ValueError where one of them, or all together, are too large to be compiled; says what to write."""
    total = 0
    for pattern in patterns:
        if _VERBOSE.search(pattern):
            msg = (
                f"{shortened(pattern)!r} has the flag x, which is not taken; write it without white space and comments"
            )
            raise ValueError(msg)
        if len(pattern) > MOST_PLACES:
            msg = (
                f"{shortened(pattern)!r} has {len(pattern)} characters, more than {MOST_PLACES}; write several patterns"
            )
            raise ValueError(msg)
        groups = pattern.count("(")
        if groups > MOST_GROUPS:
            msg = f"{shortened(pattern)!r} has {groups} groups, more than {MOST_GROUPS}; write it as several patterns"
            raise ValueError(msg)
        if (size := places(pattern)) > MOST_PLACES:
            msg = (
                f"{shortened(pattern)!r} is longer than {MOST_PLACES} characters when what it counts is written out; "
                "write + or * in place of high counts, or several patterns"
            )
            raise ValueError(msg)
        total += size
    if total > MOST_PLACES_OF_ALL:
        msg = (
            f"is longer than {MOST_PLACES_OF_ALL} characters in all when what is counted is written out; write what "
            "patterns have in common once"
        )
        raise ValueError(msg)


def places(pattern: str) -> int:
    """At most how many characters, sets and signs there are when everything counted is written out.

    What is no valid expression has a number, too: the engine says what is wrong with it.
    """
    if _DECEPTIVE.search(pattern):
        return _most(pattern)
    outer: list[int] = []
    inside = last = 0  # of the group that is open: all but what came last, and that
    for token in _TOKEN.finditer(pattern):
        if (least := token["least"]) is not None:
            last *= max(1, _number(least))
        elif (members := token["set"]) is not None:
            if "[" in members[1:]:  # another set, of a kind of signs, or where this one ends is not what it seems
                return _most(pattern)
            inside, last = inside + last, len(members) - 2
        elif token[0] == "(":
            outer.append(inside + last)
            inside = last = 0
        elif token[0] == ")":
            last = inside + last + 1
            inside = outer.pop() if outer else 0
        else:
            inside, last = inside + last, 1
    return sum(outer) + inside + last


def _most(pattern: str) -> int:
    """No less than any reading of the pattern comes to."""
    return len(pattern) * prod(max(1, _number(count)) for count in _COUNT.findall(pattern))


def _number(digits: str) -> int:
    """What they say; of what is too large anyway only that."""
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= len(str(MOST_PLACES)) else MOST_PLACES + 1
