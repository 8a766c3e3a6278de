"""The steps of a connection test, named like OpenMetadata's."""

from typing import TypeVar

from connectors.connector import Check
from connectors.families.elasticsearch.api import Cluster
from connectors.families.elasticsearch.config import ClusterConnection
from connectors.families.elasticsearch.fields import fields_of
from connectors.families.partial_failures import Refused
from connectors.families.rest_checks import Open, Step, rest_checks

ConfigT = TypeVar("ConfigT", bound=ClusterConnection)


def cluster_checks(opened: Open[ConfigT, Cluster]) -> tuple[Check[ConfigT], ...]:
    """Those of a connector that opens clusters in its way."""
    return rest_checks(
        opened,
        Step("CheckAccess", "The cluster answers and lets the user in", _access, gate=True, mandatory=True),
        Step("GetSearchIndexes", "Indexes can be listed and read", _indexes, mandatory=True),
        Step("GetIndexTemplates", "Templates can be read", _templates),
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
