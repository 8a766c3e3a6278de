"""One run's view of an MLflow: registered models, each in its latest version."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby, islice
from typing import Any
from urllib.parse import quote

import msgspec

from connectors.connector import RunContext
from connectors.errors import ConnectorError
from connectors.families.mlflow.answers import ModelVersion, Pair, RegisteredModel, Run
from connectors.families.mlflow.api import Mlflow, open_mlflow
from connectors.families.mlflow.config import MlflowConfig, without_login
from connectors.families.mlflow.signature import features, flavor, read_file, read_history
from connectors.families.mlmodel import Details, MlModel, MlModelMetadata, Version
from connectors.families.partial_failures import Vanished, attempted
from connectors.models.mlmodel import MlHyperParameter
from connectors.models.names import MAX_NAME_LENGTH

MODELS_AT_A_TIME = 100
MOST_VERSIONS = 5
OWN_TAGS = "mlflow."
HISTORY = "mlflow.log-model.history"
Context = RunContext[MlflowConfig, MlModelMetadata]
Document = Mapping[str, Any]
NOTHING: Document = {}


class Versions:
    """The versions of models that are asked for in the order of the listing, of which only one pass is made."""

    def __init__(self, listing: Iterator[ModelVersion]) -> None:
        self._groups = groupby(listing, lambda version: version.name)
        self._passed: dict[str, tuple[ModelVersion, ...]] = {}
        self._problem: ConnectorError | None = None

    def of(self, model: RegisteredModel) -> tuple[tuple[ModelVersion, ...], ConnectorError | None]:
        """The versions, the latest first; those that the model itself names, and why, where the others are unknown."""
        own = tuple(model.latest_versions)
        if own and self._problem is None:
            found, self._problem = attempted(lambda: self._found(model.name), own)
            return found or own, self._problem
        return own, self._problem if own else None

    def _found(self, name: str) -> tuple[ModelVersion, ...]:
        while name not in self._passed:
            group = next(self._groups, None)
            if group is None:  # registered since
                return ()
            self._passed[group[0]] = tuple(group[1])
        return self._passed.pop(name)


class Read(msgspec.Struct, frozen=True):
    """What is known of a model, or may still be under way; `problem` is why something is not."""

    versions: tuple[ModelVersion, ...] = ()
    runs: Mapping[str, Run] | None = None
    file: Callable[[], Document] = lambda: NOTHING
    problem: ConnectorError | None = None


class MlflowSource:
    """Answers connectors.families.mlmodel.MlModelSource."""

    classification = "MlflowTags"

    def __init__(self, context: Context, mlflow: Mlflow) -> None:
        self._mlflow = mlflow
        self._address = without_login(context.connection.registry_uri)[0]

    def models(self, wanted: Callable[[str], bool]) -> Iterator[MlModel]:
        """See MlModelSource. Versions are one listing, runs asked for by the hundred, files several at a time."""
        models = self._mlflow.models()
        versions = Versions(self._mlflow.versions())
        while page := list(islice(models, MODELS_AT_A_TIME)):
            read = self._read([model for model in page if wanted(model.name)], versions)
            yield from (self._model(model, read.get(model.name, Read())) for model in page)

    def _read(self, models: Sequence[RegisteredModel], listing: Versions) -> dict[str, Read]:
        told = {model.name: _told(model, listing) for model in models}
        run_ids = {version.run_id for versions, _ in told.values() for version in versions if version.run_id}
        runs, problem = attempted(lambda: self._mlflow.runs(sorted(run_ids)), None)
        latest = [versions[0] for versions, _ in told.values() if versions]
        ahead = self._mlflow.registry.ahead(latest, lambda version: self._file(version, runs or {}), len(latest))
        files = {version.name: future.result for version, future in ahead}
        return {
            name: Read(versions, runs, files.get(name, lambda: NOTHING), missing or (problem if versions else None))
            for name, (versions, missing) in told.items()
        }

    def _file(self, version: ModelVersion, runs: Mapping[str, Run]) -> Document:
        """What describes a version; empty where nothing does."""
        run = runs.get(version.run_id or "")
        history = read_history(run.tag(HISTORY), version.source or "") if run else None
        if history is not None:
            return history
        try:
            return read_file(self._mlflow.file(version)) if version.source else NOTHING
        except Vanished:
            return NOTHING

    def _model(self, model: RegisteredModel, read: Read) -> MlModel:
        return MlModel(
            name=model.name,
            description=model.description,
            url=f"{self._address}/#/models/{quote(model.name, safe='')}",
            storage=read.versions[0].source if read.versions else None,
            tags=tuple(sorted({_tag(tag) for tag in model.tags if not tag.key.startswith(OWN_TAGS)})),
            details=lambda: self._details(model, read),
        )

    def _details(self, model: RegisteredModel, read: Read) -> Details:
        run, no_run = attempted(lambda: self._run(read), None)
        document, no_file = attempted(read.file, NOTHING)
        inputs, no_inputs = attempted(lambda: features(document), ())
        owner = (run.tag("mlflow.user") or run.info.user_id or "").partition("@")[0] if run else ""
        algorithm = (run.tag("estimator_name") if run else "") or flavor(document)
        return Details(
            algorithm=algorithm or "mlmodel",
            features=inputs,
            hyper_parameters=tuple(
                MlHyperParameter(name=each.key, value=each.value) for each in (run.data.params if run else ())
            ),
            versions=tuple(_version(model, each, (read.runs or {}).get(each.run_id or "")) for each in read.versions),
            owners=(owner,) if owner else (),
            problem=read.problem or no_run or no_file or no_inputs,
        )

    def _run(self, read: Read) -> Run | None:
        """The run that made the latest version; that there is none any more only it itself can tell."""
        run_id = read.versions[0].run_id if read.versions else None
        if not run_id or read.runs is None:
            return None
        try:
            return read.runs.get(run_id) or self._mlflow.run(run_id)
        except Vanished:
            return None


def _told(model: RegisteredModel, listing: Versions) -> tuple[tuple[ModelVersion, ...], ConnectorError | None]:
    """The latest versions and those with an alias."""
    versions, problem = listing.of(model)
    aliased = {alias.version for alias in model.aliases}
    return tuple(each for n, each in enumerate(versions) if n < MOST_VERSIONS or each.version in aliased), problem


def _version(model: RegisteredModel, version: ModelVersion, run: Run | None) -> Version:
    stage = version.current_stage or ""
    return Version(
        name=version.version,
        labels=(*(alias.alias for alias in model.aliases if alias.version == version.version), *_stage(stage)),
        status=version.status or "",
        metrics=tuple((metric.key, metric.shown()) for metric in (run.data.metrics if run else ())),
    )


def _stage(stage: str) -> tuple[str, ...]:
    return () if stage in ("", "None") else (stage,)


def _tag(tag: Pair) -> str:
    """A tag's key with its value, where that is no longer than a name may be."""
    both = f"{tag.key}={tag.value}" if tag.value else tag.key
    return both if len(both) <= MAX_NAME_LENGTH else tag.key


@contextmanager
def open_source(context: Context) -> Generator[MlflowSource]:
    """What one run asks; see connectors.families.mlmodel.mlmodel_topology."""
    with open_mlflow(context.connection, context.report, context.cancellation) as mlflow:
        yield MlflowSource(context, mlflow)
