"""Edges of lineage; one with columns that the server lacks goes without these."""

import logging
from collections.abc import Iterable, Iterator
from http import HTTPStatus

import msgspec

from connectors.decoding import decode
from connectors.http.answers import UnreadableAnswer
from connectors.models.base import EntityReference
from connectors.models.lineage import AddLineageRequest, ColumnLineage, LineageDetails
from connectors.models.names import child_fqn
from connectors.openmetadata.client import OpenMetadataClient
from connectors.openmetadata.paths import by_name
from connectors.sinks.entries import Entry
from connectors.sinks.verdicts import Refusal, Verdict

logger = logging.getLogger(__name__)


class StoredColumn(msgspec.Struct, frozen=True):
    """A column as the server has it, with the fields of a struct."""

    name: str
    children: "tuple[StoredColumn, ...] | None" = None


class StoredColumns(msgspec.Struct, frozen=True):
    """Of a table."""

    columns: tuple[StoredColumn, ...] = ()


def put_edge(client: OpenMetadataClient, entry: Entry) -> Verdict:
    """Send an edge; where the server refuses it for its columns, once more with those that the server has.

    Raises:
        SinkUnavailable, FatalError, RunCancelled: Nothing can be sent.
        MsgspecError: The request, which is of a file, cannot be read.
    """
    answer = client.request("put lineage", "PUT", entry.path, body=entry.payload)
    if answer.status == HTTPStatus.BAD_REQUEST:
        edge = decode(entry.body, AddLineageRequest).edge
        wanted = edge.lineage_details.columns_lineage
        known = frozenset(_columns(client, (edge.from_entity, edge.to_entity))) if wanted else frozenset[str]()
        kept = tuple(_kept(wanted, known))
        if kept != wanted:
            logger.info("the lineage of %s is sent without columns that OpenMetadata lacks", entry.fqn)
            details = decode(entry.payload, LineageDetails)
            payload = msgspec.json.encode(msgspec.structs.replace(details, columns_lineage=kept))
            answer = client.request("put lineage", "PUT", entry.path, body=payload)
    return Verdict() if answer.ok else Verdict({0: Refusal(answer.status, answer.message())})


def _columns(client: OpenMetadataClient, ends: Iterable[EntityReference]) -> Iterator[str]:
    """The fully qualified names of the columns of tables."""
    for end in ends:
        name = end.fully_qualified_name or ""
        answer = client.request("get tables", "GET", by_name("tables", name), {"fields": "columns"})
        try:
            yield from _names(name, answer.decoded(StoredColumns).columns) if answer.ok else ()
        except UnreadableAnswer:
            logger.warning("OpenMetadata's answer about the table %s cannot be read", name, exc_info=True)


def _names(above: str, columns: Iterable[StoredColumn]) -> Iterator[str]:
    for column in columns:
        name = child_fqn(above, column.name)
        yield name
        yield from _names(name, column.children or ())


def _kept(wanted: Iterable[ColumnLineage], known: frozenset[str]) -> Iterator[ColumnLineage]:
    for each in wanted:
        origins = tuple(name for name in each.from_columns if name in known)
        if origins and each.to_column in known:
            yield msgspec.structs.replace(each, from_columns=origins)
