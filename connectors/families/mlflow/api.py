"""MLflow's REST API: its listings, and the files of its models."""

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import msgspec
from pydantic import SecretStr

from connectors.cancellation import Cancellation
from connectors.families import rest
from connectors.families.mlflow.answers import (
    Experiments,
    ModelVersion,
    ModelVersions,
    OneRun,
    RegisteredModel,
    RegisteredModels,
    Run,
    Runs,
)
from connectors.families.mlflow.config import MlflowConfig, without_login
from connectors.families.partial_failures import attempted
from connectors.families.rest import Endpoint, Query, RestClient, RestLimits
from connectors.families.rest_pages import by_cursor, settled
from connectors.once import Once
from connectors.report import Observer

BASE = "/api/2.0/mlflow"
MODELS, VERSIONS, EXPERIMENTS, RUNS = 100, 1000, 1000, 100
RUN_ID = re.compile(r"[\w-]+")
FILE = "MLmodel"
VERSION = re.compile(r"\d+\.\d+[\w.]*$")


class Mlflow:
    """One run's or one check's questions; thread-safe but for the listings."""

    def __init__(self, tracking: RestClient, registry: RestClient, files: RestClient) -> None:
        self.registry = registry
        self._tracking = tracking
        self._files = files
        self.experiments = Once(self._listed_experiments)

    def models(self) -> Iterator[RegisteredModel]:
        """All registered models, by name; that there is none only an MLflow may say.

        Raises:
            FatalError: What answers is no MLflow.
        """

        def pages() -> Iterator[Sequence[RegisteredModel]]:
            def ask(token: str) -> tuple[Sequence[Sequence[RegisteredModel]], str | None]:
                page = self.registry.get(
                    f"{BASE}/registered-models/search", RegisteredModels, _page(token, MODELS, ["name ASC"])
                )
                return (page.registered_models,), page.next_page_token or None

            return by_cursor(ask, "")

        model = None
        for model in settled(pages, lambda model: model.name):
            yield model
        if model is None:
            self.registry.require(self._known)

    def _known(self) -> bool:
        """MLflow tells its version and, where that may not be asked, has an experiment."""
        version, _ = attempted(lambda: self.registry.text("/version"), "")
        if VERSION.match(version):
            return True
        query = {"max_results": 1, "view_type": "ALL"}
        return bool(self.registry.get(f"{BASE}/experiments/search", Experiments, query).experiments)

    def versions(self) -> Iterator[ModelVersion]:
        """The versions of all models, by the model's name, the latest first."""
        order = ["name ASC", "version_number DESC"]

        def ask(token: str) -> tuple[Sequence[ModelVersion], str | None]:
            page = self.registry.get(f"{BASE}/model-versions/search", ModelVersions, _page(token, VERSIONS, order))
            return page.model_versions, page.next_page_token or None

        return by_cursor(ask, "")

    def _listed_experiments(self) -> list[str]:
        """The ids of all experiments, those that were deleted, too."""

        def ask(token: str) -> tuple[Sequence[str], str | None]:
            query = {**_page(token, EXPERIMENTS, []), "view_type": "ALL"}
            page = self._tracking.get(f"{BASE}/experiments/search", Experiments, query)
            return [each.experiment_id for each in page.experiments], page.next_page_token or None

        return list(by_cursor(ask, ""))

    def runs(self, run_ids: Sequence[str]) -> dict[str, Run]:
        """Those of these runs that are in experiments that the user may read; runs are only listed by experiment."""
        found: dict[str, Run] = {}
        wanted = [run_id for run_id in run_ids if RUN_ID.fullmatch(run_id)]
        for first in range(0, len(wanted), RUNS):
            part = wanted[first : first + RUNS]
            for start in range(0, len(self.experiments()), EXPERIMENTS):
                missing = [run_id for run_id in part if run_id not in found]
                if missing:
                    found |= {
                        run.info.run_id: run for run in self._runs(missing, self.experiments()[start:][:EXPERIMENTS])
                    }
        return found

    def _runs(self, run_ids: Sequence[str], experiments: Sequence[str]) -> Iterator[Run]:
        chosen = ", ".join(f"'{run_id}'" for run_id in run_ids)
        body: dict[str, Any] = {
            "experiment_ids": experiments,
            "filter": f"attributes.run_id IN ({chosen})",
            "run_view_type": "ALL",
            "max_results": len(run_ids),
        }

        def ask(token: str) -> tuple[Sequence[Run], str | None]:
            page = self._tracking.post(f"{BASE}/runs/search", Runs, {**body, "page_token": token} if token else body)
            return page.runs, page.next_page_token or None

        return by_cursor(ask, "")

    def run(self, run_id: str) -> Run:
        """One run; raises Vanished where there is none, Refused where the user may not read it."""
        return self._tracking.get(f"{BASE}/runs/get", OneRun, {"run_id": run_id}).run

    def file(self, version: ModelVersion) -> str:
        """The file that describes a version; raises Vanished where it has none."""
        source, run_id = version.source or "", version.run_id or ""
        for mark in (f"runs:/{run_id}/", f"/{run_id}/artifacts/"):
            if run_id and mark in source:
                path = f"{source.partition(mark)[2].strip('/')}/{FILE}".lstrip("/")
                return self._files.text("/get-artifact", {"run_uuid": run_id, "path": path})
        named = {"name": version.name, "version": version.version, "path": FILE}
        return self._files.text("/model-versions/get-artifact", named)


@contextmanager
def open_mlflow(
    config: MlflowConfig, report: Observer, cancellation: Cancellation, limits: RestLimits | None = None
) -> Generator[Mlflow]:
    """A way to the MLflow of a connection; nothing is asked yet."""
    limits = limits or rest.LIMITS
    # It answers 500 for every file in a store that it cannot reach, now or later.
    at_once = msgspec.structs.replace(limits, retry=msgspec.structs.replace(limits.retry, few_tries=1))
    tracking, registry = _endpoint(config.tracking_uri, "trackingUri"), _endpoint(config.registry_uri, "registryUri")
    with ExitStack() as stack:
        clients = (
            stack.enter_context(RestClient(endpoint, report, cancellation, each))
            for endpoint, each in ((tracking, limits), (registry, limits), (registry, at_once))
        )
        yield Mlflow(*clients)


def _endpoint(uri: SecretStr | str, key: str) -> Endpoint:
    address, login = without_login(uri)
    return Endpoint(
        system="MLflow",
        address=address,
        key=key,
        auth=httpx.BasicAuth(*login) if login else None,
        credentials=f"user and password in {key}",
        secrets=(login[1],) if login else (),
    )


def _page(token: str, size: int, order: list[str]) -> Query:
    query: dict[str, str | int | list[str]] = {"max_results": size, "order_by": order}
    return {**query, "page_token": token} if token else query
