"""How many may be gone at once."""

import pytest

from connectors.sinks.deletions import ALWAYS_DELETED, DeletionPolicy

ANY = DeletionPolicy()


@pytest.mark.parametrize("seen", [1, 39])
def test_a_few_are_believed_whatever_their_share(seen: int) -> None:
    assert not ANY.refusal(ALWAYS_DELETED, seen, holds=True)


def test_more_are_believed_up_to_their_share() -> None:
    assert not ANY.refusal(ALWAYS_DELETED + 1, 4 * (ALWAYS_DELETED + 1))
    assert ANY.refusal(ALWAYS_DELETED + 1, 4 * (ALWAYS_DELETED + 1) - 1) == "that is more than 20 %"


@pytest.mark.parametrize(("stale", "holds", "refused"), [(1, False, False), (1, True, True), (2, False, True)])
def test_that_none_is_left_is_believed_of_the_only_one_in_which_nothing_lies(
    stale: int, holds: bool, refused: bool
) -> None:
    assert bool(ANY.refusal(stale, 0, holds=holds)) is refused


def test_a_share_of_nothing_and_of_all_are_taken_at_their_word() -> None:
    assert DeletionPolicy(max_percent=0).refusal(1, 0) == "that is more than 0 %"
    assert not DeletionPolicy(max_percent=100).refusal(1000, 0, holds=True)
