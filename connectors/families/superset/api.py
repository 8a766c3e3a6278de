"""Superset's REST API: its login, its listings and what only one of them by itself tells."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from connectors.cancellation import Cancellation
from connectors.families.rest import Endpoint, RestClient, RestLimits
from connectors.families.rest_pages import GREATEST, LEAST, by_number, by_offset
from connectors.families.superset.answers import (
    Chart,
    Connection,
    Dashboard,
    DataSet,
    DataSetDetails,
    Listed,
    One,
    Owner,
    TableColumn,
    Token,
)
from connectors.families.superset.config import SupersetConfig
from connectors.report import Observer

BASE = "/api/v1"
PAGE = 100  # more Superset gives only where its administrator has raised FAB_API_MAX_PAGE_SIZE
T = TypeVar("T")


class Superset:
    """One run's or one check's questions; thread-safe."""

    def __init__(self, client: RestClient) -> None:
        self.client = client

    def dashboards(self) -> Iterator[Dashboard]:
        """All dashboards that the user may see."""
        columns = "id,dashboard_title,url,published,owners.id,owners.email,tags.name,tags.type"
        return self._all("/dashboard/", Listed[Dashboard], lambda row: row.id, "dashboard_title", columns)

    def charts(self) -> Iterator[Chart]:
        """All charts that the user may see."""
        columns = (
            "id,slice_name,viz_type,description,url,datasource_id,datasource_type,owners.id,owners.email,"
            "dashboards.id,tags.name,tags.type"
        )
        return self._all("/chart/", Listed[Chart], lambda row: row.id, "slice_name", columns)

    def data_sets(self) -> Iterator[DataSet]:
        """All data sets that the user may see."""
        columns = "id,table_name,catalog,schema,sql,description,explore_url,database.id,owners.id"
        return self._all("/dataset/", Listed[DataSet], lambda row: row.id, "table_name", columns)

    def owners(self) -> Iterator[Owner]:
        """All who may own a data set; those who come or go meanwhile may hide one."""
        size = PAGE

        def ask(offset: int) -> tuple[Sequence[Owner], bool]:
            nonlocal size
            query = {"q": f"(page:{offset // size},page_size:{size})"}
            page = self.client.get(f"{BASE}/dataset/related/owners", Listed[Owner], query)
            if offset == 0 and 0 < len(page.result) < min(size, page.count):
                size = len(page.result)  # the server's own limit is lower
            return page.result, offset + len(page.result) < page.count

        return by_offset(ask, lambda row: str(row.value), exact=False)

    def _all(self, path: str, kind: type[Listed[T]], key: Callable[[T], int], order: str, columns: str) -> Iterator[T]:
        """By parts between two ids: pages have numbers only, and no order in which nothing has the same place."""
        chosen = f"page:0,page_size:{PAGE},order_column:{order},order_direction:asc,columns:!({columns})"

        def ask(above: int, below: int) -> tuple[Sequence[T], int]:
            bounds = [f"(col:id,opr:gt,value:{above})"] * (above >= LEAST)
            bounds += [f"(col:id,opr:lt,value:{below})"] * (below <= GREATEST)
            within = f",filters:!({','.join(bounds)})" if bounds else ""
            page = self.client.get(BASE + path, kind, {"q": f"({chosen}{within})"})
            return page.result, page.count

        return by_number(ask, key, PAGE)

    def columns(self, data_set: int) -> list[TableColumn]:
        """The columns of one data set: there is no listing of those of several."""
        chosen = {"q": "(columns:!(columns.column_name,columns.type,columns.description))"}
        return self.client.get(f"{BASE}/dataset/{data_set}", One[DataSetDetails], chosen).result.columns

    def uri(self, database: int) -> str:
        """How Superset reaches a database."""
        return self.client.get(f"{BASE}/database/{database}/connection", One[Connection]).result.sqlalchemy_uri or ""


@contextmanager
def open_superset(
    config: SupersetConfig, report: Observer, cancellation: Cancellation, limits: RestLimits | None = None
) -> Generator[Superset]:
    """A way to the Superset of a connection; nothing is asked yet."""
    with RestClient(_endpoint(config), report, cancellation, limits) as client:
        yield Superset(client)


def _endpoint(config: SupersetConfig) -> Endpoint:
    user, secret = config.connection.username, config.connection.password.get_secret_value()
    person = {"username": user, "password": secret, "provider": config.connection.provider}

    def login(client: RestClient) -> Mapping[str, str]:
        token = client.post(f"{BASE}/security/login", Token, person, signed=False)
        return {"Authorization": f"Bearer {token.access_token}"}

    return Endpoint(
        system="Superset",
        address=config.host_port,
        prefix="connection.",
        verify_ssl=config.connection.verify_ssl,
        certificates=config.connection.ssl_config,
        login=login,
        credentials="connection.username and password",
        secrets=(secret,),
    )
