from datetime import timedelta

from service.database.engine import Database
from service.runs import repository
from service.runs.repository import WorkerIdentity
from tests.integration.service.workflows.makers import ask

FIRST = WorkerIdentity("host-1", "host", 1, ["default"], 4)
SECOND = WorkerIdentity("host-2", "host", 2, ["default", "big"], 2)


def known(database: Database) -> list[str]:
    with database.session() as session:
        return [row.id for row in repository.list_workers(session)]


def test_workers_come_beat_and_go(database: Database) -> None:
    for worker in (FIRST, SECOND):
        with database.session() as session:
            repository.beat(session, worker)
    ask(database, "update workers set seen_at = now() - interval '1 hour'")
    with database.session() as session:
        repository.beat(session, SECOND)
        rows = {row.id: row for row in repository.list_workers(session)}
    assert rows["host-2"].seen_at > rows["host-2"].started_at > rows["host-1"].started_at
    assert (rows["host-2"].pools, rows["host-2"].slots, rows["host-2"].pid) == (["default", "big"], 2, 2)
    with database.session() as session:
        assert repository.forget_workers(session, timedelta(hours=2)) == 0
        assert repository.forget_workers(session, timedelta(minutes=1)) == 1
    assert known(database) == ["host-2"]
    with database.session() as session:
        repository.leave(session, "host-2")
        repository.leave(session, "host-2")
    assert known(database) == []
