"""What becomes of a run by how its attempt ended."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import (
    ConfigurationError,
    ConnectorError,
    FatalError,
    RunCancelled,
    SinkUnavailable,
    SourceUnavailable,
)
from connectors.ingestion import Result
from service.errors import Unavailable
from service.execution.outcome import (
    JITTER,
    MAX_DELAY_SECONDS,
    TIMED_OUT,
    Disowned,
    Finished,
    GivenBack,
    TryAgain,
    of_error,
    of_result,
    redacted,
    retry_delay,
)
from service.execution.stopping import Stop
from service.runs.status import RunState
from service.workflows.schemas import Policy

RUN = UUID(int=7)
POLICY = Policy(max_attempts=3, retry_delay_seconds=10)
WRONG = ConfigurationError.at("source", "is wrong")
ERRORS = (
    WRONG,
    FatalError("x"),
    SourceUnavailable("x"),
    SinkUnavailable("x"),
    RunCancelled("x"),
    ConnectorError("x"),
    KeyError("x"),
    SystemExit(1),
    MemoryError(),
    Unavailable("x"),
)


@given(
    delay=st.floats(0, 86400),
    backoff=st.floats(1, 10),
    attempt=st.integers(1, 100),
    run_id=st.builds(uuid4),
)
def test_delays_grow_within_bounds_and_are_the_same_everywhere(
    delay: float, backoff: float, attempt: int, run_id: UUID
) -> None:
    policy = Policy(retry_delay_seconds=delay, retry_backoff=backoff)
    waits = [retry_delay(policy, run_id, number) for number in (attempt, attempt + 1)]
    plain = [min(delay * backoff ** (number - 1), MAX_DELAY_SECONDS) for number in (attempt, attempt + 1)]
    assert waits == [retry_delay(policy, run_id, number) for number in (attempt, attempt + 1)]
    assert all(low <= wait <= low * (1 + JITTER) for low, wait in zip(plain, waits, strict=True))


def test_runs_that_fail_together_do_not_come_back_together() -> None:
    assert len({retry_delay(POLICY, uuid4(), 1) for _ in range(100)}) > 90


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("attempt", [1, 3])
def test_who_stopped_it_decides_first(error: BaseException, attempt: int) -> None:
    assert of_error(error, Stop.LEASE_LOST, POLICY, RUN, attempt) == Disowned()
    assert of_error(error, Stop.SHUTDOWN, POLICY, RUN, attempt) == GivenBack()
    cancelled = of_error(error, Stop.USER, POLICY, RUN, attempt)
    assert isinstance(cancelled, Finished)
    assert cancelled.state is RunState.CANCELLED


@pytest.mark.parametrize("error", ERRORS)
def test_what_a_retry_may_mend_is_tried_as_often_as_the_policy_says(error: BaseException) -> None:
    first, last = (of_error(error, None, POLICY, RUN, attempt) for attempt in (1, 3))
    assert isinstance(last, Finished)
    assert last.state is RunState.FAILED
    if isinstance(error, ConfigurationError | FatalError):
        assert first == last
    else:
        assert isinstance(first, TryAgain)
        assert 10 <= first.delay_seconds <= 11
        assert first.error == last.error


@pytest.mark.parametrize(
    ("error", "title", "detail"),
    [
        (WRONG, "The definition cannot be run", "source: is wrong"),
        (RunCancelled("timed out after 5 s"), TIMED_OUT, "timed out after 5 s"),
        (KeyError("k"), "The run broke off", "KeyError: 'k'"),
        (Unavailable("no"), "The store of the service does not answer", "Unavailable: no"),
        (MemoryError(), "The service has run out of memory", "MemoryError: no message"),
    ],
)
def test_errors_are_told_in_words(error: BaseException, title: str, detail: str) -> None:
    outcome = of_error(error, None, Policy(max_attempts=1), RUN, 1)
    assert isinstance(outcome, Finished)
    assert outcome.error is not None
    assert (outcome.error.title, outcome.error.detail) == (title, detail)
    assert str(outcome) == f"failed: {title}: {detail}"


@pytest.mark.parametrize(
    ("result", "state"),
    [(Result.SUCCEEDED, "succeeded"), (Result.PARTIAL, "partial"), (Result.FAILED, "failed")],
)
def test_a_run_that_came_to_its_end(result: Result, state: str) -> None:
    outcome = of_result(result, 4)
    assert isinstance(outcome, Finished)
    assert outcome.state.value == state
    assert (outcome.error is None) == (result is Result.SUCCEEDED)
    assert outcome.error is None or "4 entities" in outcome.error.detail


def test_secrets_are_hidden() -> None:
    def hide(text: str) -> str:
        return text.replace("pw", "*")

    again = of_error(SourceUnavailable("pw!", "try pw"), None, POLICY, RUN, 1)
    hidden = redacted(again, hide)
    assert isinstance(hidden, TryAgain)
    assert (hidden.error.detail, hidden.error.advice) == ("*!", "try *")
    assert "pw" not in str(hidden)
    for outcome in (GivenBack(), Disowned(), Finished(RunState.SUCCEEDED)):
        assert redacted(outcome, hide) == outcome
    assert (str(GivenBack()), str(Finished(RunState.SUCCEEDED))) == ("given back to the queue", "succeeded")
