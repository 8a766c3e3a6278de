import json
from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest
from cryptography.fernet import Fernet

from service.database.engine import Database
from service.errors import Conflict, Invalid, NotFound
from service.runs import operations, repository
from service.runs.repository import automations
from service.runs.schemas import RunCreate, RunRead
from service.runs.status import RunState, Trigger
from service.workflows import repository as workflows
from service.workflows.repository import CHANNEL
from service.workflows.vault import MASK, Vault
from tests.integration.service.runs.makers import HOUR, TICK, claim, end, make, queue, read, start, states
from tests.integration.service.workflows.makers import KEY, RULES, ask, hearing


def run_now(database: Database, key: str | None = None, **overrides: object) -> RunRead:
    with database.session() as session:
        wanted = RunCreate.model_validate({"overrides": overrides, "priority": 4})
        return RunRead.of(operations.run_now(session, "shop", wanted, RULES, key))


class TestRunNow:
    def test_a_run_by_hand(self, database: Database) -> None:
        make(database)
        run = run_now(database)
        assert (run.trigger, run.priority, run.overrides, run.scheduled_for) == (Trigger.MANUAL, 4, {}, None)

    def test_overrides_hold_for_this_run_and_hide_their_secrets(self, database: Database) -> None:
        make(database)
        run = run_now(database, source={"type": "mysql", "password": "hunter9"}, threads=8)
        assert run.connector == "mysql"
        assert run.overrides == {"source": {"type": "mysql", "password": MASK}, "threads": 8}
        assert "hunter" not in json.dumps(ask(database, "select row_to_json(r) from runs r"))
        [claimed] = claim(database)
        config, secrets = claimed.definition(RULES.vault)
        assert config == {"source": {"type": "mysql", "password": "hunter9"}, "threads": 8}
        assert secrets == ["hunter2", "hunter9"]

    def test_the_outcome_is_checked_like_a_definition(self, database: Database) -> None:
        make(database)
        with pytest.raises(Invalid, match=r"^overrides\.source\.type: there is no connector"):
            run_now(database, source={"type": "nope"})
        with pytest.raises(Invalid, match=r"^overrides\.source\.password: "):
            run_now(database, source={"password": MASK})
        assert states(database) == []

    def test_an_idempotency_key_is_honoured(self, database: Database) -> None:
        make(database)
        assert run_now(database, "k") == run_now(database, "k")

    def test_an_idempotency_key_is_of_one_request(self, database: Database) -> None:
        make(database)
        run = run_now(database, "k", threads=8)
        assert run_now(database, "k", threads=8) == run
        with pytest.raises(Conflict, match=f"was used before, for run {run.id}"):
            run_now(database, "k", threads=9)

    def test_a_key_whose_run_cannot_be_read_any_more_is_another_run_s(self, database: Database) -> None:
        make(database)
        run = run_now(database, "k", source={"type": "mysql", "password": "hunter9"})
        others = msgspec.structs.replace(RULES, vault=Vault([Fernet.generate_key().decode()]))
        with database.session() as session, pytest.raises(Conflict, match=f"was used before, for run {run.id}"):
            operations.run_now(session, "shop", RunCreate(), others, "k")

    def test_a_workflow_that_is_not_there_is_named(self, database: Database) -> None:
        with pytest.raises(NotFound, match="no workflow 'shop'"):
            run_now(database)


class TestRetry:
    def test_the_newest_revision_runs_with_the_same_overrides(self, database: Database) -> None:
        make(database)
        old = run_now(database, threads=8)
        [claimed] = claim(database)
        end(database, claimed.lease, RunState.FAILED)
        with database.session() as session:
            new = RunRead.of(operations.retry(session, old.id))
        assert new.id != old.id
        assert (new.trigger, new.overrides, new.priority, new.attempt) == (Trigger.RETRY, {"threads": 8}, 4, 0)
        assert new.connector == "postgres"

    def test_it_is_a_run_of_the_connector_that_was_overridden(self, database: Database) -> None:
        make(database)
        old = run_now(database, source={"type": "mysql"})
        [claimed] = claim(database)
        end(database, claimed.lease, RunState.FAILED)
        with database.session() as session:
            assert RunRead.of(operations.retry(session, old.id)).connector == "mysql"

    def test_a_run_that_goes_on_is_a_conflict(self, database: Database) -> None:
        make(database)
        run_id = queue(database)
        with pytest.raises(Conflict, match="it is still queued"), database.session() as session:
            operations.retry(session, run_id)

    def test_so_is_one_whose_workflow_was_deleted(self, database: Database) -> None:
        make(database)
        lease = start(database)
        end(database, lease)
        with database.session() as session:
            operations.delete_workflow(session, "shop")
        make(database)
        with pytest.raises(Conflict, match="was deleted"), database.session() as session:
            operations.retry(session, lease.run_id)
        with pytest.raises(NotFound), database.session() as session:
            operations.retry(session, uuid4())


def test_a_backfill_makes_the_missing_runs_one_after_another(database: Database) -> None:
    make(database, enabled=False)
    instants = [TICK + HOUR * number for number in range(3)]
    with database.session() as session:
        assert len(operations.backfill(session, "shop", instants[:2])) == 2
        assert len(operations.backfill(session, "shop", instants)) == 1
    assert states(database) == ["queued"] * 3
    seen: list[object] = []
    while claimed := claim(database):
        seen += [one.scheduled_for for one in claimed]
        end(database, claimed[0].lease)
    assert seen == instants
    with pytest.raises(NotFound), database.session() as session:
        operations.backfill(session, "nope", instants)


def test_deleting_a_workflow_cancels_what_is_active_and_keeps_history(database: Database) -> None:
    make(database, policy={"overlap": "queue"})
    running, waiting = start(database), queue(database)
    with hearing(database, CHANNEL, repository.CANCEL_CHANNEL) as heard, database.session() as session:
        operations.delete_workflow(session, "shop")
    assert heard == [(repository.CANCEL_CHANNEL, str(running.run_id)), (CHANNEL, "shop")]
    assert read(database, waiting).state is RunState.CANCELLED
    assert read(database, running.run_id).cancel_reason == "the workflow was deleted"
    with database.session() as session:
        assert repository.renew(session, "w1", {running.run_id: running.token}, 30) == {
            running.run_id: "the workflow was deleted"
        }
    assert end(database, running, RunState.CANCELLED)
    assert ask(database, "select distinct workflow, workflow_id from runs") == [("shop", None)]
    with pytest.raises(NotFound), database.session() as session:
        operations.delete_workflow(session, "shop")


def test_an_old_key_can_be_dropped_once_all_secrets_are_under_the_new_one(database: Database) -> None:
    make(database)
    make(database, "open", config={"source": {"type": "mysql"}})
    run_now(database, source={"password": "hunter9"})
    make(database, "gone", config={"source": {"type": "mysql", "password": "hunter5"}, "ingestionPipelineFQN": "s.p"})
    gone = queue(database, "gone")
    with database.session() as session:
        operations.delete_workflow(session, "gone")
        workflows.store_secret(session, "token", RULES.vault.encrypt("hunter3"))
        order = RULES.vault.seal({"name": "t", "token": "hunter7"}, [("token",)])
        automations.note(session, order, timedelta())
    new = Fernet.generate_key().decode()
    with database.session() as session:
        assert operations.reseal(session, Vault([new, KEY])) == 6
    rows = ask(database, "select row_to_json(w), row_to_json(v) from workflows w, workflow_revisions v")
    assert "hunter" not in json.dumps(rows)
    vault = Vault([new])
    with database.session() as session:
        workflow = workflows.get(session, "shop")
        assert vault.open(workflow.config)["source"] == {"type": "postgres", "password": "hunter2"}
        vault.open(workflows.get_revision(session, workflow, 1).snapshot)
        assert vault.decrypt(workflows.find_secret(session, "token") or b"") == "hunter3"
        kept = repository.get(session, gone).last_config or {}
        assert vault.open(kept)["source"] == {"type": "mysql", "password": "hunter5"}
        [lost] = automations.take_lost(session)
        assert vault.open(lost.document) == {"name": "t", "token": "hunter7"}
    [claimed] = claim(database)
    config, _ = claimed.definition(vault)
    assert config["source"] == {"type": "postgres", "password": "hunter9"}
    with pytest.raises(Invalid, match="HEADWATER_SECRET_KEY does not have"), database.session() as session:
        operations.reseal(session, RULES.vault)
