"""What Dagster's GraphQL API answers: only what is asked for."""

from collections.abc import Mapping
from typing import Any

import msgspec


class GraphQlError(msgspec.Struct):
    """Why a question was not answered."""

    message: str


class Envelope(msgspec.Struct):
    """Any answer."""

    data: dict[str, msgspec.Raw] | None = None
    errors: list[GraphQlError] | None = None


class Union(msgspec.Struct, rename={"kind": "__typename"}):
    """One of several types; those of errors have a message."""

    kind: str
    message: str | None = None


class Named(msgspec.Struct):
    """Something with a name."""

    name: str


class LocationOrError(Union, rename={"kind": "__typename"}):
    """A code location, or why it could not be loaded."""

    repositories: list[Named] = []


class LocationEntry(msgspec.Struct, rename="camel"):
    """A place that code is loaded from."""

    name: str
    location_or_load_error: LocationOrError | None = None


class Workspace(msgspec.Struct, rename={"kind": "__typename", "location_entries": "locationEntries"}):
    """All code locations."""

    kind: str
    message: str | None = None
    location_entries: list[LocationEntry] = []


class Tag(msgspec.Struct):
    """A tag of a job."""

    key: str
    value: str = ""


class Owner(msgspec.Struct):
    """A user by their address, or a team."""

    email: str | None = None
    team: str | None = None


class ScheduleState(msgspec.Struct):
    """Whether a schedule is on."""

    status: str


class Schedule(msgspec.Struct, rename="camel"):
    """When a job runs."""

    pipeline_name: str
    cron_schedule: str
    execution_timezone: str | None = None
    schedule_state: ScheduleState | None = None


class AssetKey(msgspec.Struct):
    """The name of an asset, in parts."""

    path: list[str]


class Metadata(msgspec.Struct):
    """What is said of an asset; `text` only where it is one."""

    label: str
    text: str | None = None


class AssetNode(msgspec.Struct, rename="camel"):
    """An asset, what it is made of and by which jobs."""

    asset_key: AssetKey
    dependency_keys: list[AssetKey] = []
    job_names: list[str] = []
    metadata_entries: list[Metadata] = []


class Repository(msgspec.Struct, rename={"kind": "__typename", "asset_nodes": "assetNodes"}):
    """The jobs, schedules and assets of one repository, each only where they were asked for."""

    kind: str
    message: str | None = None
    jobs: list[Named] = []
    schedules: list[Schedule] = []
    asset_nodes: list[AssetNode] = []


class Definition(msgspec.Struct, rename={"kind": "__typename"}):
    """What an op or a graph is."""

    kind: str
    description: str | None = None


class Dependent(msgspec.Struct):
    """Who takes an output."""

    solid: Named


class Output(msgspec.Struct, rename="camel"):
    """What an op gives."""

    depended_by: list[Dependent] = []


class Solid(msgspec.Struct):
    """An op or a graph in a job."""

    definition: Definition
    outputs: list[Output] = []


class Handle(msgspec.Struct):
    """One of them by its path, with dots."""

    handle_id: str = msgspec.field(name="handleID")
    solid: Solid


class JobDetails(msgspec.Struct, rename={"kind": "__typename", "handles": "solidHandles"}):
    """One job and its ops."""

    kind: str
    message: str | None = None
    description: str | None = None
    tags: list[Tag] = []
    owners: list[Owner] = []
    handles: list[Handle] = []


class StepStats(msgspec.Struct, rename="camel"):
    """What became of a step; moments in seconds since 1970."""

    step_key: str
    status: str | None = None
    start_time: float | None = None
    end_time: float | None = None


class Origin(msgspec.Struct, rename="camel"):
    """Where the code of a run came from."""

    repository_name: str
    repository_location_name: str


class Run(msgspec.Struct, rename="camel"):
    """A run; moments in seconds since 1970."""

    run_id: str
    status: str
    creation_time: float | None = None
    start_time: float | None = None
    repository_origin: Origin | None = None
    step_stats: list[StepStats] = []


class Runs(msgspec.Struct, rename={"kind": "__typename"}):
    """The latest of them."""

    kind: str
    message: str | None = None
    results: list[Run] = []


class FieldNames(msgspec.Struct):
    """What a type of this version of the API has."""

    fields: list[Named] = []


Variables = Mapping[str, Any]
