"""One run's view of a Prefect: flows as pipelines, with what their deployments say."""

import re
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Literal

import msgspec

from connectors.connector import RunContext
from connectors.errors import ConnectorError
from connectors.families.moments import milliseconds
from connectors.families.partial_failures import Refused, attempted
from connectors.families.pipeline import Pipeline
from connectors.families.pipeline_options import PipelineMetadata
from connectors.families.prefect.answers import Deployment, DeploymentSchedule, Flow, FlowRun, TaskRun
from connectors.families.prefect.api import Prefect, open_prefect
from connectors.families.prefect.config import PrefectCloudAuthentication, PrefectConfig
from connectors.models.pipeline import ExecutionStatus, PipelineStatus, Task, TaskStatus

FLOWS_AT_A_TIME = 100
DAY_SECONDS = 86_400
SYSTEM = "Prefect"
BY_TASK = "task_run"
HASH = re.compile(r"-[0-9a-f]{8}$")
STATES: Mapping[str, ExecutionStatus] = {
    "COMPLETED": "Successful",
    "FAILED": "Failed",
    "CRASHED": "Failed",
    "CANCELLED": "Failed",
}
Context = RunContext[PrefectConfig, PipelineMetadata]


class Deployed(msgspec.Struct, frozen=True):
    """The deployments of a flow, by name; `problem` is why they are not known."""

    rows: tuple[Deployment, ...] = ()
    problem: ConnectorError | None = None


class Ran(msgspec.Struct, frozen=True):
    """The latest runs of a flow, and the runs of tasks in each of them; `refused` is why they may not be read."""

    runs: Sequence[FlowRun]
    tasks: Mapping[str, Sequence[TaskRun]]
    refused: Refused | None = None


class PrefectSource:
    """Answers connectors.families.pipeline.PipelineSource."""

    classification = "PrefectTags"

    def __init__(self, context: Context, prefect: Prefect) -> None:
        self._prefect = prefect
        config = context.connection
        in_cloud = isinstance(config.auth_type, PrefectCloudAuthentication)
        # Whoever looks at Prefect Cloud does so at another address than the API's.
        self._pages = None if in_cloud else config.host_port
        self._days = context.options.status_lookback_days
        self._most = config.number_of_status

    def count(self) -> int:
        """See PipelineSource."""
        return self._prefect.count()

    def pipelines(self, wanted: Callable[[str], bool]) -> Iterator[Pipeline]:
        """See PipelineSource. Runs are asked for by flow, several at a time; deployments by the hundred flows."""
        flows = self._prefect.flows()
        while page := list(islice(flows, FLOWS_AT_A_TIME)):
            kept = [flow for flow in page if wanted(flow.name)]
            deployed = self._deployed([flow.id for flow in kept])
            ahead = self._prefect.client.ahead(kept, self._ran, len(kept))
            under_way = {flow.id: future.result for flow, future in ahead}
            yield from (self._pipeline(flow, deployed(flow.id), under_way.get(flow.id, _nothing)) for flow in page)

    def _deployed(self, flow_ids: Sequence[str]) -> Callable[[str], Deployed]:
        """The deployments by flow, or why they are not known."""

        def ask() -> dict[str, list[Deployment]]:
            found = defaultdict[str, list[Deployment]](list)
            for deployment in self._prefect.deployments(flow_ids) if flow_ids else ():
                found[deployment.flow_id].append(deployment)
            return found

        nothing: dict[str, list[Deployment]] = {}
        found, problem = attempted(ask, nothing)
        return lambda flow_id: Deployed(tuple(sorted(found.get(flow_id, ()), key=lambda row: row.name)), problem)

    def _ran(self, flow: Flow) -> Ran:
        tasks = defaultdict[str, list[TaskRun]](list)
        try:
            runs = self._prefect.runs(flow.id, self._most)
            for task in self._prefect.task_runs([run.id for run in runs]) if runs else ():
                if task.flow_run_id is not None:
                    tasks[task.flow_run_id].append(task)
        except Refused as error:
            return Ran((), {}, error)
        return Ran(runs, tasks)

    def _pipeline(self, flow: Flow, deployed: Deployed, ran: Callable[[], Ran]) -> Pipeline:
        rows = deployed.rows
        schedules = [schedule for row in rows if not row.paused for schedule in row.schedules if schedule.active]
        state: Literal["Active", "Inactive"] = "Active" if schedules else "Inactive"
        return Pipeline(
            name=flow.name,
            description=next((row.description for row in rows if row.description), None),
            url=f"{self._pages}/flows/flow/{flow.id}" if self._pages else None,
            location=next((row.entrypoint for row in rows if row.entrypoint), None),
            schedule=", ".join(dict.fromkeys(map(schedule_of, schedules))) or None,
            state=state if rows else None,
            concurrency=next((row.concurrency_limit for row in rows if row.concurrency_limit), None),
            tags=tuple(sorted({*flow.tags, *(tag for row in rows for tag in row.tags)} - {""})),
            tasks=lambda: self._tasks(ran(), deployed),
            runs=lambda: self._statuses(attempted(ran, _nothing())[0]),  # why not was told with the tasks
        )

    def _tasks(self, ran: Ran, deployed: Deployed) -> tuple[Task, ...]:
        """The tasks of the latest runs, which alone know them; raises why these or the deployments are not known.

        Without its tasks a flow would take from the catalogue those that it was sent with before.
        """
        if deployed.problem is not None:
            raise deployed.problem
        if ran.refused is not None:
            message = f"it is kept as it was sent before, as only its runs tell its tasks: {ran.refused.message}"
            raise Refused(message, ran.refused.advice)
        names: dict[str, str] = {}
        followers = defaultdict[str, set[str]](set)
        for run in ran.tasks.values():
            names |= {task.id: _name(task) for task in run}
        for task in (task for run in ran.tasks.values() for task in run):
            for given in (given for inputs in task.task_inputs.values() for given in inputs):
                if given.input_type == BY_TASK and given.id in names:
                    followers[names[given.id]].add(_name(task))
        return tuple(
            Task(name=name, downstream_tasks=tuple(sorted(followers[name]))) for name in sorted(set(names.values()))
        )

    def _statuses(self, ran: Ran) -> Iterator[PipelineStatus]:
        """What became of the runs that began within the days that are told of. Raises Refused."""
        if ran.refused is not None:
            raise ran.refused
        now = self._prefect.client.server_date
        since = 0.0 if now is None else (now.timestamp() - self._days * DAY_SECONDS) * 1000
        for run in ran.runs:
            began = milliseconds(run.start_time, SYSTEM)
            if began is not None and began >= since:
                tasks = sorted(ran.tasks.get(run.id, ()), key=lambda task: (_name(task), task.name))
                yield PipelineStatus(
                    timestamp=began,
                    execution_status=STATES.get(run.state_type or "", "Pending"),
                    task_status=tuple(self._status(run, task) for task in tasks),
                )

    def _status(self, run: FlowRun, task: TaskRun) -> TaskStatus:
        return TaskStatus(
            name=_name(task),
            execution_status=STATES.get(task.state_type or "", "Pending"),
            start_time=milliseconds(task.start_time, SYSTEM),
            end_time=milliseconds(task.end_time, SYSTEM),
            log_link=f"{self._pages}/runs/flow-run/{run.id}" if self._pages else None,
        )


def schedule_of(schedule: DeploymentSchedule) -> str:
    """When a deployment runs: a cron expression, seconds or a recurrence rule, and the zone where that is not UTC."""
    given = schedule.schedule
    if "interval" in given:
        text = f"every {str(given['interval']).removesuffix('.0')} s"
    else:
        text = str(given.get("cron") or given.get("rrule") or "unknown")
    zone = given.get("timezone")
    return f"{text} {zone}" if zone and zone != "UTC" else text


def _name(task: TaskRun) -> str:
    """A task's name: its key without the digits that tell versions of its code apart."""
    return HASH.sub("", task.task_key) or task.name


def _nothing() -> Ran:
    """Of a flow that is not wanted."""
    return Ran((), {})


@contextmanager
def open_source(context: Context) -> Generator[PrefectSource]:
    """What one run asks; see connectors.families.pipeline.pipeline_topology."""
    with open_prefect(context.connection, context.report, context.cancellation) as prefect:
        yield PrefectSource(context, prefect)
