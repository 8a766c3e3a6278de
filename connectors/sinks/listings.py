"""What the server says lies directly in one scope, page by page."""

from collections.abc import Generator, Sequence
from http import HTTPStatus

import msgspec

from connectors.errors import ConnectorError
from connectors.models.base import CreateRequest
from connectors.models.kinds import REQUESTS
from connectors.models.names import split_fqn
from connectors.openmetadata.client import OpenMetadataClient

BELOW = {kind.collection: (kind.below,) for kind in REQUESTS if issubclass(kind, CreateRequest) and kind.below}
FIRST_PAGE = 100
LONGEST_PAGE = 1000
# A server lists tables with all their columns: pages are cut by what those of the first one weighed.
PAGE_BYTES = 8 * 1024**2


class NotListed(ConnectorError):
    """The server does not list a scope, or lists something else; the message says why."""


class Listed(msgspec.Struct, frozen=True, rename="camel"):
    """One entity of a listing."""

    id: str
    fully_qualified_name: str
    source_hash: str | None = None


class Paging(msgspec.Struct, frozen=True):
    """Where a listing goes on."""

    after: str | None = None


class Page(msgspec.Struct, frozen=True):
    """One page of a listing."""

    data: tuple[Listed, ...] = ()
    paging: Paging = Paging()


def listed(
    client: OpenMetadataClient, collection: str, by: str, scope: str, *, nested: bool = False
) -> Generator[Listed, None, None]:
    """The entities of a collection that lie directly in a scope, without the deleted ones; `by` is its query parameter.

    `nested`: those that lie deeper as well.

    Raises:
        NotListed, UnreadableAnswer, ValueError: The answer is not to be relied on.
        SinkUnavailable, FatalError, RunCancelled: The server cannot be asked.
    """
    query = {by: scope, "limit": str(FIRST_PAGE), "fields": ""}
    while True:
        answer = client.request(f"list {collection}", "GET", f"/{collection}", query)
        if answer.status == HTTPStatus.NOT_FOUND and "after" not in query:
            return  # the scope itself is not in the catalogue
        if not answer.ok:
            msg = f"OpenMetadata does not list {collection} (HTTP {answer.status}): {answer.message()}"
            raise NotListed(msg)
        page = answer.decoded(Page)
        names = [each.fully_qualified_name for each in page.data]
        if (name := stranger(names, scope, collection, nested=nested)) is not None:
            msg = f"OpenMetadata lists {name} among the {collection} of {scope}, where it does not lie"
            raise NotListed(msg)
        yield from page.data
        after = page.paging.after
        if not after:
            return
        if after == query.get("after"):
            msg = f"OpenMetadata lists the same page of {collection} again and again"
            raise NotListed(msg)
        fitting = PAGE_BYTES * max(1, len(page.data)) // len(answer.body)
        query = {**query, "after": after, "limit": str(max(1, min(LONGEST_PAGE, fitting)))}


def stranger(names: Sequence[str], scope: str, collection: str, *, nested: bool = False) -> str | None:
    """The first name that is not of a direct child of the scope, as those of the collection are named.

    `nested`: that is of nothing that lies in it.
    """
    inside = [*split_fqn(scope), *BELOW.get(collection, ())]
    for name in names:
        above = split_fqn(name)[:-1]
        if list(above[: len(inside)] if nested else above) != inside:
            return name
    return None
