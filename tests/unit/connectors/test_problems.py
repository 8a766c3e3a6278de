"""What is wrong with what people wrote, told by their own keys."""

from typing import Any, Literal, cast

import pytest
from pydantic import Field

from connectors.definition import Model, parse
from connectors.errors import ConfigurationError
from connectors.problems import LONGEST, LONGEST_DOCUMENT, too_long


class Login(Model):
    """One way."""

    username: str
    password: str


class Token(Model):
    """Another."""

    token: str
    kind: Literal["a", "b"] = "a"


class Connection(Model):
    """Where one of them is given."""

    auth_type: Login | Token
    others: tuple[Login | Token, ...] = ()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"authType": {"username": "u"}}, ["authType.password: is required"]),
        ({"authType": {"token": "t", "kind": "c"}}, ["authType.kind: must be 'a' or 'b'"]),
        (
            {"authType": {"user": "u"}},
            [
                "authType.username: is required",
                "authType.password: is required",
                "authType.user: is not a known key; correct or remove it",
            ],
        ),
        ({"authType": "u"}, ["authType: must be an object of keys and values"]),
        ({"authType": {"token": "t"}, "others": [{"username": "u"}]}, ["others.0.password: is required"]),
        ({}, ["authType: is required"]),
        ({"authType": {"token": "t"}, "Other": 1}, ["Other: is not a known key; correct or remove it"]),
    ],
)
def test_the_way_that_was_meant_is_told_of(given: dict[str, Any], told: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(Connection, given)
    assert [str(problem) for problem in caught.value.problems] == told


class Tuned(Model):
    """A way with arguments of a driver."""

    arguments: dict[str, str | int | float | bool] = Field(default_factory=dict[str, str | int | float | bool])
    options: dict[str, int | str] = Field(default_factory=dict[str, int | str])
    ratio: float | bool = 1.0


class Tunable(Model):
    """Where that is one of two ways."""

    way: Tuned | Login


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"arguments": {"a": ["x"]}}, ["arguments.a: must be a text, a number, or true or false"]),
        (
            {"arguments": {"a": {}, "str": [1], "ok": 1}},
            [
                "arguments.a: must be a text, a number, or true or false",
                "arguments.str: must be a text, a number, or true or false",
            ],
        ),
        ({"options": {"int": None, "ok": "1"}}, ["options.int: must be a text or a whole number"]),
        ({"ratio": "x"}, ["ratio: must be a number or true or false"]),
        (
            {"options": [], "ratio": []},
            ["options: must be an object of keys and values", "ratio: must be a number or true or false"],
        ),
    ],
)
def test_a_value_that_may_be_several_is_told_of_once(given: dict[str, Any], told: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(Tuned, given)
    assert [str(problem) for problem in caught.value.problems] == told
    with pytest.raises(ConfigurationError) as caught:
        parse(Tunable, {"way": given}, "at")
    assert [str(problem) for problem in caught.value.problems] == [f"at.way.{problem}" for problem in told]


@pytest.mark.parametrize(
    ("given", "longest"),
    [
        ({"certificates": ["", "TEXT"]}, LONGEST_DOCUMENT),
        ({"sslKey": [["TEXT"]]}, LONGEST_DOCUMENT),
        ({"hosts": ["TEXT"]}, LONGEST),
        ({"sslKey": {"host": "TEXT"}}, LONGEST),
        (["TEXT"], LONGEST),
    ],
)
def test_a_text_in_a_list_may_be_as_long_as_the_lists_name_lets_it(given: object, longest: int) -> None:
    def filled(value: Any, length: int) -> Any:
        if isinstance(value, dict):
            return {key: filled(item, length) for key, item in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [filled(item, length) for item in cast("list[Any]", value)]
        return "x" * length if value else ""

    assert list(too_long(filled(given, longest), "")) == []
    [problem] = too_long(filled(given, longest + 1), "")
    assert problem.message.endswith(f"write at most {longest}")
