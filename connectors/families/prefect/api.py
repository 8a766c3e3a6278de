"""Prefect's REST API: its listings."""

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import httpx
import msgspec

from connectors.cancellation import Cancellation
from connectors.families.prefect.answers import Deployment, Flow, FlowRun, TaskRun
from connectors.families.prefect.config import PrefectCloudAuthentication, PrefectConfig
from connectors.families.rest import Endpoint, RestClient, RestLimits
from connectors.families.rest_pages import by_offset
from connectors.report import Observer

PAGE = 200  # the most that Prefect gives
VERSION = re.compile(r"\d+\.\d+")


class Identified(Protocol):
    """Anything that Prefect lists."""

    id: str


RowT = TypeVar("RowT", bound=Identified)


class Prefect:
    """One run's or one check's questions; thread-safe."""

    def __init__(self, client: RestClient, base: str, *, in_cloud: bool) -> None:
        self.client = client
        self._base = base
        self._in_cloud = in_cloud

    def count(self) -> int:
        """How many flows there are."""
        return self.client.post(f"{self._base}/flows/count", int, {})

    def flows(self) -> Iterator[Flow]:
        """All flows, by name; that there is none only a Prefect may say.

        Raises:
            FatalError: What answers is no Prefect.
        """
        flow = None
        for flow in self._all("flows", list[Flow], {"sort": "NAME_ASC"}, {}):
            yield flow
        if flow is None:
            self.client.require(self._known)

    def _known(self) -> bool:
        """Prefect counts its flows, and all but its Cloud tells a version."""
        return self.count() >= 0 and (self._in_cloud or self._told_version())

    def _told_version(self) -> bool:
        return VERSION.match(self.client.get(f"{self._base}/admin/version", str)) is not None

    def deployments(self, flow_ids: Sequence[str]) -> Iterator[Deployment]:
        """All deployments of these flows, the latest first: several may have one name, which is no order to page by."""
        chosen = {"flows": {"id": {"any_": flow_ids}}}
        return self._all("deployments", list[Deployment], {"sort": "CREATED_DESC"}, chosen)

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
        def ask(offset: int) -> tuple[Sequence[RowT], bool]:
            body = {**sort, **chosen, "limit": PAGE, "offset": offset}
            rows = self.client.post(f"{self._base}/{path}/filter", kind, body)
            return rows, len(rows) >= PAGE

        return by_offset(ask, lambda row: row.id)


@contextmanager
def open_prefect(
    config: PrefectConfig, report: Observer, cancellation: Cancellation, limits: RestLimits | None = None
) -> Generator[Prefect]:
    """A way to the Prefect of a connection; nothing is asked yet."""
    with RestClient(_endpoint(config), report, cancellation, limits) as client:
        auth = config.auth_type
        yield Prefect(client, auth.base, in_cloud=isinstance(auth, PrefectCloudAuthentication))


def _endpoint(config: PrefectConfig) -> Endpoint:
    auth = config.auth_type
    common = Endpoint(
        system="Prefect", address=config.host_port, verify_ssl=config.verify_ssl, certificates=config.ssl_config
    )
    if isinstance(auth, PrefectCloudAuthentication):
        secret = auth.api_key.get_secret_value()
        headers = {"Authorization": f"Bearer {secret}"}
        credentials = "authType.apiKey, accountId and workspaceId"
        return msgspec.structs.replace(common, headers=headers, credentials=credentials, secrets=(secret,))
    user, colon, secret = auth.auth_string.get_secret_value().partition(":")
    basic = httpx.BasicAuth(user, secret) if colon else None
    return msgspec.structs.replace(
        common, auth=basic, credentials="authType.authString", secrets=(secret,) if secret else ()
    )
