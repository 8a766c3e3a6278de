"""The REST API of a cluster: names, indexes by the batch, and templates."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

import httpx
import msgspec

from connectors.cancellation import Cancellation
from connectors.definition import VerifySsl
from connectors.errors import ConnectorError
from connectors.families import rest
from connectors.families.elasticsearch.answers import (
    Components,
    Index,
    IndexTemplates,
    Info,
    LegacyTemplate,
    NamedComponent,
    NamedTemplate,
    Resolved,
)
from connectors.families.elasticsearch.config import ClusterConnection
from connectors.families.partial_failures import Vanished
from connectors.families.rest import Endpoint, RestClient, RestLimits
from connectors.http.answers import Answer
from connectors.report import Observer

T = TypeVar("T")
NAMES, PATH_LENGTH = 50, 3000  # of a batch; a request line of 4096 bytes is refused
OLD = "see whether hostPort is the API's address: Elasticsearch can list all names from 7.9, OpenSearch from 1.0"


class Access(msgspec.Struct, frozen=True):
    """The `system` by its name in messages, and how a connector's user is let in.

    `refused` are words of answers 403 that mean what 401 does: the credentials are wrong; `keys` are what to mend then.
    """

    system: str
    verify_ssl: VerifySsl = "validate"
    auth: httpx.Auth | None = None
    headers: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()
    keys: str = "authType"
    refused: tuple[bytes, ...] = ()

    def __repr__(self) -> str:
        return f"Access({self.system!r}, {self.keys!r})"


class Named(msgspec.Struct, frozen=True):
    """An index or a data stream, and the index that tells of it; `timestamp_field` is that of a stream."""

    name: str
    index: str
    timestamp_field: str | None = None


class Cluster:
    """One run's or one check's questions; thread-safe."""

    def __init__(self, client: RestClient) -> None:
        self.client = client

    def info(self) -> Info:
        """Which release answers."""
        return self.client.get("/", Info)

    def names(self) -> list[Named]:
        """All indexes and data streams by name, open and closed; without what is hidden or the system's own.

        Data streams stand for the indexes that they are made of. Names that begin with a dot are the system's.

        Raises:
            ConnectorError: They cannot be listed.
        """
        try:
            found = self.client.get("/_resolve/index/*", Resolved, {"expand_wildcards": "open,closed"})
        except Vanished as error:
            raise ConnectorError(error.message, OLD) from error
        indexes = (
            Named(each.name, each.name)
            for each in found.indices
            if each.data_stream is None and not {"hidden", "system"} & set(each.attributes)
        )
        streams = (
            Named(each.name, each.backing_indices[-1], each.timestamp_field)
            for each in found.data_streams
            if each.backing_indices
        )
        return sorted((each for each in (*indexes, *streams) if not hidden(each.name)), key=lambda each: each.name)

    def indexes(self, names: Sequence[str]) -> dict[str, Index]:
        """Those of these indexes that are there and that the user may see."""
        return self.client.get(path_of(names), dict[str, Index], {"ignore_unavailable": "true"})

    def index(self, name: str) -> Index:
        """One index.

        Raises:
            Vanished: It is not there any more.
            Refused: The user may not see it.
        """
        found = self.client.get(path_of([name]), dict[str, Index]).get(name)
        if found is None:  # an alias has its name now
            msg = f"{name} is no index any more"
            raise Vanished(msg)
        return found

    def templates(self) -> list[NamedTemplate]:
        """All composable templates."""
        return self._unless_missing("/_index_template", IndexTemplates, IndexTemplates([])).index_templates

    def components(self) -> list[NamedComponent]:
        """What they may be composed of."""
        return self._unless_missing("/_component_template", Components, Components([])).component_templates

    def legacy_templates(self) -> dict[str, LegacyTemplate]:
        """All templates of the older kind."""
        return self._unless_missing("/_template", dict[str, LegacyTemplate], {})

    def _unless_missing(self, path: str, kind: type[T], nothing: T) -> T:
        """Not every release has every kind of template."""
        try:
            return self.client.get(path, kind)
        except Vanished:
            return nothing


def hidden(name: str) -> bool:
    """Whether it is the system's own."""
    return name.startswith(".")


def path_of(names: Iterable[str]) -> str:
    """The path at which indexes are."""
    return "/" + ",".join(quote(name, safe="") for name in names)


def batches(names: Iterable[Named]) -> Iterator[list[Named]]:
    """As many as may be asked for at once."""
    batch: list[Named] = []
    length = 0
    for each in names:
        own = len(path_of([each.index]))
        if batch and (len(batch) == NAMES or length + own > PATH_LENGTH):
            yield batch
            batch, length = [], 0
        batch.append(each)
        length += own
    if batch:
        yield batch


@contextmanager
def open_cluster(
    config: ClusterConnection,
    access: Access,
    report: Observer,
    cancellation: Cancellation,
    limits: RestLimits | None,
) -> Generator[Cluster]:
    """A way to the cluster of a connection; nothing is asked yet."""
    limits = msgspec.structs.replace(limits or rest.LIMITS, read_seconds=float(config.connection_timeout_secs))
    with RestClient(_endpoint(config, access), report, cancellation, limits) as client:
        yield Cluster(client)


def _endpoint(config: ClusterConnection, access: Access) -> Endpoint:
    certificates = config.ssl_config.certificates
    # Who gives an authority wants the certificate held against it.
    given = access.verify_ssl == "no-ssl" and certificates.tls.ca_certificate is not None

    def over(answer: Answer) -> bool:
        forbidden = answer.status == HTTPStatus.FORBIDDEN and any(words in answer.body for words in access.refused)
        return answer.status == HTTPStatus.UNAUTHORIZED or forbidden

    return Endpoint(
        system=access.system,
        address=config.host_port,
        verify_ssl="validate" if given else access.verify_ssl,
        certificates=certificates.tls,
        tls_keys=certificates.tls_keys,
        headers=dict(access.headers),
        auth=access.auth,
        session_over=over,
        credentials=access.keys,
        secrets=access.secrets,
    )
