"""Readiness does not wait for a store that hangs."""

import threading
from typing import TYPE_CHECKING, cast

from service.database.reachability import Reachability
from service.errors import Unavailable
from tests.eventually import eventually

if TYPE_CHECKING:
    from service.database.engine import Database


class Store:
    """Answers, refuses or hangs."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.refusal: Exception | None = None
        self.asked = 0

    def ping(self) -> None:
        self.asked += 1
        self.answers.wait()
        if self.refusal is not None:
            raise self.refusal


def reachability(store: Store) -> Reachability:
    return Reachability(cast("Database", store), 0.1)


def test_a_store_that_answers() -> None:
    assert reachability(Store()).problem() == ""


def test_a_store_that_refuses() -> None:
    store = Store()
    store.refusal = Unavailable("the store is away")
    asked = reachability(store)
    assert asked.problem() == "the store is away"
    store.refusal = KeyError("what")
    assert "cannot be asked" in asked.problem()


def test_a_store_that_hangs_is_asked_once_and_not_waited_for() -> None:
    store = Store()
    store.answers.clear()
    asked = reachability(store)
    assert [asked.problem() for _ in range(3)] == ["the store does not answer within 0.1 s"] * 3
    assert store.asked == 1
    store.answers.set()
    eventually(lambda: asked.problem() == "")
