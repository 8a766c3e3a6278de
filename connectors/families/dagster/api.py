"""Dagster's GraphQL API: what is asked, and answers that are errors."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from connectors.cancellation import Cancellation
from connectors.decoding import decoder_of
from connectors.errors import ConnectorError
from connectors.families import rest
from connectors.families.dagster.answers import (
    AssetNode,
    Envelope,
    FieldNames,
    JobDetails,
    Repository,
    Runs,
    Schedule,
    Workspace,
)
from connectors.families.dagster.config import DagsterConfig
from connectors.families.partial_failures import Refused, Vanished
from connectors.families.rest import Endpoint, RestClient, RestLimits
from connectors.once import Once
from connectors.report import Observer

MOST_RUNS = 25
WORKSPACE = """{ workspaceOrError { __typename ... on Error { message } ... on Workspace { locationEntries { name
  locationOrLoadError { __typename ... on RepositoryLocation { repositories { name } } ... on PythonError { message } }
} } } }"""
REPOSITORY = """query ($at: RepositorySelector!) { repositoryOrError(repositorySelector: $at) {
  __typename ... on Error { message } ... on Repository { %s } } }"""
JOBS = "jobs { name }"
SCHEDULES = "schedules { pipelineName cronSchedule executionTimezone scheduleState { status } }"
OWNERS = "owners { ... on UserDefinitionOwner { email } ... on TeamDefinitionOwner { team } }"
ASSETS = "assetNodes { assetKey { path } dependencyKeys { path } jobNames }"
ASSET_METADATA = """assetNodes { assetKey { path } jobNames
  metadataEntries { label ... on TextMetadataEntry { text } } }"""
OPS = """job%(n)d: pipelineOrError(params: $job%(n)d) { __typename ... on Error { message }
  ... on Pipeline { description tags { key value } %(owners)s
  solidHandles { handleID solid { definition { __typename description }
  outputs { dependedBy { solid { name } } } } } } }"""
RUNS = """runs%(n)d: runsOrError(filter: {pipelineName: $name%(n)d, createdAfter: $since}, limit: $most) {
  __typename ... on Error { message } ... on Runs { results { runId status creationTime startTime
  repositoryOrigin { repositoryName repositoryLocationName } stepStats { stepKey status startTime endTime } } } }"""
T = TypeVar("T")
AnswerT = TypeVar("AnswerT", Workspace, Repository, JobDetails, Runs)


class Place(msgspec.Struct, frozen=True, order=True):
    """A repository in a code location."""

    location: str
    repository: str

    def selector(self) -> dict[str, str]:
        """The same as the API wants to read it."""
        return {"repositoryLocationName": self.location, "repositoryName": self.repository}


class Dagster:
    """One run's or one check's questions; thread-safe."""

    def __init__(self, client: RestClient) -> None:
        self.client = client
        self._has_owners = Once(self._asked_for_owners)

    def places(self) -> tuple[list[Place], list[ConnectorError]]:
        """All repositories, and the errors of the code locations that could not be loaded."""
        answer = self._ask(WORKSPACE, {}, {"workspaceOrError": Workspace})["workspaceOrError"]
        found: list[Place] = []
        failed: list[ConnectorError] = []
        for entry in checked(answer, "the workspace").location_entries:
            loaded = entry.location_or_load_error
            if loaded is None or loaded.message is not None:
                words = "it is still being loaded" if loaded is None else loaded.message
                msg = f"Dagster has not loaded the code location {entry.name}: {words}"
                failed.append(ConnectorError(msg, "mend its code, or try again when it is loaded"))
            else:
                found.extend(Place(entry.name, each.name) for each in loaded.repositories)
        return sorted(found), failed

    def jobs(self, place: Place) -> list[str]:
        """The names of the jobs of a repository."""
        return [job.name for job in self._repository(place, JOBS).jobs]

    def schedules(self, place: Place) -> list[Schedule]:
        """The schedules of a repository."""
        return self._repository(place, SCHEDULES).schedules

    def assets(self, place: Place) -> list[AssetNode]:
        """The assets of a repository, by which jobs, and what they are made of."""
        return self._repository(place, ASSETS).asset_nodes

    def asset_metadata(self, place: Place) -> list[AssetNode]:
        """The assets of a repository, by which jobs, and what is said of them."""
        return self._repository(place, ASSET_METADATA).asset_nodes

    def _repository(self, place: Place, wanted: str) -> Repository:
        key = "repositoryOrError"
        answer = self._ask(REPOSITORY % wanted, {"at": place.selector()}, {key: Repository})[key]
        return checked(answer, f"the repository {place.repository} of {place.location}")

    def _asked_for_owners(self) -> bool:
        """Whether jobs have owners in this version."""
        answer = self._ask('{ __type(name: "Pipeline") { fields { name } } }', {}, {"__type": FieldNames})
        return any(field.name == "owners" for field in answer["__type"].fields)

    def details(self, jobs: Sequence[tuple[Place, str]], since: float | None) -> list[tuple[JobDetails, Runs | None]]:
        """These jobs, and their latest runs that began after `since`, in seconds since 1970, if given."""
        declared, parts = ["$since: Float", "$most: Int"], list[str]()
        owners = OWNERS if self._has_owners() else ""
        variables: dict[str, Any] = {"since": since, "most": MOST_RUNS}
        kinds: dict[str, type[JobDetails] | type[Runs]] = {}
        for n, (place, name) in enumerate(jobs):
            declared.append(f"$job{n}: PipelineSelector!")
            variables[f"job{n}"] = {**place.selector(), "pipelineName": name}
            kinds[f"job{n}"] = JobDetails
            parts.append(OPS % {"n": n, "owners": owners})
            if since is not None:
                declared.append(f"$name{n}: String!")
                variables[f"name{n}"] = name
                kinds[f"runs{n}"] = Runs
                parts.append(RUNS % {"n": n})
        if since is None:
            declared, variables = declared[2:], {key: variables[key] for key in kinds}
        query = f"query ({', '.join(declared)}) {{ {' '.join(parts)} }}"
        answers: Mapping[str, Any] = self._ask(query, variables, kinds)
        return [(answers[f"job{n}"], answers.get(f"runs{n}")) for n in range(len(jobs))]

    def _ask(self, query: str, variables: Mapping[str, Any], kinds: Mapping[str, type[T]]) -> dict[str, T]:
        """Each part of the answer as its own type; errors of the whole question are raised as Refused."""
        body = {"query": query, "variables": variables}
        envelope = self.client.post("/graphql", Envelope, body)
        data = envelope.data or {}
        stranger = "see whether host is the address of Dagster's API, and its version"
        if envelope.errors:
            words = "; ".join(error.message for error in envelope.errors)
            msg = f"Dagster does not answer the question: {words}"
            raise Refused(msg, f"let the user of token read it, or {stranger}")
        if not kinds.keys() <= data.keys():
            msg = "Dagster does not answer the question: a part is missing"
            raise ConnectorError(msg, stranger)
        try:
            return {key: decoder_of(kind, strict=False).decode(data[key]) for key, kind in kinds.items()}
        except msgspec.MsgspecError as error:
            msg = f"Dagster answers something else than it should: {error}"
            raise ConnectorError(msg, stranger) from error


def checked(answer: AnswerT, what: str) -> AnswerT:
    """The same, unless it is one of Dagster's errors.

    Raises:
        Vanished: There is no such thing, or no longer.
        ConnectorError: Anything else.
    """
    if answer.message is None:
        return answer
    msg = f"Dagster does not give {what}: {answer.message}"
    if answer.kind.endswith("NotFoundError"):
        raise Vanished(msg, "it was removed during the run")
    raise ConnectorError(msg, "look into the log of Dagster")


@contextmanager
def open_dagster(
    config: DagsterConfig, report: Observer, cancellation: Cancellation, limits: RestLimits | None = None
) -> Generator[Dagster]:
    """A way to the Dagster of a connection; nothing is asked yet."""
    limits = limits or rest.LIMITS
    if config.timeout is not None:
        limits = msgspec.structs.replace(limits, read_seconds=config.timeout)
    with RestClient(_endpoint(config), report, cancellation, limits) as client:
        yield Dagster(client)


def _endpoint(config: DagsterConfig) -> Endpoint:
    secret = config.token.get_secret_value() if config.token is not None else ""
    return Endpoint(
        system="Dagster",
        address=config.host,
        key="host",
        headers={"Dagster-Cloud-Api-Token": secret} if secret else {},
        credentials="token",
        secrets=(secret,) if secret else (),
    )
