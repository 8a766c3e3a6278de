"""What Airflow 2 answers, made by hand from what its documentation says."""

from typing import Any

REF = {"class_name": "PythonOperator", "module_path": "airflow.operators.python"}
MOMENT = "2026-11-25T02:00:00.123456+00:00"
DAGS: list[dict[str, Any]] = [
    {
        "dag_id": "load_orders",
        "dag_display_name": "Load orders",
        "description": "Loads the orders.",
        "fileloc": "/opt/airflow/dags/shop.py",
        "is_active": True,
        "is_paused": False,
        "owners": ["ada", "bob"],
        "schedule_interval": {"__type": "CronExpression", "value": "0 2 * * *"},
        "tags": [{"name": "sales"}],
        "max_active_tasks": 16,
        "timetable_description": "At 02:00",
    },
    {
        "dag_id": "report",
        "description": None,
        "fileloc": "/opt/airflow/dags/report.py",
        "is_paused": True,
        "owners": [],
        "schedule_interval": {"__type": "TimeDelta", "days": 1, "seconds": 0, "microseconds": 0},
        "tags": [],
        "max_active_tasks": 4,
        "timetable_description": "Every day",
    },
]
TASKS: list[dict[str, Any]] = [
    {
        "task_id": "load",
        "class_ref": REF,
        "downstream_task_ids": ["check"],
        "start_date": "2026-01-01T00:00:00+00:00",
        "end_date": None,
        "owner": "ada",
    },
    {"task_id": "check", "class_ref": REF, "downstream_task_ids": [], "start_date": None, "end_date": None},
]
RUN = {"dag_id": "load_orders", "dag_run_id": "scheduled__1", "state": "failed", "start_date": MOMENT}
INSTANCE = {"dag_id": "load_orders", "dag_run_id": "scheduled__1", "map_index": -1, "start_date": MOMENT}
INSTANCES: list[dict[str, Any]] = [
    {**INSTANCE, "task_id": "load", "state": "failed", "end_date": MOMENT},
    {**INSTANCE, "task_id": "check", "state": "upstream_failed", "start_date": None, "end_date": MOMENT},
    {**INSTANCE, "task_id": "load", "state": "success", "dag_run_id": "another", "end_date": MOMENT},
]
DATASET = {
    "id": 1,
    "uri": "postgres://db:5432/shop/public/orders",
    "consuming_dags": [{"dag_id": "report"}],
    "producing_tasks": [{"dag_id": "load_orders", "task_id": "load"}],
}
ANSWERS: dict[str, Any] = {
    "GET /api/v1/version": {"version": "2.10.5", "git_version": None},
    "GET /api/v1/dags": {"dags": DAGS, "total_entries": 2},
    "GET /api/v1/dags/load_orders/tasks": {"tasks": TASKS, "total_entries": 2},
    "GET /api/v1/dags/report/tasks": {"tasks": [], "total_entries": 0},
    "POST /api/v1/dags/~/dagRuns/list": {"dag_runs": [RUN], "total_entries": 1},
    "POST /api/v1/dags/~/dagRuns/~/taskInstances/list": {"task_instances": INSTANCES, "total_entries": 3},
    "GET /api/v1/datasets": {"datasets": [DATASET], "total_entries": 1},
}
