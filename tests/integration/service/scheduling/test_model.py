"""Random edits, firings by two replicas, crashes and clock moves, against a model that says which ticks have a run.

The model knows what a tick is by asking of every minute whether it is one, and nothing of cursors in a database, locks
or transactions: a replica's firing counts if since its look nobody considered the workflow's ticks, changed its
schedule, or switched it off.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from service.database.engine import Database
from service.runs import operations as run_operations
from service.scheduling.firing import Look
from tests.integration.service.scheduling.clock import DatabaseClock
from tests.integration.service.scheduling.makers import crash, edit, make, pause, resume, see, store
from tests.integration.service.workflows.makers import ask

# The evening before clocks are set back in Berlin.
BEGIN = datetime(2026, 10, 24, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GRACE, LIMIT = 60, 3
BERLIN = ZoneInfo("Europe/Berlin")


def in_berlin(tick: datetime) -> bool:
    local = tick.astimezone(BERLIN)
    return (local.hour, local.minute, local.fold) == (2, 30, 0)


@dataclass(frozen=True)
class Plan:
    """A schedule, and which minutes are its ticks."""

    schedule: dict[str, object]
    is_tick: Callable[[datetime], bool]


PLANS = {
    "seven": Plan({"intervalSeconds": 420}, lambda tick: (tick.timestamp() // 60) % 7 == 0),
    "quarter": Plan({"cron": "*/15 * * * *"}, lambda tick: tick.minute % 15 == 0),
    "berlin": Plan({"cron": "30 2 * * *", "timezone": "Europe/Berlin"}, in_berlin),
    "once": Plan({"at": (BEGIN + 90 * MINUTE).isoformat()}, lambda tick: tick == BEGIN + 90 * MINUTE),
    "bounded": Plan(
        {"cron": "*/5 * * * *", "start": BEGIN.isoformat(), "end": (BEGIN + 60 * MINUTE).isoformat()},
        lambda tick: tick.minute % 5 == 0 and BEGIN <= tick <= BEGIN + 60 * MINUTE,
    ),
}


@dataclass
class Workflow:
    """What the model knows of one: ticks later than `since` are still to be considered."""

    plan: Plan
    misfire: str
    since: datetime
    enabled: bool = True
    runs: set[datetime] = field(default_factory=set[datetime])

    def due(self, now: datetime) -> tuple[set[datetime], datetime]:
        """The ticks that get a run at this time, and since when to go on."""
        since = now if self.since > now + MINUTE else self.since
        count = int((now.replace(second=0) - BEGIN) / MINUTE)
        first = int((since - BEGIN) / MINUTE) - 1
        minutes = [BEGIN + number * MINUTE for number in range(first, count + 1)]
        ticks = [minute for minute in minutes if since < minute <= now and self.plan.is_tick(minute)]
        if not ticks:
            return set(), since
        if self.misfire == "all":
            return set(ticks[-LIMIT:]), ticks[-1]
        tolerance = timedelta(minutes=GRACE) if self.misfire == "latest" else timedelta(seconds=30)
        return ({ticks[-1]} if now - ticks[-1] <= tolerance else set[datetime]()), ticks[-1]


@dataclass(frozen=True)
class Outcome:
    """What a replica makes of a workflow, if nothing else is made of it before."""

    workflow: Workflow
    seen_since: datetime
    ticks: set[datetime]
    since: datetime


@dataclass(frozen=True)
class Plot:
    """What a replica found, and what it is about to do."""

    look: Look
    outcomes: list[Outcome]


NAMES = st.sampled_from(["a", "b"])
PLAN_NAMES = st.sampled_from(sorted(PLANS))
MISFIRES = st.sampled_from(["all", "latest", "skip"])
REPLICAS = st.sampled_from([0, 1])


class Replicas(RuleBasedStateMachine):
    """Two replicas and the people who use them."""

    def __init__(self, database: Database, clock: DatabaseClock) -> None:
        super().__init__()
        self.database, self.clock, self.now = database, clock, BEGIN
        self.workflows: dict[str, Workflow] = {}
        self.deleted: list[set[datetime]] = []
        self.plots: dict[int, Plot] = {}
        ask(database, "truncate workflows, runs cascade")
        clock.freeze(self.now)

    @initialize(plan=PLAN_NAMES, misfire=MISFIRES)
    def begin(self, plan: str, misfire: str) -> None:
        self.create("a", plan, misfire, "skip")

    @rule(name=NAMES, plan=PLAN_NAMES, misfire=MISFIRES, overlap=st.sampled_from(["skip", "queue", "cancelRunning"]))
    def create(self, name: str, plan: str, misfire: str, overlap: str) -> None:
        if name not in self.workflows:
            policy = {"misfire": misfire, "misfireGraceSeconds": GRACE * 60, "catchUpLimit": LIMIT, "overlap": overlap}
            make(self.database, name, schedule=PLANS[plan].schedule, policy=policy)
            self.workflows[name] = Workflow(PLANS[plan], misfire, self.now)

    @rule(name=NAMES, plan=PLAN_NAMES)
    def reschedule(self, name: str, plan: str) -> None:
        if workflow := self.workflows.get(name):
            edit(self.database, name, schedule=PLANS[plan].schedule)
            if workflow.plan != PLANS[plan]:
                workflow.plan, workflow.since = PLANS[plan], self.now

    @rule(name=NAMES, misfire=MISFIRES)
    def change_the_policy(self, name: str, misfire: str) -> None:
        if workflow := self.workflows.get(name):
            edit(self.database, name, policy={"misfire": misfire})
            workflow.misfire = misfire

    @rule(name=NAMES)
    def pause(self, name: str) -> None:
        if workflow := self.workflows.get(name):
            pause(self.database, name)
            workflow.enabled = False

    @rule(name=NAMES)
    def resume(self, name: str) -> None:
        if workflow := self.workflows.get(name):
            resume(self.database, name)
            if not workflow.enabled:
                workflow.enabled, workflow.since = True, self.now

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        if workflow := self.workflows.pop(name, None):
            with self.database.session() as session:
                run_operations.delete_workflow(session, name)
            workflow.enabled = False
            self.deleted.append(workflow.runs)

    @rule(seconds=st.integers(1, 7200) | st.integers(1, 90) | st.integers(-7200, -1))
    def move_the_clock(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.clock.freeze(self.now)

    @rule(replica=REPLICAS)
    def look(self, replica: int) -> None:
        enabled = [workflow for workflow in self.workflows.values() if workflow.enabled]
        outcomes = [Outcome(workflow, workflow.since, *workflow.due(self.now)) for workflow in enabled]
        self.plots[replica] = Plot(see(self.database), outcomes)

    @precondition(lambda self: self.plots)
    @rule(replica=REPLICAS)
    def fire(self, replica: int) -> None:
        if plot := self.plots.pop(replica, None):
            store(self.database, plot.look)
            for outcome in plot.outcomes:
                workflow = outcome.workflow
                if workflow.enabled and workflow.since == outcome.seen_since:
                    workflow.runs |= outcome.ticks
                    workflow.since = outcome.since

    @precondition(lambda self: self.plots)
    @rule(replica=REPLICAS)
    def die(self, replica: int) -> None:
        if plot := self.plots.pop(replica, None):
            crash(self.database, plot.look)

    @rule(replica=REPLICAS)
    def look_and_fire(self, replica: int) -> None:
        self.look(replica)
        self.fire(replica)

    @invariant()
    def each_tick_that_should_have_a_run_has_exactly_one(self) -> None:
        rows = ask(self.database, "select workflow, scheduled_for from runs where workflow_id is not null")
        expected = {(name, tick) for name, workflow in self.workflows.items() for tick in workflow.runs}
        assert Counter(map(tuple, rows)) == Counter(expected)
        [(left,)] = ask(self.database, "select count(*) from runs where workflow_id is null")
        assert left == sum(map(len, self.deleted))

    def teardown(self) -> None:
        """Whatever happened before: a replica that looks now leaves nothing to do for the other."""
        self.look_and_fire(0)
        self.each_tick_that_should_have_a_run_has_exactly_one()
        assert see(self.database).firings == []


def test_ticks_have_the_runs_they_should_have(clock: DatabaseClock, database: Database) -> None:
    class Here(Replicas):
        def __init__(self) -> None:
            super().__init__(database, clock)

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
