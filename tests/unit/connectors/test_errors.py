import copy

import pytest

from connectors.errors import (
    ConfigurationError,
    ConnectorError,
    FatalError,
    Problem,
    RunCancelled,
    SinkUnavailable,
    SkipEntity,
    SourceUnavailable,
    advice_of,
    cause_of,
)

PROBLEMS = (Problem("source.type", "is required"), Problem("", "is no definition"))
PLAIN = [ConnectorError, SourceUnavailable, SinkUnavailable, FatalError, SkipEntity, RunCancelled]


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("advice", [None, "try later"])
def test_an_error_travels_to_another_process(kind: type[ConnectorError], advice: str | None) -> None:
    arrived: ConnectorError = copy.copy(kind("it is down", advice))
    assert type(arrived) is kind
    assert (arrived.message, arrived.advice, str(arrived)) == ("it is down", advice, "it is down")


def test_a_configuration_error_travels_with_its_problems() -> None:
    arrived = copy.copy(ConfigurationError(PROBLEMS))
    assert type(arrived) is ConfigurationError
    assert arrived.problems == PROBLEMS
    assert str(arrived) == "source.type: is required; is no definition"


def test_problems_move_below_a_prefix() -> None:
    moved = ConfigurationError(PROBLEMS).under("config")
    assert moved.problems == (
        Problem("config.source.type", "is required"),
        Problem("config", "is no definition"),
    )


def test_one_problem_at_one_path() -> None:
    assert ConfigurationError.at("sink.type", "is unknown").problems == (Problem("sink.type", "is unknown"),)


def test_problems_may_come_from_a_generator() -> None:
    error = ConfigurationError(problem for problem in PROBLEMS)
    assert error.problems == PROBLEMS


@pytest.mark.parametrize(
    ("error", "cause", "advice"),
    [
        (SourceUnavailable("it is down", "start it"), "it is down", "start it"),
        (SourceUnavailable(""), "SourceUnavailable: no message", None),
        (ValueError(" bad value "), "ValueError: bad value", None),
        (KeyError("orders"), "KeyError: 'orders'", None),
        (ZeroDivisionError(), "ZeroDivisionError: no message", None),
    ],
)
def test_what_a_failure_says(error: BaseException, cause: str, advice: str | None) -> None:
    assert cause_of(error) == cause
    assert advice_of(error) == advice


class Unspeakable(Exception):
    """As a driver's error that asks a closed connection for its message."""

    def __str__(self) -> str:
        raise AttributeError(self.args)


def test_an_error_that_cannot_say_what_it_is_is_named() -> None:
    assert cause_of(Unspeakable()) == "Unspeakable: it cannot say what went wrong"


@pytest.mark.parametrize(
    ("count", "shown", "beyond"),
    [(100, 100, None), (101, 101, "1 more problem of"), (90_000, 101, "89900 more problems of")],
)
def test_of_many_problems_the_first_are_told_and_how_many_there_are(count: int, shown: int, beyond: str | None) -> None:
    error = ConfigurationError(Problem(f"k{number}", "is not known") for number in range(count)).under("config")
    assert len(error.shown) == shown
    assert len(str(error).split("; ")) == shown + (beyond is not None)
    assert error.shown[99] == Problem("config.k99", "is not known")
    if beyond is not None:
        assert error.shown[-1].path == ""
        assert error.shown[-1].message.startswith(beyond)
