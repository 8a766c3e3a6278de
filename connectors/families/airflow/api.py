"""Airflow's REST API: which version answers, how it lets a user in, and its listings."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from connectors.cancellation import Cancellation
from connectors.errors import FatalError
from connectors.families.airflow.answers import (
    Asset,
    Assets,
    Dag,
    DagRun,
    DagRuns,
    Dags,
    DagTasks,
    TaskInstance,
    TaskInstances,
    Token,
    Version,
)
from connectors.families.airflow.config import AirflowConfig, BasicAuth
from connectors.families.partial_failures import Vanished
from connectors.families.rest import Endpoint, RestClient, RestLimits
from connectors.families.rest_pages import by_offset
from connectors.http.answers import Answer
from connectors.report import Observer

PAGE = 100
ApiVersion = Literal["v1", "v2"]
T = TypeVar("T")


class Airflow:
    """One run's or one check's questions; thread-safe."""

    def __init__(self, client: RestClient, version: ApiVersion, release: str) -> None:
        self.client = client
        self.version = version
        self.release = release
        self._base = f"/api/{version}"

    def dags(self) -> Iterator[Dag]:
        """All DAGs that Airflow still parses, by id."""

        def ask(offset: int) -> tuple[Sequence[Dag], bool]:
            page = self._dags(offset, PAGE)
            return page.dags, _more(page.dags, offset, page.total_entries)

        return by_offset(ask, lambda dag: dag.dag_id)

    def count(self) -> int:
        """How many DAGs those are."""
        return self._dags(0, 1).total_entries

    def _dags(self, offset: int, limit: int) -> Dags:
        only = {"only_active": "true"} if self.version == "v1" else {"exclude_stale": "true"}
        query = {"limit": limit, "offset": offset, "order_by": "dag_id", **only}
        return self.client.get(f"{self._base}/dags", Dags, query)

    def tasks(self, dag_id: str) -> DagTasks:
        """The tasks of one DAG: there is no listing of those of several."""
        return self.client.get(f"{self._base}/dags/{quote(dag_id, safe='')}/tasks", DagTasks)

    def since(self, days: int) -> str | None:
        """The moment so many days ago, by the server's clock; None where it does not tell the time."""
        now = self.client.server_date
        return None if now is None else (now - timedelta(days=days)).isoformat()

    def runs(self, dag_ids: Sequence[str], since: str | None) -> Iterator[DagRun]:
        """The runs of these DAGs that began after `since`, the latest first."""
        body: dict[str, Any] = {"dag_ids": list(dag_ids), "order_by": "-start_date", **_began(since)}

        def ask(offset: int) -> tuple[Sequence[DagRun], bool]:
            page = self._listed("/dags/~/dagRuns/list", DagRuns, body, offset)
            return page.dag_runs, _more(page.dag_runs, offset, page.total_entries)

        return by_offset(ask, lambda run: f"{run.dag_id}\n{run.dag_run_id}", exact=False)

    def task_instances(
        self, dag_ids: Sequence[str], run_ids: Sequence[str], since: str | None
    ) -> Iterator[TaskInstance]:
        """The tasks of these DAGs in these runs; v1 gives those of all runs that began after `since`."""
        chosen: Mapping[str, Any] = _began(since) if self.version == "v1" else {"dag_run_ids": list(run_ids)}
        body: dict[str, Any] = {"dag_ids": list(dag_ids), **chosen}

        def ask(offset: int) -> tuple[Sequence[TaskInstance], bool]:
            page = self._listed("/dags/~/dagRuns/~/taskInstances/list", TaskInstances, body, offset)
            return page.task_instances, _more(page.task_instances, offset, page.total_entries)

        return by_offset(
            ask, lambda task: f"{task.dag_id}\n{task.dag_run_id}\n{task.task_id}\n{task.map_index}", exact=False
        )

    def assets(self) -> Iterator[Asset]:
        """All assets, with the DAGs that read and write them."""
        path = f"{self._base}/{'datasets' if self.version == 'v1' else 'assets'}"

        def ask(offset: int) -> tuple[Sequence[Asset], bool]:
            page = self.client.get(path, Assets, {"limit": PAGE, "offset": offset, "order_by": "id"})
            assets = page.assets or page.datasets
            return assets, _more(assets, offset, page.total_entries)

        return by_offset(ask, lambda asset: str(asset.id))

    def _listed(self, path: str, kind: type[T], body: Mapping[str, Any], offset: int) -> T:
        return self.client.post(self._base + path, kind, {**body, "page_limit": PAGE, "page_offset": offset})


@contextmanager
def open_airflow(
    config: AirflowConfig, report: Observer, cancellation: Cancellation, limits: RestLimits | None = None
) -> Generator[Airflow]:
    """A way to the Airflow of a connection, whose version is known.

    Raises:
        FatalError: What answers is no Airflow whose API we know.
        SourceUnavailable: Nothing answers.
    """
    found = _version(config, report, cancellation, limits)
    with RestClient(_endpoint(config, found[0]), report, cancellation, limits) as client:
        yield Airflow(client, *found)


def _version(
    config: AirflowConfig, report: Observer, cancellation: Cancellation, limits: RestLimits | None
) -> tuple[ApiVersion, str]:
    wanted = config.connection.api_version
    tried: Iterable[ApiVersion] = ("v2", "v1") if wanted == "auto" else (wanted,)
    with RestClient(_endpoint(config, "v1"), report, cancellation, limits) as client:
        for version in tried:
            try:
                return version, client.get(f"/api/{version}/version", Version).version
            except Vanished:
                continue
    msg = f"{config.host_port} has no REST API of Airflow's of the version {' or '.join(tried)}"
    raise FatalError(msg, "correct hostPort or connection.apiVersion; Airflow 2 has v1, Airflow 3 v2")


def _endpoint(config: AirflowConfig, version: ApiVersion) -> Endpoint:
    """v1 takes a user's password with each request, v2 gives a token for it."""
    auth = config.connection.auth_config
    common = Endpoint(
        system="Airflow",
        address=config.host_port,
        prefix="connection.",
        verify_ssl="no-ssl" if config.connection.verify_ssl else "ignore",
        session_over=_session_over,
    )
    if not isinstance(auth, BasicAuth):
        secret = auth.token.get_secret_value()
        headers = {"Authorization": f"Bearer {secret}"}
        return msgspec.structs.replace(
            common, headers=headers, credentials="connection.authConfig.token", secrets=(secret,)
        )
    user, secret = auth.username, auth.password.get_secret_value()

    def login(client: RestClient) -> Mapping[str, str]:
        token = client.post("/auth/token", Token, {"username": user, "password": secret}, signed=False)
        return {"Authorization": f"Bearer {token.access_token}"}

    basic, session = (httpx.BasicAuth(user, secret), None) if version == "v1" else (None, login)
    credentials = "connection.authConfig.username and password"
    return msgspec.structs.replace(common, auth=basic, login=session, credentials=credentials, secrets=(secret,))


def _more(items: Sequence[object], offset: int, total: int) -> bool:
    """Whether a page may be followed by another: it is counted apart, and a server's own limit may be lower."""
    return len(items) >= PAGE or offset + len(items) < total


def _began(since: str | None) -> dict[str, str]:
    return {} if since is None else {"start_date_gte": since}


def _session_over(answer: Answer) -> bool:
    """Airflow 3 calls a token that is no longer good forbidden, and tells by its words only."""
    return answer.status == HTTPStatus.UNAUTHORIZED or (
        answer.status == HTTPStatus.FORBIDDEN and b"token" in answer.body.lower()
    )
