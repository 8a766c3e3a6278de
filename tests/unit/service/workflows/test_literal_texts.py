"""Texts that are taken as they stand although they look like more."""

import pytest

from service.workflows.documents import Json
from service.workflows.literal_texts import MOST_NOTES, notes_on_texts

PASSWORD = ("source", "password")
VARIABLE = "is taken as it stands, as the service puts in no variables"


def noted(config: Json) -> tuple[str, ...]:
    """What is noted of a config with one secret."""
    return notes_on_texts(config, [PASSWORD])


@pytest.mark.parametrize("text", ["${PG_PW}", "a${b}c", "$PG_PASSWORD", "x:${_1}/y"])
def test_what_looks_like_a_variable_is_noted_and_not_repeated(text: str) -> None:
    assert noted({"source": {"password": text, "hosts": [text]}}) == (
        f"source.password {VARIABLE}: write secret:<name>",
        f"source.hosts.0 {VARIABLE}: write the value itself",
    )


@pytest.mark.parametrize("text", ["pa$word", "$5", "^x$|${", "5$$", "${}", "$lower", "x$UPPER", "secretly"])
def test_other_texts_are_not(text: str) -> None:
    assert noted({"source": {"password": text, "filter": text}}) == ()


def test_a_reference_where_no_secret_stands_is_noted() -> None:
    assert noted({"source": {"password": "secret:pg", "username": "secret:user"}}) == (
        "source.username is taken as it stands, as only secrets can be secret:<name>: write the value itself",
    )


def test_of_very_many_the_first_are_noted() -> None:
    assert len(noted({"all": ["${X}" for _ in range(1000)]})) == MOST_NOTES
