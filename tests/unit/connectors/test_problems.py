"""What is wrong with what people wrote, told by their own keys."""

from typing import Any, Literal

import pytest

from connectors.definition import Model, parse
from connectors.errors import ConfigurationError


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
