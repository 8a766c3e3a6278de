"""Policy tags as tags: their taxonomy is their classification."""

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from connectors.errors import ConnectorError
from connectors.families.bigquery.api import BigQuery
from connectors.families.database_source import Tag
from connectors.families.partial_failures import attempted
from connectors.models.names import encode_name
from connectors.report import Failure, Report

TAXONOMY = "Taxonomy of BigQuery's policy tags"
MARK = "/policyTags/"
logger = logging.getLogger(__name__)


class Taxonomy(NamedTuple):
    """The policy tags of one taxonomy, by their paths."""

    tags: Mapping[str, Tag]


class PolicyTags:
    """Thread-safe. One run's policy tags: each taxonomy is asked for once, when a column carries a tag of it."""

    def __init__(self, api: BigQuery, report: Report) -> None:
        self._api = api
        self._report = report
        self._lock = threading.Lock()
        self._known: dict[str, Taxonomy] = {}

    def of(self, paths: Iterable[str]) -> tuple[Tag, ...]:
        """The tags at these paths; those that cannot be looked up are left out, and their taxonomy is one failure."""
        found = (self._of_taxonomy(path.partition(MARK)[0]).tags.get(path) for path in paths)
        return tuple(tag for tag in found if tag is not None)

    def _of_taxonomy(self, path: str) -> Taxonomy:
        with self._lock:
            if path not in self._known:
                self._known[path], error = attempted(lambda: self._asked(path), Taxonomy({}))
                if error is not None:
                    self._tell(path, error)
            return self._known[path]

    def _asked(self, path: str) -> Taxonomy:
        taxonomy, tags = self._api.taxonomy(path)
        name = encode_name(taxonomy.display_name)
        about = taxonomy.description or f"{TAXONOMY}: {taxonomy.display_name}"
        return Taxonomy(
            {tag.name: Tag(name, about, tag.display_name, tag.description or tag.display_name) for tag in tags}
        )

    def _tell(self, path: str, error: ConnectorError) -> None:
        logger.warning("the policy tags of %s are left out: %s", path, error)
        advice = "grant roles/datacatalog.viewer in the taxonomy's project, or set includePolicyTags to false"
        self._report.failed(Failure("classification", path, "policyTags", error.message, advice))
