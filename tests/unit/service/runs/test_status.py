import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Conflict
from service.runs.status import ACTIVE, MOVES, TERMINAL, AttemptOutcome, RunState, is_terminal, move

STATES = st.sampled_from(RunState)


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(RunState)
    assert set(RunState) == ACTIVE | TERMINAL
    assert not ACTIVE & TERMINAL


@given(STATES, STATES)
def test_a_move_is_made_or_refused_by_name(current: RunState, wanted: RunState) -> None:
    if wanted in MOVES[current]:
        assert move(current, wanted) is wanted
    else:
        with pytest.raises(Conflict, match=f"{current} cannot become {wanted}"):
            move(current, wanted)


@given(STATES, STATES)
def test_terminal_states_are_final(current: RunState, wanted: RunState) -> None:
    assert is_terminal(current) == (not MOVES[current])
    if is_terminal(current):
        with pytest.raises(Conflict):
            move(current, wanted)


@given(st.lists(STATES, max_size=30))
def test_no_walk_skips_running_or_comes_back_from_an_end(wishes: list[RunState]) -> None:
    walked = [RunState.QUEUED]
    for wish in wishes:
        if wish in MOVES[walked[-1]]:
            walked.append(move(walked[-1], wish))
    assert not any(is_terminal(state) for state in walked[:-1])
    assert RunState.SKIPPED not in walked
    if walked[-1] in {RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED}:
        assert walked[-2] is RunState.RUNNING


@pytest.mark.parametrize("state", sorted(TERMINAL - {RunState.SKIPPED}))
def test_an_end_is_also_an_outcome_of_its_attempt(state: RunState) -> None:
    assert AttemptOutcome(state.value).value == state.value
