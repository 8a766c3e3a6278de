"""How often one request is tried."""

import pytest

from connectors.cancellation import Cancellation
from connectors.errors import RunCancelled
from connectors.http.answers import Answer
from connectors.http.attempts import Attempts, GivenUp, Trouble
from connectors.http.retry import RetryPolicy

AT_ONCE = RetryPolicy(tries=4, few_tries=2, first_seconds=0.001)
DONE = Answer(200, b"{}")


def outcomes(attempts: Attempts, *given: Answer | Trouble) -> tuple[Answer | GivenUp, list[str]]:
    """What comes of tries that end like this, and the reasons of those that were made again."""
    coming = iter(given)
    reasons: list[str] = []
    return attempts.made(lambda: next(coming), lambda trouble, _delay: reasons.append(trouble.reason)), reasons


def test_tries_until_there_is_an_answer() -> None:
    trouble = Trouble("away", tries=3)
    assert outcomes(Attempts(AT_ONCE, Cancellation()), trouble, trouble, DONE) == (DONE, ["away", "away"])


def test_gives_up_after_as_many_tries_as_the_last_trouble_is_worth() -> None:
    last = Trouble("too slow", tries=2)
    found, reasons = outcomes(Attempts(AT_ONCE, Cancellation()), Trouble("away", tries=4), last, DONE)
    assert (found, reasons) == (GivenUp(last, 2), ["away"])
    assert str(found) == "is not available (tried 2 times): too slow"


def test_gives_up_where_no_time_is_left_to_wait() -> None:
    found, reasons = outcomes(Attempts(AT_ONCE, Cancellation(5)), Trouble("busy", tries=4, asked=60.0), DONE)
    assert (str(found), reasons) == ("is not available (tried once): busy", [])


def test_one_that_goes_on_answering_500_has_answered() -> None:
    attempts = Attempts(AT_ONCE, Cancellation())
    broken = Answer(500, b'{"message": "null pointer"}')
    trouble = attempts.judged(broken, {})
    assert isinstance(trouble, Trouble)
    assert outcomes(attempts, trouble, trouble, DONE)[0] is broken


@pytest.mark.parametrize(
    ("status", "tries", "too_slow"), [(429, 4, False), (502, 4, False), (503, 4, False), (504, 2, True)]
)
def test_a_busy_server_is_asked_again_when_it_wants(status: int, tries: int, too_slow: bool) -> None:
    trouble = Attempts(AT_ONCE, Cancellation()).judged(Answer(status, b""), {"retry-after": "7"})
    assert isinstance(trouble, Trouble)
    assert (trouble.tries, trouble.asked, trouble.too_slow) == (tries, 7.0, too_slow)


@pytest.mark.parametrize("status", [200, 302, 401, 404, 501])
def test_other_answers_are_for_good(status: int) -> None:
    answer = Answer(status, b"")
    assert Attempts(AT_ONCE, Cancellation()).judged(answer, {}) is answer


def test_an_abandoned_one_waits_no_more() -> None:
    attempts = Attempts(RetryPolicy(), Cancellation())
    attempts.abandon()
    with pytest.raises(RunCancelled, match="the run has ended"):
        outcomes(attempts, Trouble("away", tries=3, asked=100.0), DONE)


def test_no_try_waits_past_the_end_of_the_run() -> None:
    timeout = Attempts(AT_ONCE, Cancellation(2)).timeout(connect_seconds=10, read_seconds=300)
    assert timeout.connect == timeout.read
    assert timeout.read is not None
    assert timeout.read <= 2.1
