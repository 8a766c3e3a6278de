"""Clients that create, replace and delete one name at the same time."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier

from service.database.engine import Database
from service.errors import NotFound
from service.workflows import operations
from tests.integration.service.workflows.makers import RULES, definition_of

ROUNDS, APPLIERS, DELETERS = 30, 4, 3


def test_applying_never_finds_that_there_is_no_workflow(database: Database) -> None:
    together = Barrier(APPLIERS + DELETERS)

    def apply(client: int) -> list[str]:
        together.wait()
        return [one(f"{client} {number}") for number in range(ROUNDS)]

    def one(description: str) -> str:
        with database.session() as session:
            return operations.apply(session, definition_of(description=description), RULES).change

    def delete() -> None:
        together.wait()
        for _ in range(ROUNDS):
            with suppress(NotFound), database.session() as session:
                operations.delete(session, "shop")

    with ThreadPoolExecutor(APPLIERS + DELETERS) as clients:
        deleted = [clients.submit(delete) for _ in range(DELETERS)]
        applied = list(clients.map(apply, range(APPLIERS)))
        for one_client in deleted:
            one_client.result()
    changes = [change for made in applied for change in made]
    assert len(changes) == APPLIERS * ROUNDS
    assert "created" in changes
