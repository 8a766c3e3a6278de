"""Prefect's REST API: its listings."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import httpx

from connectors.cancellation import Cancellation
from connectors.families.prefect.answers import Deployment, Flow, FlowRun, TaskRun
from connectors.families.prefect.config import PrefectCloudAuthentication, PrefectConfig
from connectors.families.rest import Endpoint, RestClient, RestLimits
from connectors.families.rest_pages import by_offset
from connectors.report import Observer

PAGE = 200  # the most that Prefect gives


class Identified(Protocol):
    """Anything that Prefect lists."""

    id: str


RowT = TypeVar("RowT", bound=Identified)


class Prefect:
    """One run's or one check's questions; thread-safe."""

    def __init__(self, client: RestClient, base: str) -> None:
        self.client = client
        self._base = base

    def count(self) -> int:
        """How many flows there are."""
        return self.client.post(f"{self._base}/flows/count", int, {})

    def flows(self) -> Iterator[Flow]:
        """All flows, by name."""
        return self._all("flows", list[Flow], {"sort": "NAME_ASC"}, {})

    def deployments(self, flow_ids: Sequence[str]) -> Iterator[Deployment]:
        """All deployments of these flows, by name."""
        return self._all("deployments", list[Deployment], {"sort": "NAME_ASC"}, {"flows": {"id": {"any_": flow_ids}}})

    def runs(self, flow_id: str, most: int) -> list[FlowRun]:
        """The latest runs of a flow that have begun; there is no listing of the latest of several."""
        began = {"start_time": {"is_null_": False}}
        body = {"flows": {"id": {"any_": [flow_id]}}, "flow_runs": began, "sort": "START_TIME_DESC", "limit": most}
        return self.client.post(f"{self._base}/flow_runs/filter", list[FlowRun], body)

    def task_runs(self, run_ids: Sequence[str]) -> Iterator[TaskRun]:
        """What became of the tasks of these runs."""
        return self._all("task_runs", list[TaskRun], {"sort": "ID_DESC"}, {"flow_runs": {"id": {"any_": run_ids}}})

    def _all(
        self, path: str, kind: type[list[RowT]], sort: Mapping[str, str], chosen: Mapping[str, Any]
    ) -> Iterator[RowT]:
        def ask(offset: int) -> tuple[Sequence[RowT], int]:
            body = {**sort, **chosen, "limit": PAGE, "offset": offset}
            rows = self.client.post(f"{self._base}/{path}/filter", kind, body)
            if offset == 0 and len(rows) < PAGE:  # all of them, which needs no counting
                return rows, len(rows)
            return rows, self.client.post(f"{self._base}/{path}/count", int, chosen)

        return by_offset(ask, lambda row: row.id)


@contextmanager
def open_prefect(
    config: PrefectConfig, report: Observer, cancellation: Cancellation, limits: RestLimits | None = None
) -> Generator[Prefect]:
    """A way to the Prefect of a connection; nothing is asked yet."""
    with RestClient(_endpoint(config), report, cancellation, limits) as client:
        yield Prefect(client, config.auth_type.base)


def _endpoint(config: PrefectConfig) -> Endpoint:
    auth = config.auth_type
    common = Endpoint(
        system="Prefect", address=config.host_port, verify_ssl=config.verify_ssl, certificates=config.ssl_config
    )
    if isinstance(auth, PrefectCloudAuthentication):
        secret = auth.api_key.get_secret_value()
        headers = {"Authorization": f"Bearer {secret}"}
        credentials = "authType.apiKey, accountId and workspaceId"
        return replace(common, headers=headers, credentials=credentials, secrets=(secret,))
    user, colon, secret = auth.auth_string.get_secret_value().partition(":")
    basic = httpx.BasicAuth(user, secret) if colon else None
    return replace(common, auth=basic, credentials="authType.authString", secrets=(secret,) if secret else ())
