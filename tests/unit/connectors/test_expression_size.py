"""Patterns that would take all memory, or all time, to be compiled are refused before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.definition import FilterPattern
from connectors.expression_size import MOST_GROUPS, MOST_PLACES, MOST_PLACES_OF_ALL, places, require_bounded

Expression = tuple[str, int]
# What is written out, and how long that is.
ATOMS = [("a", 1), (".", 1), (r"\d", 1), ("[a-z]", 3), ("[({]", 2), ("[^]x]", 3), (r"\{", 1), (r"\(", 1), (r"\[", 1)]
HUGE = [
    "a{1000000000}",
    "a{0000000001000000}",
    "a{1000000000,}",
    "(?:(?:(?:a{100}){100}){100}){100}",
    r"(?:\(a{1000}){1000}",
    "(?:a{4000}[(]b){1000}",
    "(?:a{4000}[[:alpha:](]b){1000}[[:alpha:])]",
    "[[:foo:]a{1000000}]",
    "[[]a{1000000}]",
    f"[{''.join(map(chr, range(0x4E00, 0x4E00 + 9000)))}]{{9000}}",
    "(?V1)(?:a{4000}[[x](]b){1000}[[y])]",
    "(?#[)a{1000000}(?#])",
]


def repeated(one: Expression, times: int) -> Expression:
    return f"(?:{one[0]}){{{times}}}", (one[1] + 3) * times


def in_a_row(parts: list[Expression]) -> Expression:
    return "".join(text for text, _ in parts), sum(size for _, size in parts)


EXPRESSIONS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4).map(in_a_row) | st.builds(repeated, inner, st.integers(1, 12))
    ),
    max_leaves=20,
)


@given(EXPRESSIONS)
def test_it_is_the_length_of_what_is_written_out(expression: Expression) -> None:
    text, size = expression
    assert places(text) == size


@pytest.mark.parametrize("pattern", HUGE)
def test_a_pattern_that_would_take_all_memory_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match=f"is longer than {MOST_PLACES} characters when what it counts"):
        FilterPattern.model_validate({"includes": [pattern]})


@pytest.mark.parametrize("pattern", ["(?x)a{1 0 0 0 0 0 0 0}", "(?ix)#[\na{1000000}#]", "(?x:a{1\n0000000})"])
def test_a_pattern_with_white_space_in_it_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match="has the flag x, which is not taken"):
        FilterPattern.model_validate({"includes": [pattern]})


def test_a_pattern_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValidationError, match=f"has {MOST_PLACES + 1} characters, more than {MOST_PLACES}"):
        FilterPattern.model_validate({"includes": ["a" * (MOST_PLACES + 1)]})


def test_a_pattern_of_very_many_groups_is_refused() -> None:
    with pytest.raises(ValidationError, match=f"has {MOST_GROUPS + 1} groups, more than {MOST_GROUPS}"):
        FilterPattern.model_validate({"excludes": ["()" * (MOST_GROUPS + 1)]})


def test_patterns_that_are_too_many_are_refused() -> None:
    many = ["abcde"] * (MOST_PLACES_OF_ALL // 5)
    require_bounded(many)
    with pytest.raises(ValidationError, match=f"is longer than {MOST_PLACES_OF_ALL} characters in all"):
        FilterPattern.model_validate({"includes": [*many, "x"]})


@pytest.mark.parametrize(
    "pattern",
    [
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        r"^sales_\d{4}_\d{2}$",
        "^[a-z(]+[)]{1,2}$",
        r"^tmp\[(\d{4})(\d{2})(\d{2})\]_[a-f0-9]{32}$",
        r"^part_\d{4}_\d{2}_\d{2}_[({]\w{32}$",
        r"x{0,1000000}",
        "|".join(f"table_{number}" for number in range(4000)),
    ],
)
def test_what_people_write_is_taken(pattern: str) -> None:
    assert FilterPattern.model_validate({"includes": [pattern]}).includes == (pattern,)
