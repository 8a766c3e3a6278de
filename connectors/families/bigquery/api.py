"""BigQuery's REST API: its lists, and the answers to queries; and Data Catalog's, for policy tags."""

import logging
import time
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import msgspec

from connectors.cancellation import Cancellation
from connectors.errors import ConnectorError, FatalError, SourceUnavailable
from connectors.families.bigquery.answers import (
    Cancelled,
    Dataset,
    DatasetItem,
    Datasets,
    Job,
    PolicyTag,
    PolicyTags,
    RoutineItem,
    Routines,
    Rows,
    TableDetail,
    TableItem,
    Tables,
    Taxonomy,
)
from connectors.families.bigquery.config import BigQueryConfig
from connectors.families.bigquery.failures import explained
from connectors.families.google.tokens import GoogleTokens
from connectors.families.partial_failures import attempted
from connectors.families.rest import AT_ONCE, Endpoint, RestClient, RestLimits
from connectors.families.rest_pages import by_cursor
from connectors.http.answers import Answer
from connectors.http.attempts import is_busy
from connectors.http.proxies import Proxied
from connectors.http.tls import tls_context
from connectors.report import Report

if TYPE_CHECKING:
    from concurrent.futures import Future

BASE = "/bigquery/v2/projects"
LIMITS = RestLimits(connections=16)
PAGE, PAGE_OF_ROWS = 1000, 5000
# The first answer to a query comes soon, done or not: with it its job is known, which can be cancelled.
BEGIN_MILLISECONDS, WAIT_MILLISECONDS, JOB_MILLISECONDS = 1_000, 10_000, 300_000
CANCEL_SECONDS = 5.0
# Reasons of a 403 that says nothing of rights.
LATER = (b'"rateLimitExceeded"', b'"jobRateLimitExceeded"', b'"quotaExceeded"')
OF_ROUTINES = "routineReference,routineType,language,definitionBody,description"
SqlRow = tuple[Any, ...]
logger = logging.getLogger(__name__)


class BigQuery:
    """One run's or one check's questions; thread-safe."""

    def __init__(self, config: BigQueryConfig, tokens: GoogleTokens, client: RestClient, catalog: RestClient) -> None:
        self._config = config
        self._tokens = tokens
        self._client = client
        self._catalog = catalog
        self._unfinished: dict[str, Job] = {}

    @property
    def unfinished(self) -> tuple[Job, ...]:
        """The queries that BigQuery still works on."""
        return tuple(self._unfinished.values())

    def cancel(self, job: Job) -> None:
        """Have BigQuery end a query; raises what every question does."""
        path = f"{BASE}/{_path(job.project_id)}/jobs/{quote(job.job_id, safe='')}/cancel"
        self._client.post(path, Cancelled, {}, {"location": job.location} if job.location else {})

    def projects(self) -> tuple[str, ...]:
        """Those of the definition, or the one that its credentials are of.

        Raises:
            FatalError: Neither says any.
        """
        named = self._config.credentials.gcp_config.projects
        own = None if named else self._tokens.project
        if not named and own is None:
            message = "no project is named, and the credentials tell of none"
            raise FatalError(message, "give credentials.gcpConfig.projectId")
        return named or (str(own),)

    def knock(self, project: str) -> None:
        """See that BigQuery answers, whatever it says of this project; raises what every question does if not."""
        attempted(lambda: self._client.get(f"{BASE}/{_path(project)}/datasets", Datasets, {"maxResults": 1}), None)

    def datasets(self, project: str) -> Datasets:
        """The datasets of a project that the user may see, by name: all pages as one."""
        unreachable: set[str] = set()

        def ask(token: str) -> tuple[Sequence[DatasetItem], str | None]:
            page = self._client.get(f"{BASE}/{_path(project)}/datasets", Datasets, _page(token))
            unreachable.update(page.unreachable)
            return page.datasets, page.next_page_token or None

        with explained(f"project {project}"):
            found = sorted(by_cursor(ask, ""), key=lambda item: item.dataset_reference.dataset_id)
        return Datasets("bigquery#datasetList", tuple(found), unreachable=tuple(sorted(unreachable)))

    def sizes(self, project: str, datasets: Sequence[DatasetItem]) -> Generator[tuple[DatasetItem, "Future[int]"]]:
        """Each with how many tables and views it has."""

        def ask(item: DatasetItem) -> int:
            path = f"{_dataset(project, item.dataset_reference.dataset_id)}/tables"
            return self._client.get(path, Tables, {"maxResults": 1}).total_items

        return self._client.ahead(datasets, ask)

    def described(
        self, project: str, datasets: Sequence[DatasetItem]
    ) -> Generator[tuple[DatasetItem, "Future[Dataset]"]]:
        """Each with what it says by itself."""

        def ask(item: DatasetItem) -> Dataset:
            return self._client.get(_dataset(project, item.dataset_reference.dataset_id), Dataset)

        return self._client.ahead(datasets, ask)

    def tables(self, project: str, dataset: str) -> Iterator[TableItem]:
        """The tables and views of a dataset, in the order in which it lists them."""

        def ask(token: str) -> tuple[Sequence[TableItem], str | None]:
            page = self._client.get(f"{_dataset(project, dataset)}/tables", Tables, _page(token))
            return page.tables, page.next_page_token or None

        with explained(f"the tables of dataset {project}.{dataset}"):
            yield from by_cursor(ask, "")

    def table(self, project: str, dataset: str, table: str) -> TableDetail:
        """One table by itself; raises Vanished where there is none."""
        with explained(f"table {project}.{dataset}.{table}"):
            return self._client.get(f"{_dataset(project, dataset)}/tables/{quote(table, safe='')}", TableDetail)

    def routines(self, project: str, dataset: str) -> Iterator[RoutineItem]:
        """The functions and procedures of a dataset, with their texts."""

        def ask(token: str) -> tuple[Sequence[RoutineItem], str | None]:
            query = {**_page(token), "readMask": OF_ROUTINES}
            page = self._client.get(f"{_dataset(project, dataset)}/routines", Routines, query)
            return page.routines, page.next_page_token or None

        with explained(f"the routines of dataset {project}.{dataset}"):
            yield from by_cursor(ask, "")

    def answers(self, project: str, location: str, queries: Sequence[str], subject: str) -> list[Iterator[SqlRow]]:
        """The rows of each of the queries, which are under way at the same time.

        Raises:
            SourceUnavailable: BigQuery does not answer.
            FatalError: The user may not ask queries.
            ConnectorError: It does not answer these.
        """

        def ask(query: str) -> Rows:
            return self._begun(project, location, query)

        with explained(subject):
            return [self._rows(future.result(), subject) for _, future in self._client.ahead(queries, ask)]

    def _begun(self, project: str, location: str, query: str) -> Rows:
        body = {
            "query": " ".join(query.split()),
            "useLegacySql": False,
            "location": location or None,
            "timeoutMs": BEGIN_MILLISECONDS,
            "jobTimeoutMs": str(JOB_MILLISECONDS),
            "maxResults": PAGE_OF_ROWS,
            "requestId": str(uuid.uuid4()),  # asked again, it is the same query and is charged once
            "labels": {"application": "headwater"},
        }
        rows = self._client.post(f"{BASE}/{_path(self._config.billing_project_id or project)}/queries", Rows, body)
        if not rows.job_complete:
            self._unfinished[rows.job_reference.job_id] = rows.job_reference
        return rows

    def _rows(self, first: Rows, subject: str) -> Iterator[SqlRow]:
        job = first.job_reference
        path = f"{BASE}/{_path(job.project_id)}/queries/{quote(job.job_id, safe='')}"
        waiting: dict[str, str | int] = {"timeoutMs": WAIT_MILLISECONDS, "maxResults": PAGE_OF_ROWS}
        if job.location:
            waiting["location"] = job.location

        def ask(token: str) -> tuple[Sequence[SqlRow], str | None]:
            page = first
            if token or not page.job_complete:
                given = {**waiting, "pageToken": token} if token else waiting
                page = self._complete(path, given, subject)
                self._unfinished.pop(job.job_id, None)
            if page.errors:  # an answer that may not be whole would make tables look gone
                message = f"{subject}: {page.errors[0].reason}: {page.errors[0].message}"
                raise ConnectorError(message, "look at the query's job in BigQuery's console")
            return [tuple(cell.v for cell in row.f) for row in page.rows], page.page_token or None

        with explained(subject):
            yield from by_cursor(ask, "")

    def _complete(self, path: str, query: Mapping[str, str | int], subject: str) -> Rows:
        """A page of a job's answer, once it is done: BigQuery may go on with one that takes too long."""
        latest = time.monotonic() + JOB_MILLISECONDS / 1000
        while not (page := self._client.get(path, Rows, query)).job_complete:
            if time.monotonic() > latest:
                message = f"{subject}: the query is not done after {JOB_MILLISECONDS // 1000} s"
                raise SourceUnavailable(message, "see in BigQuery's console what the project's queries wait for")
        return page

    def taxonomy(self, path: str) -> tuple[Taxonomy, list[PolicyTag]]:
        """A taxonomy by its path, with its policy tags."""

        def ask(token: str) -> tuple[Sequence[PolicyTag], str | None]:
            page = self._catalog.get(f"{place}/policyTags", PolicyTags, _page(token, "pageSize"))
            return page.policy_tags, page.next_page_token or None

        place = f"/v1/{quote(path)}"
        return self._catalog.get(place, Taxonomy), list(by_cursor(ask, ""))


def busy(answer: Answer) -> bool:
    """Whether an answer says to ask later; some that are none of rights are sent as if they were."""
    refused = answer.status == HTTPStatus.FORBIDDEN and any(reason in answer.body for reason in LATER)
    return refused or is_busy(answer)


@contextmanager
def open_bigquery(
    config: BigQueryConfig, report: Report, cancellation: Cancellation, limits: RestLimits | None = None
) -> Generator[BigQuery]:
    """A way to the BigQuery of a connection; nothing is asked yet. What is not done at its end is cancelled."""
    with _opened(config, report, cancellation, limits or LIMITS) as api:
        try:
            yield api
        finally:
            if api.unfinished:
                _cancel(api.unfinished, config, report)


def _cancel(jobs: Sequence[Job], config: BigQueryConfig, report: Report) -> None:
    """On a way of its own, as the run's may be closed; what fails is left to the query's own time limit."""
    try:
        with _opened(config, report, Cancellation(CANCEL_SECONDS), AT_ONCE) as api:
            for job in jobs:
                api.cancel(job)
                logger.info("the query %s of BigQuery is cancelled", job.job_id)
    except ConnectorError as error:
        logger.warning("a query of BigQuery may go on for up to %d s: %s", JOB_MILLISECONDS // 1000, error)


@contextmanager
def _opened(
    config: BigQueryConfig, report: Report, cancellation: Cancellation, limits: RestLimits
) -> Generator[BigQuery]:
    with ExitStack() as stack:
        http = stack.enter_context(httpx.Client(transport=Proxied(tls_context("https://", "no-ssl", None))))
        tokens = GoogleTokens(config.credentials, report, cancellation, http)
        key = config.credentials.gcp_config.private_key
        of_bigquery = Endpoint(
            system="BigQuery",
            address=config.address,
            login=lambda _client: tokens.header(),
            busy=busy,
            credentials="credentials.gcpConfig",
            secrets=(key.get_secret_value(),) if key else (),
        )
        of_catalog = msgspec.structs.replace(of_bigquery, system="Data Catalog", address=config.policy_tags_address)
        client, catalog = (
            stack.enter_context(RestClient(endpoint, report, cancellation, limits))
            for endpoint in (of_bigquery, of_catalog)
        )
        yield BigQuery(config, tokens, client, catalog)


def _dataset(project: str, dataset: str) -> str:
    return f"{BASE}/{_path(project)}/datasets/{quote(dataset, safe='')}"


def _path(project: str) -> str:
    return quote(project, safe=":")


def _page(token: str, size: str = "maxResults") -> dict[str, str | int]:
    return {size: PAGE, "pageToken": token} if token else {size: PAGE}
