"""What Prefect 3.8 answers of one flow with one deployment and one run, cut to what is read of it."""

from typing import Any

FLOW: dict[str, Any] = {"id": "f1", "name": "load orders", "tags": []}
DEPLOYMENT = {
    "id": "d1",
    "name": "nightly",
    "flow_id": "f1",
    "description": "Loads the orders.",
    "paused": False,
    "entrypoint": "shop.py:load_orders",
    "tags": ["sales"],
    "schedules": [{"active": True, "schedule": {"interval": 3600.0, "timezone": "UTC"}}],
}
RUN = {"id": "r1", "flow_id": "f1", "state_type": "FAILED", "start_time": "2026-11-25T02:00:00.5Z"}
TASKS: list[dict[str, Any]] = [
    {
        "id": "t1",
        "flow_run_id": "r1",
        "name": "extract-0",
        "task_key": "extract-0a1b2c3d",
        "state_type": "COMPLETED",
        "start_time": "2026-11-25T02:00:01Z",
        "end_time": "2026-11-25T02:00:02Z",
    },
    {
        "id": "t2",
        "flow_run_id": "r1",
        "name": "load-0",
        "task_key": "load-deadbeef",
        "state_type": "CRASHED",
        "task_inputs": {"rows": [{"input_type": "task_run", "id": "t1"}, {"input_type": "constant"}]},
    },
]
ANSWERS: dict[str, Any] = {
    "GET /api/admin/version": "3.8.8",
    "POST /api/flows/count": 1,
    "POST /api/flows/filter": [FLOW],
    "POST /api/deployments/filter": [DEPLOYMENT],
    "POST /api/flow_runs/filter": [RUN],
    "POST /api/task_runs/filter": TASKS,
}
