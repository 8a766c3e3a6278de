"""The steps of a connection test, named like OpenMetadata's."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from connectors.cancellation import Cancellation
from connectors.connector import Check
from connectors.families.elasticsearch.api import Cluster
from connectors.families.elasticsearch.config import ClusterConnection
from connectors.families.elasticsearch.fields import fields_of
from connectors.families.rest import AT_ONCE, STEP_SECONDS, RestLimits
from connectors.families.rest_failures import Refused
from connectors.report import Observer, Report

ConfigT = TypeVar("ConfigT", bound=ClusterConnection)
Open = Callable[[ConfigT, Observer, Cancellation, RestLimits | None], AbstractContextManager[Cluster]]


def cluster_checks(opened: Open[ConfigT]) -> tuple[Check[ConfigT], ...]:
    """Those of a connector that opens clusters in its way."""

    def step(ask: Callable[[Cluster], str]) -> Callable[[ConfigT], str]:
        def run(config: ConfigT) -> str:
            with opened(config, Report(), Cancellation(STEP_SECONDS), AT_ONCE) as cluster:
                return ask(cluster)

        return run

    return (
        Check(
            "CheckAccess",
            "The cluster answers and lets the user in",
            step(_access),
            gate=True,
            mandatory=True,
            timeout_seconds=STEP_SECONDS,
        ),
        Check(
            "GetSearchIndexes",
            "Indexes can be listed and read",
            step(_indexes),
            mandatory=True,
            timeout_seconds=STEP_SECONDS,
        ),
        Check("GetIndexTemplates", "Templates can be read", step(_templates), timeout_seconds=STEP_SECONDS),
    )


def _access(cluster: Cluster) -> str:
    try:
        found = cluster.info()
    except Refused:  # which only this question needs
        return "the user is let in, and may not ask for the version"
    return f"{found.version.distribution} {found.version.number}, cluster {found.cluster_name}"


def _indexes(cluster: Cluster) -> str:
    names = cluster.names()
    if not names:
        return "there is no index, or none that the user may see"
    first = names[0]
    fields = fields_of(cluster.index(first.index).mappings)
    return f"{len(names)} indexes and data streams; {first.name} has {len(fields)} fields"


def _templates(cluster: Cluster) -> str:
    return f"{len(cluster.templates())} templates, {len(cluster.legacy_templates())} of the older kind"
