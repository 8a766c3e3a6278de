"""How connectors of such clusters open them: the same but for who is let in."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from connectors.cancellation import Cancellation
from connectors.connector import RunContext
from connectors.families.elasticsearch.api import Access, Cluster, open_cluster
from connectors.families.elasticsearch.config import ClusterConnection
from connectors.families.elasticsearch.source import ClusterSource
from connectors.families.rest import RestLimits
from connectors.families.rest_checks import Open
from connectors.families.search import SearchMetadata, search_topology
from connectors.report import Observer
from connectors.topology import Node

ConfigT = TypeVar("ConfigT", bound=ClusterConnection)


def opening(access: Callable[[ConfigT], Access]) -> Open[ConfigT, Cluster]:
    """The cluster of a connection, to which `access` says who comes."""

    def opened(
        config: ConfigT, report: Observer, cancellation: Cancellation, limits: RestLimits | None
    ) -> AbstractContextManager[Cluster]:
        return open_cluster(config, access(config), report, cancellation, limits)

    return opened


def cluster_topology(
    opened: Open[ConfigT, Cluster],
) -> Callable[[RunContext[ConfigT, SearchMetadata]], AbstractContextManager[Node[None, Any]]]:
    """The `topology` of a connector that opens clusters so."""

    @contextmanager
    def source(context: RunContext[ConfigT, SearchMetadata]) -> Generator[ClusterSource]:
        with opened(context.connection, context.report, context.cancellation, None) as cluster:
            yield ClusterSource(cluster)

    return search_topology(source)
