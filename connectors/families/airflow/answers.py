"""What Airflow's API answers, both versions: only what is read of it."""

from typing import Any

import msgspec


class Version(msgspec.Struct):
    """Of Airflow itself."""

    version: str


class Token(msgspec.Struct):
    """Of a session."""

    access_token: str

    def __repr__(self) -> str:
        return "Token()"


class Tag(msgspec.Struct):
    """A tag of a DAG."""

    name: str


class Dag(msgspec.Struct):
    """A DAG; `schedule_interval` is v1's, `timetable_summary` v2's."""

    dag_id: str
    dag_display_name: str | None = None
    description: str | None = None
    fileloc: str | None = None
    is_paused: bool | None = None
    owners: list[str] = []
    tags: list[Tag] | None = None
    max_active_tasks: int | None = None
    timetable_summary: str | None = None
    timetable_description: str | None = None
    schedule_interval: dict[str, Any] | None = None


class Dags(msgspec.Struct):
    """A page of DAGs."""

    dags: list[Dag]
    total_entries: int


class DagTask(msgspec.Struct):
    """A task of a DAG."""

    task_id: str
    task_display_name: str | None = None
    doc_md: str | None = None
    operator_name: str | None = None
    class_ref: dict[str, str | None] | None = None
    downstream_task_ids: list[str] = []
    start_date: str | None = None
    end_date: str | None = None


class DagTasks(msgspec.Struct):
    """All tasks of a DAG."""

    tasks: list[DagTask]


class DagRun(msgspec.Struct):
    """A run of a DAG."""

    dag_run_id: str
    dag_id: str
    state: str | None = None
    start_date: str | None = None


class DagRuns(msgspec.Struct):
    """A page of runs."""

    dag_runs: list[DagRun]
    total_entries: int


class TaskInstance(msgspec.Struct):
    """A task in a run; `map_index` is 0 and more where it was mapped."""

    task_id: str
    dag_id: str
    dag_run_id: str
    state: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    map_index: int = -1


class TaskInstances(msgspec.Struct):
    """A page of them."""

    task_instances: list[TaskInstance]
    total_entries: int


class Mention(msgspec.Struct):
    """A DAG that an asset names."""

    dag_id: str


class Asset(msgspec.Struct):
    """An asset, a data set as v1 calls it, with who reads and writes it."""

    id: int
    uri: str
    producing_tasks: list[Mention] = []
    consuming_tasks: list[Mention] = []
    scheduled_dags: list[Mention] = []
    consuming_dags: list[Mention] = []


class Assets(msgspec.Struct):
    """A page of assets, whatever the version calls them."""

    total_entries: int
    assets: list[Asset] = []
    datasets: list[Asset] = []
