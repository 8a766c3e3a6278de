"""One run's view of a cluster."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

from connectors.errors import ConnectorError, SkipEntity
from connectors.families.elasticsearch.answers import Index
from connectors.families.elasticsearch.api import Cluster, Named, batches
from connectors.families.elasticsearch.fields import fields_of
from connectors.families.elasticsearch.templates import templates
from connectors.families.partial_failures import Vanished, attempted
from connectors.families.search import Details, SearchIndex

# Settings that are no choice of anybody's; those of a data stream's latest index change with every new one.
OWN_SETTINGS = frozenset({"uuid", "provided_name", "version", "verified_before_close"})
OF_ONE_INDEX = OWN_SETTINGS | {"creation_date", "hidden"}


class ClusterSource:
    """Answers connectors.families.search.SearchSource."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._taken: frozenset[str] = frozenset()

    def count(self) -> int:
        """See SearchSource."""
        return len(self._cluster.names())

    def indexes(self, wanted: Callable[[str], bool]) -> Iterator[SearchIndex]:
        """See SearchSource. Indexes are asked for by the batch, the next one while one is walked through."""
        names = self._cluster.names()
        self._taken = frozenset(each.name for each in names)
        yield from (SearchIndex(each.name) for each in names if not wanted(each.name))
        chosen = batches(each for each in names if wanted(each.name))
        for batch, read in self._cluster.client.ahead(chosen, self._read, width=1):
            found = read.result()
            for each in batch:
                yield SearchIndex(each.name, partial(self._details, each, found.get(each.index)))

    def templates(self) -> Iterator[SearchIndex]:
        """See SearchSource."""
        for template in templates(self._cluster):
            taken = template.name in self._taken
            yield SearchIndex(template.name, _taken, template=True) if taken else template

    def _read(self, batch: list[Named]) -> dict[str, Index]:
        """What a batch brings; each that is missing is asked for alone: it is gone, forbidden or not to be read."""
        return attempted(lambda: self._cluster.indexes([each.index for each in batch]), {})[0]

    def _details(self, named: Named, index: Index | None) -> Details:
        if index is None:
            try:
                index = self._cluster.index(named.index)
            except Vanished as error:
                msg = f"{named.name} was deleted since it was listed"
                raise SkipEntity(msg) from error
        description = index.mappings.meta.get("description")
        return Details(
            fields=fields_of(index.mappings),
            description=description if isinstance(description, str) else None,
            settings=_settings(named, index),
        )


def _settings(named: Named, index: Index) -> dict[str, Any]:
    left_out = OWN_SETTINGS if named.timestamp_field is None else OF_ONE_INDEX
    settings = dict(index.settings)
    own = settings.get("index")
    if isinstance(own, dict):
        given = cast("dict[str, Any]", own)
        settings["index"] = {key: value for key, value in given.items() if key not in left_out}
    if index.aliases:
        settings["aliases"] = sorted(index.aliases)
    if named.timestamp_field is not None:
        settings["data_stream"] = {"timestamp_field": named.timestamp_field}
    return settings


def _taken() -> Details:
    msg = "this template has the name of an index or a data stream, and the catalogue has one entity of a name"
    raise ConnectorError(msg, "rename the template, or set includeIndexTemplate to false")
