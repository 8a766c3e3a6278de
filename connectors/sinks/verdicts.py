"""What the server said became of each entity of a bulk request."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import msgspec

from connectors.http.answers import Answer, UnreadableAnswer
from connectors.models.names import split_fqn
from connectors.sinks.entries import Entry

LOST = frozenset({"failure", "aborted"})
UNCHANGED = ("no change", "nochange", "unchanged", "not modified")
PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})


class Row(msgspec.Struct, frozen=True):
    """What became of one entity; `request` is its name or the request as it was sent."""

    request: Any = None
    status: int | None = None
    message: str | None = None


class BulkOperationResult(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to a bulk request, as far as we read it."""

    status: str | None = None
    abort_reason: str | None = None
    number_of_rows_passed: int | None = None
    number_of_rows_failed: int | None = None
    success_request: tuple[Row, ...] | None = None
    failed_request: tuple[Row, ...] | None = None


class Refusal(msgspec.Struct, frozen=True):
    """Why the server did not take an entity; when that is `passing`, it may take it a little later."""

    status: int
    message: str
    passing: bool = False


class Verdict(msgspec.Struct, frozen=True):
    """What became of a batch: refusals by the entry's place in it, the others were taken."""

    refused: Mapping[int, Refusal] = msgspec.field(default_factory=dict[int, Refusal])
    unchanged: int = 0


class Unclear(Exception):
    """The server took only a part, and did not say which; the message is its reason."""


def read_bulk(answer: Answer, entries: Sequence[Entry]) -> Verdict:
    """The verdict on a batch.

    Raises:
        Unclear: It cannot be told which entities were refused.
    """
    try:
        result = answer.decoded(BulkOperationResult)
    except UnreadableAnswer as error:
        raise Unclear(str(error)) from error
    failed = result.failed_request or ()
    if not failed and ((result.status or "").lower() in LOST or result.number_of_rows_failed):
        raise Unclear(answer.hiding(result.abort_reason or "it took only a part and named no reason"))
    refused: dict[int, Refusal] = {}
    for row in failed:
        place = _place(row.request, entries)
        reason = answer.hiding(row.message or "refused without a reason")
        if place is None or place in refused:
            raise Unclear(reason)
        status = row.status or HTTPStatus.BAD_REQUEST
        passing = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in PASSING
        refused[place] = Refusal(status, reason, passing)
    if (result.number_of_rows_failed or 0) > len(refused):
        raise Unclear(next(iter(refused.values())).message)
    taken = max(result.number_of_rows_passed or 0, len(result.success_request or ()))
    if taken + len(refused) < len(entries):
        message = f"it accounts for {taken + len(refused)} of {len(entries)} entities only"
        raise Unclear(message)
    unchanged = sum(map(_unchanged, result.success_request or ()))
    return Verdict(refused, min(unchanged, len(entries) - len(refused)))


def _unchanged(row: Row) -> bool:
    if row.status == HTTPStatus.NOT_MODIFIED:
        return True
    message = (row.message or "").lower()
    return any(words in message for words in UNCHANGED)


def _place(request: object, entries: Sequence[Entry]) -> int | None:
    """Where in the batch the entity is that a row speaks of; None when that is not certain."""
    if len(entries) == 1:
        return 0
    if isinstance(request, Mapping):
        fields = cast("Mapping[str, Any]", request)
        named = fields.get("fullyQualifiedName")
        return _by_request(fields, entries) if named is None else _by_name(str(named), entries)
    return _by_name(request, entries) if isinstance(request, str) else None


def _by_name(name: str, entries: Sequence[Entry]) -> int | None:
    exact = [place for place, entry in enumerate(entries) if entry.fqn == name]
    if exact:
        return _only(exact)
    wanted = _parts(name)
    alike = [place for place, entry in enumerate(entries) if _parts(entry.fqn) == wanted]
    own = (wanted, (name.casefold(),))
    return _only(alike or [place for place, entry in enumerate(entries) if _parts(entry.fqn)[-1:] in own])


def _by_request(fields: Mapping[str, Any], entries: Sequence[Entry]) -> int | None:
    """By the create request itself: its name, and its parent's where several have that name."""
    name = fields.get("name")
    found = [place for place, entry in enumerate(entries) if split_fqn(entry.fqn)[-1] == name]
    if len(found) > 1:
        texts = {value for value in fields.values() if isinstance(value, str)}
        found = [place for place in found if entries[place].kind.parent_of(entries[place].fqn) in texts]
    return _only(found)


def _parts(name: str) -> tuple[str, ...]:
    """For servers that quote or fold names otherwise than we do."""
    try:
        return tuple(part.casefold() for part in split_fqn(name))
    except ValueError:
        return (name.casefold(),)


def _only(places: Sequence[int]) -> int | None:
    return places[0] if len(places) == 1 else None
