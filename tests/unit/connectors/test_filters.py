import re
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import filters, registry
from connectors.definition import FilterPattern
from connectors.errors import FatalError
from connectors.expressions import matcher
from connectors.filters import Filter, compile_filter

WORDS = st.text(alphabet="abcXYZ_.09", max_size=6)
PATTERNS = st.lists(WORDS.map(re.escape), max_size=3)


@pytest.mark.parametrize(
    ("includes", "excludes", "name", "kept"),
    [
        ([], [], "anything", True),
        ([], [], "", True),
        (["^sales"], [], "sales", True),
        (["sales"], [], "sales_2024", True),
        (["sales"], [], "presales", False),
        (["^sales$"], [], "sales_2024", False),
        (["SALES"], [], "sales", True),
        (["sales"], [], "SaLeS", True),
        (["straße"], [], "STRASSE", False),
        (["élan"], [], "ÉLAN", True),
        ([".*tmp"], [], "a_tmp", True),
        ([], ["tmp"], "tmp_1", False),
        ([], ["tmp"], "a_tmp", True),
        ([], [".*tmp"], "a_TMP", False),
        (["sales"], ["sales_old"], "sales_old_1", False),
        (["sales"], ["sales_old"], "sales_new", True),
        (["a", "b"], [], "b1", True),
        (["a", "b"], [], "c1", False),
        ([], ["x"], "", False),
        (["x"], [], "", False),
        ([".*"], [], "", False),
        ([""], [], "anything", True),
        ([], [""], "anything", False),
        (["a|b"], [], "banana", True),
        (["a$"], [], "a\n", True),
        ([r"svc\.shop\."], [], "svc.shop.public", True),
        ([r"svc\.shop\."], [], "svcxshop.public", False),
    ],
)
def test_keeps(includes: list[str], excludes: list[str], name: str, kept: bool) -> None:
    assert compile_filter(includes, excludes).keeps(name) is kept


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'\(' is not a valid regular expression"):
        compile_filter(["("], []).keeps("a")


@given(PATTERNS, PATTERNS, WORDS)
def test_it_is_what_the_definition_says(includes: list[str], excludes: list[str], name: str) -> None:
    def starts_with_one_of(patterns: list[str]) -> bool:
        plain = [re.sub(r"\\(.)", r"\1", pattern).lower() for pattern in patterns]
        return any(name.lower().startswith(text) for text in plain)

    expected = (not includes and not excludes) or (
        bool(name) and not starts_with_one_of(excludes) and (not includes or starts_with_one_of(includes))
    )
    assert compile_filter(includes, excludes).keeps(name) is expected


@given(PATTERNS, PATTERNS, WORDS)
def test_case_never_matters(includes: list[str], excludes: list[str], name: str) -> None:
    chosen = compile_filter(includes, excludes)
    assert chosen.keeps(name.upper()) is chosen.keeps(name.lower())


@given(PATTERNS, PATTERNS, WORDS)
def test_exclude_wins_over_include(includes: list[str], excludes: list[str], name: str) -> None:
    if not compile_filter([], excludes).keeps(name):
        assert not compile_filter(includes, excludes).keeps(name)


@given(WORDS)
def test_without_patterns_everything_is_kept(name: str) -> None:
    assert Filter().keeps(name)


def test_a_pattern_that_never_comes_to_an_end_is_named() -> None:
    hopeless = compile_filter([], ["(a|a)*$"])
    assert hopeless.keeps("b")
    with pytest.raises(FatalError, match=r"takes more than 0\.5 s on the name") as caught:
        hopeless.keeps("a" * 60 + "b")
    assert "(a|a)*$" in caught.value.message
    assert "repetition" in (caught.value.advice or "")


def test_the_default_patterns_of_connectors_compile() -> None:
    models = [model for name in registry.names() for model in (registry.get(name).config, registry.get(name).options)]
    defaults = [info.default for model in models for info in model.model_fields.values()]
    patterns = [
        text for each in defaults if isinstance(each, FilterPattern) for text in (*each.includes, *each.excludes)
    ]
    assert "^template1$" in patterns
    for text in patterns:
        matcher(text)


def test_patterns_are_compiled_once_however_many_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Counter[str]()

    def counting(text: str) -> Callable[[str], bool]:
        made[text] += 1
        return matcher(text)

    monkeypatch.setattr(filters, "matcher", counting)
    many = compile_filter([], [f"tmp_{number}$" for number in range(3000)])
    assert made == {}
    assert [many.keeps(name) for name in ("tmp_2999", "kept", "tmp_0")] == [False, True, False]
    assert set(made.values()) == {1}
