"""What Prefect's API answers: only what is read of it."""

from typing import Any

import msgspec


class Flow(msgspec.Struct):
    """A flow: a function that has run or was deployed."""

    id: str
    name: str
    tags: list[str] = []


class DeploymentSchedule(msgspec.Struct):
    """When a deployment runs: by `cron`, by an `interval` in seconds, or by an `rrule`."""

    schedule: dict[str, Any] = {}
    active: bool = True


class Deployment(msgspec.Struct):
    """A flow with a place to run in."""

    id: str
    name: str
    flow_id: str
    description: str | None = None
    paused: bool = False
    entrypoint: str | None = None
    concurrency_limit: int | None = None
    tags: list[str] = []
    schedules: list[DeploymentSchedule] = []


class FlowRun(msgspec.Struct):
    """A run of a flow."""

    id: str
    flow_id: str
    state_type: str | None = None
    start_time: str | None = None


class TaskInput(msgspec.Struct):
    """What a task was given: `id` is that of another task's run where `input_type` says so."""

    input_type: str = ""
    id: str | None = None


class TaskRun(msgspec.Struct):
    """A run of a task; `task_key` is the same in all runs of the same code."""

    id: str
    flow_run_id: str | None = None
    name: str = ""
    task_key: str = ""
    state_type: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    tags: list[str] = []
    task_inputs: dict[str, list[TaskInput]] = {}
