"""One run's view of a Dagster: jobs as pipelines."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Literal
from urllib.parse import quote

import msgspec

from connectors.connector import RunContext
from connectors.errors import ConnectorError
from connectors.families.dagster.answers import AssetNode, Handle, JobDetails, Run, Runs, Schedule
from connectors.families.dagster.api import Dagster, Place, checked, open_dagster
from connectors.families.dagster.config import DagsterConfig
from connectors.families.partial_failures import Refused, attempted
from connectors.families.pipeline import Pipeline
from connectors.families.pipeline_options import LineageInformation, PipelineMetadata
from connectors.models.pipeline import ExecutionStatus, PipelineStatus, Task, TaskStatus
from connectors.report import Failure

JOBS_AT_A_TIME, QUESTIONS_AT_A_TIME = 20, 4
DAY_SECONDS = 86_400
TABLE_NAME = "dagster/table_name"
OWN_TAGS = ("dagster/", ".dagster/")
MAPPED = re.compile(r"\[[^\]]*\]")
GRAPH = "CompositeSolidDefinition"
STATES: Mapping[str, ExecutionStatus] = {
    "SUCCESS": "Successful",
    "FAILURE": "Failed",
    "CANCELED": "Failed",
    "SKIPPED": "Skipped",
}
Context = RunContext[DagsterConfig, PipelineMetadata]
AssetPath = tuple[str, ...]
Flows = tuple[tuple[str, str], ...]
Part = tuple[JobDetails, Runs | Refused | None]
Answers = list[tuple[Part, ConnectorError | None]]


class ListedJob(msgspec.Struct, frozen=True):
    """A job of a repository; `name` tells it from those of other repositories, `own_name` does not.

    `problem` is why its schedules are not known.
    """

    place: Place
    name: str
    own_name: str
    schedules: tuple[Schedule, ...]
    flows: Flows
    problem: ConnectorError | None = None


class DagsterSource:
    """Answers connectors.families.pipeline.PipelineSource."""

    classification = "DagsterTags"

    def __init__(self, context: Context, dagster: Dagster) -> None:
        self._dagster = dagster
        self._report = context.report
        self._service = context.service
        self._address = context.connection.host
        self._stripped = context.connection.strip_asset_key_prefix_length
        self._days = context.options.status_lookback_days
        self._with_lineage = (
            context.options.include_lineage and context.options.lineage_information != LineageInformation()
        )

    def count(self) -> int:
        """See PipelineSource."""
        return sum(len(self._dagster.jobs(place)) for place in self._dagster.places()[0])

    def pipelines(self, wanted: Callable[[str], bool]) -> Iterator[Pipeline]:
        """See PipelineSource. Ops and runs of twenty jobs are one question, of which several are under way.

        Raises:
            ConnectorError: A code location or a repository could not be read; after the jobs of all others.
        """
        places, failed = self._dagster.places()
        listed = self._listed(places, failed)
        while batch := list(islice(listed, QUESTIONS_AT_A_TIME * JOBS_AT_A_TIME)):
            kept = [job for job in batch if wanted(job.name)]
            groups = [kept[first:][:JOBS_AT_A_TIME] for first in range(0, len(kept), JOBS_AT_A_TIME)]
            under_way = {
                job.name: partial(_nth, future.result, n)
                for group, future in self._dagster.client.ahead(groups, self._details, len(groups))
                for n, job in enumerate(group)
            }
            yield from (self._pipeline(job, under_way.get(job.name, _nothing)) for job in batch)
        for error in failed[1:]:
            self._report.failed(Failure("pipeline", self._service, "produce", error.message, error.advice))
        if failed:  # what is raised makes the listing incomplete, so that nothing counts as gone
            raise failed[0]

    def _listed(self, places: Sequence[Place], failed: list[ConnectorError]) -> Iterator[ListedJob]:
        """The jobs of all repositories; a name that several of them use is completed by the code location.

        Of all of them the names are held, and of one repository at a time its schedules and assets. A repository that
        cannot be read is added to `failed`.
        """
        names: dict[Place, list[str]] = {}
        for place in places:
            found, problem = attempted(partial(self._dagster.jobs, place), list[str]())
            if problem is None:
                names[place] = found
            else:
                failed.append(problem)
        times = Counter(name for found in names.values() for name in found)
        tables = self._tables(list(names))
        for place, found in names.items():
            schedules = defaultdict[str, list[Schedule]](list)
            known, problem = attempted(partial(self._dagster.schedules, place), list[Schedule]())
            for schedule in known:
                schedules[schedule.pipeline_name].append(schedule)
            flows = self._flows(place, tables)
            for own in found:
                name = own if times[own] == 1 else f"{own}@{place.location}/{place.repository}"
                yield ListedJob(place, name, own, tuple(schedules[own]), flows.get(own, ()), problem)

    def _tables(self, places: Sequence[Place]) -> dict[AssetPath, str]:
        """The URIs of assets whose metadata name a table; only the repository that makes an asset may know it."""
        if not self._with_lineage:
            return {}
        found: dict[AssetPath, str] = {}
        for place in places:
            for node in self._assets(self._dagster.asset_metadata, place):
                said = next((entry.text for entry in node.metadata_entries if entry.label == TABLE_NAME), None)
                if said and (node.job_names or _path(node) not in found):
                    found[_path(node)] = _uri(said.split("."))
        return found

    def _assets(self, ask: Callable[[Place], list[AssetNode]], place: Place) -> list[AssetNode]:
        """The assets of a repository; where they are not told, none and a failure: its jobs go without lineage."""
        found, problem = attempted(partial(ask, place), list[AssetNode]())
        if problem is not None:
            cause = f"what the jobs of {place.location} read and write is not known: {problem.message}"
            self._report.failed(Failure("pipeline", self._service, "lineage", cause, problem.advice))
        return found

    def _flows(self, place: Place, tables: Mapping[AssetPath, str]) -> dict[str, Flows]:
        """By job, the URIs of what its assets are made of, empty for nothing that is known, and of themselves."""
        nodes = self._assets(self._dagster.assets, place) if self._with_lineage else []
        uris = {path: tables.get(path) or _uri(path[self._stripped :]) for path in map(_path, nodes)}
        found = defaultdict[str, list[tuple[str, str]]](list)
        for node in nodes:
            target = uris[_path(node)]
            origins = [uris.get(tuple(key.path), "") for key in node.dependency_keys] or [""]
            for job in node.job_names:
                found[job].extend((origin, target) for origin in origins)
        return {job: tuple(pairs) for job, pairs in found.items()}

    def _details(self, jobs: list[ListedJob]) -> Answers:
        """The part of each job, or why there is none.

        Where the whole question fails, each job is asked for by itself, and at last without its runs.
        """
        nothing: list[tuple[JobDetails, Runs | None]] = []
        now = self._dagster.client.server_date
        since = now.timestamp() - self._days * DAY_SECONDS if now is not None and self._days else None
        found, problem = attempted(partial(self._ask, jobs, since), nothing)
        if problem is None:
            return [(part, None) for part in found]
        if len(jobs) > 1:
            return [answer for job in jobs for answer in self._details([job])]
        if isinstance(problem, Refused) and since is not None:
            for details, _ in attempted(partial(self._ask, jobs), nothing)[0]:
                return [((details, problem), None)]
        return [(_nothing(), problem)]

    def _ask(self, jobs: list[ListedJob], since: float | None = None) -> list[tuple[JobDetails, Runs | None]]:
        return self._dagster.details([(job.place, job.own_name) for job in jobs], since)

    def _pipeline(self, job: ListedJob, details: Callable[[], Part]) -> Pipeline:
        row, _ = attempted(details, _nothing())[0]  # why not is told with the ops
        active = [each for each in job.schedules if each.schedule_state and each.schedule_state.status == "RUNNING"]
        schedule = next(iter((*active, *job.schedules)), None)
        state: Literal["Active", "Inactive"] = "Active" if active else "Inactive"
        return Pipeline(
            name=job.name,
            display_name=job.own_name,
            description=row.description or None,
            url=self._page(job),
            location=job.place.location,
            schedule=_schedule(schedule) if schedule else None,
            state=state if job.schedules else None,
            tags=tuple(
                sorted(f"{t.key}={t.value}" if t.value else t.key for t in row.tags if not t.key.startswith(OWN_TAGS))
            ),
            owners=tuple(owner.email.partition("@")[0] for owner in row.owners if owner.email),
            teams=tuple(owner.team for owner in row.owners if owner.team),
            tasks=lambda: self._tasks(job, details()[0]),
            runs=lambda: self._runs(job, *attempted(details, _nothing())[0]),
            outlets=tuple(target for origin, target in job.flows if not origin),
            flows=tuple(flow for flow in job.flows if flow[0]),
        )

    def _tasks(self, job: ListedJob, details: JobDetails) -> tuple[Task, ...]:
        if job.problem is not None:
            raise job.problem
        handles = checked(details, f"the ops of {job.name}").handles
        return tuple(self._task(job, handle) for handle in sorted(handles, key=lambda each: each.handle_id))

    def _task(self, job: ListedJob, handle: Handle) -> Task:
        graph, dot, _ = handle.handle_id.rpartition(".")
        followers = {each.solid.name for output in handle.solid.outputs for each in output.depended_by}
        path = "/".join(quote(part, safe="") for part in handle.handle_id.split("."))
        return Task(
            name=handle.handle_id,
            description=handle.solid.definition.description or None,
            source_url=f"{self._page(job)}/{path}",
            downstream_tasks=tuple(sorted(f"{graph}{dot}{name}" for name in followers)),
            task_type="graph" if handle.solid.definition.kind == GRAPH else "op",
        )

    def _runs(self, job: ListedJob, details: JobDetails, runs: Runs | Refused | None) -> Iterator[PipelineStatus]:
        if runs is None:
            return
        if isinstance(runs, Refused):
            raise runs
        ops = {handle.handle_id for handle in details.handles}
        for run in checked(runs, f"the runs of {job.name}").results:
            origin, began = run.repository_origin, run.start_time or run.creation_time
            ours = origin is None or Place(origin.repository_location_name, origin.repository_name) == job.place
            if ours and began is not None:
                yield PipelineStatus(
                    timestamp=round(began * 1000),
                    execution_status=STATES.get(run.status, "Pending"),
                    task_status=tuple(self._steps(run, ops)),
                )

    def _steps(self, run: Run, ops: set[str]) -> Iterator[TaskStatus]:
        """One for each step, those of a mapped op by its name; steps of code that has changed since are left out."""
        for step in sorted(run.step_stats, key=lambda each: each.step_key):
            name = MAPPED.sub("", step.step_key)
            if name in ops:
                yield TaskStatus(
                    name=name,
                    execution_status=STATES.get(step.status or "", "Pending"),
                    start_time=_milliseconds(step.start_time),
                    end_time=_milliseconds(step.end_time),
                    log_link=f"{self._address}/runs/{run.run_id}?logs=step:{quote(step.step_key, safe='')}",
                )

    def _page(self, job: ListedJob) -> str:
        place = job.place
        location = place.location if place.repository == "__repository__" else f"{place.repository}@{place.location}"
        return f"{self._address}/locations/{quote(location, safe='@')}/jobs/{quote(job.own_name, safe='')}"


def _nth(answers: Callable[[], Answers], place: int) -> Part:
    part, problem = answers()[place]
    if problem is not None:
        raise problem
    return part


def _nothing() -> Part:
    """Of a job that is not wanted."""
    return JobDetails("Pipeline"), None


def _path(node: AssetNode) -> AssetPath:
    return tuple(node.asset_key.path)


def _uri(parts: Sequence[str]) -> str:
    return f"dagster://asset/{'/'.join(quote(part, safe='') for part in parts)}"


def _schedule(schedule: Schedule) -> str:
    zone = schedule.execution_timezone
    return f"{schedule.cron_schedule} {zone}" if zone and zone != "UTC" else schedule.cron_schedule


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


@contextmanager
def open_source(context: Context) -> Generator[DagsterSource]:
    """What one run asks; see connectors.families.pipeline.pipeline_topology."""
    with open_dagster(context.connection, context.report, context.cancellation) as dagster:
        yield DagsterSource(context, dagster)
