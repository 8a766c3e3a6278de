import json
from datetime import timedelta
from typing import Any

import pytest

from service.database.engine import Database
from service.errors import Conflict, Invalid, NotFound
from service.workflows import operations, repository
from service.workflows.documents import value_at
from service.workflows.operations import Rules
from service.workflows.schedule import AnySchedule
from service.workflows.schemas import RevisionRead, WorkflowCreate, WorkflowPatch, WorkflowRead, read_policy
from service.workflows.vault import MASK, Vault
from tests.integration.service.workflows.makers import (
    PASSWORD,
    RULES,
    SmallChecker,
    ask,
    config_of,
    definition_of,
    hearing,
    make_workflow,
)

DAILY = {"cron": "0 2 * * *"}
HOURLY = {"cron": "0 * * * *"}
CHANNEL = repository.CHANNEL


def patch(database: Database, changes: dict[str, Any], rules: Rules = RULES) -> operations.Stored:
    with database.session() as session:
        return operations.patch(session, "shop", WorkflowPatch.model_validate(changes), rules)


def apply(database: Database, **fields: object) -> operations.Stored:
    with database.session() as session:
        return operations.apply(session, definition_of(**fields), RULES)


def password_of(database: Database) -> object:
    with database.session() as session:
        return value_at(RULES.vault.open(repository.get(session, "shop").config), PASSWORD)


def rewind(database: Database) -> None:
    """Move the cursor of all workflows a day back."""
    ask(database, "update workflows set tick_cursor = tick_cursor - interval '1 day'")


class TestCreate:
    def test_a_definition_is_stored_as_its_first_revision(self, database: Database) -> None:
        with hearing(database, CHANNEL) as heard, database.session() as session:
            stored = make_workflow(session, schedule=DAILY, labels={"team": "data"}, description="the shop")
        read = WorkflowRead.of(stored.row)
        assert (stored.change, stored.notes) == ("created", ("checked",))
        assert (read.name, read.connector, read.revision, read.enabled) == ("shop", "postgres", 1, True)
        assert read.config == {"source": {"type": "postgres", "password": MASK}, "threads": 1}
        assert read.created_at == read.updated_at == stored.row.tick_cursor
        assert heard == [(CHANNEL, "shop")]
        with database.session() as session:
            revision = RevisionRead.of(repository.get_revision(session, stored.row, 1))
        assert (revision.config, revision.schedule, revision.labels) == (read.config, read.schedule, read.labels)

    def test_literal_secrets_never_reach_the_store(self, database: Database) -> None:
        with database.session() as session:
            make_workflow(session)
        patch(database, {"config": {"source": {"password": "hunter3"}}})
        rows = ask(database, "select row_to_json(w), row_to_json(r) from workflows w, workflow_revisions r")
        assert len(rows) == 2
        assert "hunter" not in json.dumps(rows)
        assert password_of(database) == "hunter3"

    def test_a_taken_name_is_a_conflict(self, database: Database) -> None:
        with database.session() as session:
            make_workflow(session)
        again = pytest.raises(Conflict, match="already a workflow 'shop'")
        with hearing(database, CHANNEL) as heard, again, database.session() as session:
            make_workflow(session)
        assert heard == []

    def test_faults_name_the_whole_path(self, database: Database) -> None:
        with (
            pytest.raises(Invalid, match=r"^config\.source\.type: there is no connector"),
            database.session() as session,
        ):
            make_workflow(session, config=config_of(type="oracle8"))
        with pytest.raises(Invalid, match=r"^config\.source\.password: \*+ means"), database.session() as session:
            make_workflow(session, config=config_of(password=MASK))

    def test_without_a_key_a_literal_is_refused_and_a_reference_is_not(self, database: Database) -> None:
        keyless = Rules(SmallChecker(), Vault())
        with pytest.raises(Invalid, match=r"^config\.source\.password: .*HEADWATER_SECRET_KEY"):
            operations.check(definition_of(), keyless)
        with database.session() as session:
            definition = definition_of(config=config_of(password="secret:shop"))
            row = operations.create(session, definition, keyless).row
        assert value_at(WorkflowRead.of(row).config, PASSWORD) == "secret:shop"

    def test_the_schedule_is_checked_by_who_knows_schedules(self, database: Database) -> None:
        def refuse(_: AnySchedule) -> None:
            raise Invalid([])

        rules = Rules(SmallChecker(), RULES.vault, refuse)
        with database.session() as session:
            operations.create(session, definition_of(), rules)
        with pytest.raises(Invalid):
            patch(database, {"schedule": DAILY}, rules)


class TestApply:
    def test_it_creates_then_leaves_alone_then_changes(self, database: Database) -> None:
        assert apply(database, schedule=DAILY).change == "created"
        with hearing(database, CHANNEL) as heard:
            again = apply(database, schedule=DAILY)
        assert (again.change, again.row.revision, heard) == ("unchanged", 1, [])
        with hearing(database, CHANNEL) as heard:
            changed = apply(database, schedule=HOURLY)
        assert (changed.change, changed.row.revision, heard) == ("changed", 2, [(CHANNEL, "shop")])
        assert changed.row.updated_at > changed.row.created_at

    @pytest.mark.parametrize(
        "change",
        [
            {"description": "x"},
            {"labels": {"a": "b"}},
            {"enabled": False},
            {"schedule": HOURLY},
            {"policy": {"priority": 1}},
            {"config": config_of(password="other")},
            {"config": config_of(type="mysql")},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_every_change_makes_a_revision(self, database: Database, change: dict[str, Any]) -> None:
        apply(database)
        assert apply(database, **change).row.revision == 2
        assert apply(database, **change).change == "unchanged"

    def test_what_was_read_can_be_sent_back(self, database: Database) -> None:
        read = WorkflowRead.of(apply(database, schedule=DAILY, labels={"a": "b"}).row).model_dump(mode="json")
        sent = {key: read[key] for key in WorkflowCreate.model_fields}
        assert apply(database, **sent).change == "unchanged"
        assert password_of(database) == "hunter2"

    def test_enabled_left_out_does_not_resume(self, database: Database) -> None:
        apply(database, schedule=DAILY)
        with database.session() as session:
            operations.pause(session, "shop")
        assert apply(database, schedule=DAILY).change == "unchanged"
        assert not apply(database, schedule=HOURLY).row.enabled
        assert apply(database, schedule=HOURLY, enabled=True).row.enabled

    def test_a_lost_key_is_mended_by_setting_the_secrets_anew(self, database: Database) -> None:
        apply(database)
        other = Rules(SmallChecker(), Vault(["A" * 43 + "="]))
        with pytest.raises(Invalid, match=r"^config\.source\.password: was sealed with a key"):
            patch(database, {"description": "x"}, other)
        with database.session() as session:
            assert operations.apply(session, definition_of(), other).change == "changed"
        assert patch(database, {"description": "x"}, other).change == "changed"


class TestPatch:
    def test_only_what_is_named_changes(self, database: Database) -> None:
        apply(database, schedule=DAILY, labels={"a": "1", "b": "2"}, policy={"priority": 5, "maxAttempts": 2})
        row = patch(
            database,
            {
                "labels": {"a": None, "c": "3"},
                "policy": {"priority": 6, "timeoutSeconds": None},
                "config": {"source": {"type": "mysql"}, "threads": None, "extra": 1},
            },
        ).row
        read = WorkflowRead.of(row)
        assert read.labels == {"b": "2", "c": "3"}
        policy = read_policy(row.policy)
        assert (policy.priority, policy.max_attempts, policy.timeout_seconds) == (6, 2, None)
        assert read.config == {"source": {"type": "mysql", "password": MASK}, "threads": 1, "extra": 1}
        assert (read.connector, read.schedule is not None, read.revision) == ("mysql", True, 2)
        assert password_of(database) == "hunter2"

    def test_null_makes_it_on_demand(self, database: Database) -> None:
        apply(database, schedule=DAILY)
        assert patch(database, {}).change == "unchanged"
        assert patch(database, {"schedule": None}).row.schedule is None
        assert WorkflowRead.of(patch(database, {"schedule": {"intervalSeconds": 5}}).row).schedule is not None

    def test_the_whole_is_checked(self, database: Database) -> None:
        apply(database)
        with pytest.raises(Invalid, match=r"^policy\.maxAttempts: "):
            patch(database, {"policy": {"maxAttempts": 0}})
        with pytest.raises(NotFound, match="no workflow 'nope'"), database.session() as session:
            operations.patch(session, "nope", WorkflowPatch(), RULES)


class TestRollback:
    def test_an_earlier_revision_becomes_the_newest(self, database: Database) -> None:
        apply(database, schedule=DAILY)
        apply(database, schedule=HOURLY, config=config_of(password="other"), description="x")
        with database.session() as session:
            operations.pause(session, "shop")
        with database.session() as session:
            stored = operations.rollback(session, "shop", 1, RULES)
        read = WorkflowRead.of(stored.row)
        assert (stored.change, read.revision, read.description, read.enabled) == ("changed", 3, "", False)
        assert read.model_dump(mode="json")["schedule"]["cron"] == "0 2 * * *"
        assert password_of(database) == "hunter2"

    def test_to_what_it_is_already_changes_nothing(self, database: Database) -> None:
        apply(database)
        with database.session() as session:
            assert operations.rollback(session, "shop", 1, RULES).change == "unchanged"
        with pytest.raises(NotFound, match="no revision 7; its last is 1"), database.session() as session:
            operations.rollback(session, "shop", 7, RULES)


class TestPauseAndResume:
    def test_they_flip_the_schedule_and_make_no_revision(self, database: Database) -> None:
        apply(database, schedule=DAILY)
        rewind(database)
        with hearing(database, CHANNEL) as heard, database.session() as session:
            paused = operations.pause(session, "shop", "maintenance")
        assert (paused.enabled, paused.paused_reason, paused.revision) == (False, "maintenance", 1)
        assert heard == [(CHANNEL, "shop")]
        ask(database, "update workflows set consecutive_failures = 3")
        with hearing(database, CHANNEL) as heard, database.session() as session:
            resumed = operations.resume(session, "shop")
        assert (resumed.enabled, resumed.paused_reason, resumed.consecutive_failures) == (True, None, 0)
        assert heard == [(CHANNEL, "shop")]

    def test_ticks_missed_while_paused_are_left_behind(self, database: Database) -> None:
        created = apply(database, schedule=DAILY).row.tick_cursor
        with database.session() as session:
            operations.pause(session, "shop")
        rewind(database)
        with database.session() as session:
            assert operations.resume(session, "shop").tick_cursor > created
        rewind(database)
        with database.session() as session:
            still = operations.resume(session, "shop").tick_cursor
        assert still < created, "one that was not paused keeps its place"

    @pytest.mark.parametrize("change", [{"schedule": HOURLY}, {"enabled": True}])
    def test_so_are_those_of_another_schedule(self, database: Database, change: dict[str, Any]) -> None:
        created = apply(database, schedule=DAILY, enabled=False).row.tick_cursor
        rewind(database)
        assert patch(database, change).row.tick_cursor > created

    def test_other_changes_keep_the_place(self, database: Database) -> None:
        created = apply(database, schedule=DAILY).row.tick_cursor
        rewind(database)
        assert patch(database, {"description": "x"}).row.tick_cursor == created - timedelta(days=1)


def test_delete_forgets_the_definition_and_its_revisions(database: Database) -> None:
    apply(database)
    with hearing(database, CHANNEL) as heard, database.session() as session:
        operations.delete(session, "shop")
    assert heard == [(CHANNEL, "shop")]
    assert ask(database, "select count(*) from workflow_revisions") == [(0,)]
    with pytest.raises(NotFound), database.session() as session:
        operations.delete(session, "shop")
