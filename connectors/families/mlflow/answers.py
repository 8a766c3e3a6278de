"""What MLflow's API answers: only what is read of it."""

import msgspec


class Pair(msgspec.Struct):
    """A tag or a parameter."""

    key: str
    value: str = ""


class Metric(msgspec.Struct):
    """What was measured last; not a number where MLflow has none."""

    key: str
    value: float | str = ""

    def shown(self) -> str:
        """The value as people read it."""
        return self.value if isinstance(self.value, str) else f"{self.value:g}"


class Alias(msgspec.Struct):
    """A name for one version."""

    alias: str
    version: str


class ModelVersion(msgspec.Struct):
    """A version of a registered model."""

    name: str
    version: str
    current_stage: str | None = None
    source: str | None = None
    run_id: str | None = None
    status: str | None = None


class RegisteredModel(msgspec.Struct):
    """A registered model; `latest_versions` are those of each stage."""

    name: str
    description: str | None = None
    latest_versions: list[ModelVersion] = []
    tags: list[Pair] = []
    aliases: list[Alias] = []


class RegisteredModels(msgspec.Struct):
    """A page of them."""

    registered_models: list[RegisteredModel] = []
    next_page_token: str | None = None


class ModelVersions(msgspec.Struct):
    """A page of versions."""

    model_versions: list[ModelVersion] = []
    next_page_token: str | None = None


class Experiment(msgspec.Struct):
    """Runs lie in it."""

    experiment_id: str


class Experiments(msgspec.Struct):
    """A page of them."""

    experiments: list[Experiment] = []
    next_page_token: str | None = None


class RunInfo(msgspec.Struct):
    """Which run it is."""

    run_id: str
    user_id: str | None = None


class RunData(msgspec.Struct):
    """What a run was given and what came out."""

    metrics: list[Metric] = []
    params: list[Pair] = []
    tags: list[Pair] = []


class Run(msgspec.Struct):
    """A run."""

    info: RunInfo
    data: RunData = msgspec.field(default_factory=RunData)

    def tag(self, key: str) -> str:
        """The value of a tag; empty without it."""
        return next((tag.value for tag in self.data.tags if tag.key == key), "")


class Runs(msgspec.Struct):
    """A page of runs."""

    runs: list[Run] = []
    next_page_token: str | None = None


class OneRun(msgspec.Struct):
    """A run by itself."""

    run: Run
