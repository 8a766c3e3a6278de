"""One run's view of an Airflow: DAGs as pipelines."""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any
from urllib.parse import quote

from connectors.connector import RunContext
from connectors.families.airflow.answers import Asset, Dag, DagRun, DagTask, DagTasks, TaskInstance
from connectors.families.airflow.api import Airflow, open_airflow
from connectors.families.airflow.config import AirflowConfig
from connectors.families.moments import milliseconds
from connectors.families.partial_failures import attempted
from connectors.families.pipeline import Pipeline
from connectors.families.pipeline_options import LineageInformation, PipelineMetadata
from connectors.models.names import fqn
from connectors.models.pipeline import ExecutionStatus, PipelineStatus, Task, TaskStatus
from connectors.report import Failure

DAGS_AT_A_TIME = 100
SYSTEM = "Airflow"
STATES: dict[str, ExecutionStatus] = {
    "success": "Successful",
    "failed": "Failed",
    "upstream_failed": "Failed",
    "skipped": "Skipped",
    "removed": "Skipped",
}
Context = RunContext[AirflowConfig, PipelineMetadata]


class AirflowSource:
    """Answers connectors.families.pipeline.PipelineSource."""

    classification = "AirflowTags"

    def __init__(self, context: Context, airflow: Airflow) -> None:
        self._airflow = airflow
        self._report = context.report
        self._service = fqn(context.service)
        self._address = context.connection.host_port
        self._days = context.options.status_lookback_days
        self._most_runs = context.connection.number_of_status
        self._with_lineage = (
            context.options.include_lineage and context.options.lineage_information != LineageInformation()
        )

    def count(self) -> int:
        """See PipelineSource."""
        return self._airflow.count()

    def pipelines(self, wanted: Callable[[str], bool]) -> Iterator[Pipeline]:
        """See PipelineSource. Tasks are asked for by DAG, several at a time; runs of a hundred DAGs in one question."""
        read, written = self._assets()
        dags = self._airflow.dags()
        while page := list(islice(dags, DAGS_AT_A_TIME)):
            kept = [dag for dag in page if wanted(dag.dag_id)]
            runs = self._runs([dag.dag_id for dag in kept])
            under_way = {
                dag.dag_id: future.result for dag, future in self._airflow.client.ahead(kept, self._tasks, len(kept))
            }
            for dag in page:
                tasks = under_way.get(dag.dag_id)
                inlets, outlets = read.get(dag.dag_id, ()), written.get(dag.dag_id, ())
                yield self._pipeline(dag, tasks or tuple, runs, tuple(inlets), tuple(outlets))

    def _tasks(self, dag: Dag) -> tuple[Task, ...]:
        answer: DagTasks = self._airflow.tasks(dag.dag_id)
        return tuple(self._task(dag.dag_id, task) for task in answer.tasks)

    def _assets(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """What each DAG reads and what it writes; where that is not told, nothing, and one failure."""
        read, written = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
        if self._with_lineage:
            assets, problem = attempted(lambda: list(self._airflow.assets()), list[Asset]())
            if problem is not None:
                cause = f"what its DAGs read and write is not known: {problem.message}"
                self._report.failed(Failure("pipeline", self._service, "lineage", cause, problem.advice))
            for asset in assets:
                readers = (*asset.consuming_tasks, *asset.scheduled_dags, *asset.consuming_dags)
                for dag_id in sorted({each.dag_id for each in readers}):
                    read[dag_id].append(asset.uri)
                for dag_id in sorted({each.dag_id for each in asset.producing_tasks}):
                    written[dag_id].append(asset.uri)
        return read, written

    def _runs(self, dag_ids: list[str]) -> Callable[[str], tuple[PipelineStatus, ...]]:
        """The latest runs by DAG; what went wrong is raised for each of them."""
        nothing: dict[str, tuple[PipelineStatus, ...]] = {}
        asked = bool(self._days and dag_ids)
        found, problem = attempted(lambda: self._latest(dag_ids), nothing) if asked else (nothing, None)

        def of(dag_id: str) -> tuple[PipelineStatus, ...]:
            if problem is not None:
                raise problem
            return found.get(dag_id, ())

        return of

    def _latest(self, dag_ids: list[str]) -> dict[str, tuple[PipelineStatus, ...]]:
        since = self._airflow.since(self._days)
        latest: dict[str, list[DagRun]] = {dag_id: [] for dag_id in dag_ids}
        wanting = set(dag_ids)
        for run in self._airflow.runs(dag_ids, since):
            if run.dag_id in wanting and run.start_date:
                latest[run.dag_id].append(run)
                if len(latest[run.dag_id]) == self._most_runs:
                    wanting.remove(run.dag_id)
            if not wanting:
                break
        tasks = defaultdict[tuple[str, str], list[TaskInstance]](list)
        chosen = {(run.dag_id, run.dag_run_id) for runs in latest.values() for run in runs}
        if chosen:
            run_ids = sorted({run_id for _, run_id in chosen})
            for task in self._airflow.task_instances(sorted({dag_id for dag_id, _ in chosen}), run_ids, since):
                if (task.dag_id, task.dag_run_id) in chosen:
                    tasks[task.dag_id, task.dag_run_id].append(task)
        return {
            dag_id: tuple(self._status(run, tasks[run.dag_id, run.dag_run_id]) for run in runs)
            for dag_id, runs in latest.items()
        }

    def _status(self, run: DagRun, tasks: Iterable[TaskInstance]) -> PipelineStatus:
        return PipelineStatus(
            timestamp=milliseconds(run.start_date, SYSTEM) or 0,
            execution_status=STATES.get(run.state or "", "Pending"),
            task_status=tuple(
                TaskStatus(
                    name=task.task_id,
                    execution_status=STATES.get(task.state or "", "Pending"),
                    start_time=milliseconds(task.start_date, SYSTEM),
                    end_time=milliseconds(task.end_date, SYSTEM),
                    log_link=self._log(run, task),
                )
                for task in sorted(tasks, key=lambda task: (task.task_id, task.map_index))
            ),
        )

    def _pipeline(
        self,
        dag: Dag,
        tasks: Callable[[], tuple[Task, ...]],
        runs: Callable[[str], tuple[PipelineStatus, ...]],
        inlets: tuple[str, ...],
        outlets: tuple[str, ...],
    ) -> Pipeline:
        return Pipeline(
            name=dag.dag_id,
            display_name=dag.dag_display_name,
            description=dag.description,
            url=self._page(dag.dag_id),
            location=dag.fileloc,
            schedule=schedule_of(dag),
            state=None if dag.is_paused is None else "Inactive" if dag.is_paused else "Active",
            concurrency=dag.max_active_tasks,
            tags=tuple(sorted({tag.name for tag in dag.tags or ()})),
            owners=tuple(owner for owner in dag.owners if owner),
            tasks=tasks,
            runs=lambda: runs(dag.dag_id),
            inlets=inlets,
            outlets=outlets,
        )

    def _task(self, dag_id: str, task: DagTask) -> Task:
        page = f"{self._page(dag_id)}/tasks/{quote(task.task_id, safe='')}"
        return Task(
            name=task.task_id,
            display_name=task.task_display_name,
            description=task.doc_md,
            source_url=page if self._airflow.version == "v2" else self._page(dag_id),
            downstream_tasks=tuple(sorted(task.downstream_task_ids)),
            task_type=task.operator_name or (task.class_ref or {}).get("class_name"),
            start_date=task.start_date,
            end_date=task.end_date,
        )

    def _page(self, dag_id: str) -> str:
        grid = "" if self._airflow.version == "v2" else "/grid"
        return f"{self._address}/dags/{quote(dag_id, safe='')}{grid}"

    def _log(self, run: DagRun, task: TaskInstance) -> str:
        run_id, task_id = quote(run.dag_run_id, safe=""), quote(task.task_id, safe="")
        if self._airflow.version == "v2":
            return f"{self._page(run.dag_id)}/runs/{run_id}/tasks/{task_id}"
        return f"{self._page(run.dag_id)}?dag_run_id={run_id}&task_id={task_id}&tab=logs"


def schedule_of(dag: Dag) -> str | None:
    """When a DAG runs, as Airflow writes it; None where nothing but people starts it."""
    interval: dict[str, Any] | None = dag.schedule_interval
    if interval is not None:
        return str(interval["value"]) if "value" in interval else dag.timetable_description
    return dag.timetable_summary


@contextmanager
def open_source(context: Context) -> Generator[AirflowSource]:
    """What one run asks; see connectors.families.pipeline.pipeline_topology."""
    with open_airflow(context.connection, context.report, context.cancellation) as airflow:
        yield AirflowSource(context, airflow)
