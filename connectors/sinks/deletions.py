"""Deleting from the catalogue what a complete listing of the source no longer holds."""

import logging
from collections.abc import Sequence
from http import HTTPStatus

import msgspec

from connectors.errors import ConnectorError, advice_of
from connectors.http.answers import Answer, UnreadableAnswer
from connectors.models.names import split_fqn
from connectors.models.records import DeletionScope
from connectors.openmetadata.client import OpenMetadataClient
from connectors.openmetadata.versions import FIRST_WITH_DELETE_STALE
from connectors.report import Failure, Observer
from connectors.sinks.known import Known
from connectors.sinks.ledger import Ledger
from connectors.sinks.listings import Listed, NotListed, listed, stranger
from connectors.sinks.verdicts import BulkOperationResult, Row

logger = logging.getLogger(__name__)
ALWAYS_DELETED = 10
STAGE = "delete"
NO_SUCH_CALL = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
FLAGS = {"recursive": "true", "hardDelete": "false"}


class Refused(ConnectorError):
    """The deletions of one scope are not done; the message says why."""


class DeletionPolicy(msgspec.Struct, frozen=True):
    """The share of a scope that may go at once, and whether anything goes at all."""

    max_percent: int = 20
    dry_run: bool = False

    def refusal(self, stale: int, seen: int, *, holds: bool = False) -> str | None:
        """Why that many, of which each may hold others, are too many to believe; with a share of 0, any is.

        A few are believed, but not that none is left: who lost a right is often answered with an empty list.
        """
        if stale * 100 <= self.max_percent * (stale + seen):
            return None
        if self.max_percent == 0 or stale > ALWAYS_DELETED:
            return f"that is more than {self.max_percent} %"
        return "an empty listing may be a mistake" if seen == 0 and (stale > 1 or holds) else None


class Deletions:
    """Thread-safe; works on one scope at a time."""

    def __init__(
        self, client: OpenMetadataClient, report: Observer, ledger: Ledger, known: Known, policy: DeletionPolicy
    ) -> None:
        self._client = client
        self._report = report
        self._ledger = ledger
        self._known = known
        self._policy = policy
        self._no_delete_stale = client.version() < FIRST_WITH_DELETE_STALE

    def apply(self, scope: DeletionScope) -> None:
        """Delete what is gone from one scope, or say why not.

        Raises:
            SinkUnavailable, FatalError, RunCancelled: The server cannot be asked.
        """
        if self._ledger.failed_below(scope.fqn):
            logger.warning("nothing is deleted below %s: some of what lies there was not delivered", scope.fqn)
            return
        try:
            if not self._known.first_seen(scope.fqn):
                _require_inside(scope, scope.seen)
                self._apply(scope)
        except (Refused, NotListed, UnreadableAnswer, ValueError) as error:
            logger.debug("not deleted", exc_info=True)
            self._ledger.undeleted(scope.fqn)
            self._report.failed(Failure(scope.entity, scope.fqn, STAGE, str(error), advice_of(error), lost=False))
        finally:
            self._known.forget(scope.collection, scope.fqn)

    def _apply(self, scope: DeletionScope) -> None:
        seen = {split_fqn(name) for name in scope.seen}
        before = self._known.listed(scope.collection, scope.fqn)

        def is_gone(name: str) -> bool:
            return split_fqn(name) not in seen and (scope.takes is None or scope.takes(name))

        if before is not None and not any(map(is_gone, before)):
            return
        # With nothing seen at all, deleteStale would do nothing: it cannot know that the listing was complete. And it
        # knows no part of a scope.
        if scope.seen and scope.takes is None and not self._no_delete_stale:
            rows = self._would_delete(scope)
            if rows is not None:
                self._by_server(scope, [_name(row) for row in rows])
                return
            self._no_delete_stale = True
        parent = "service" if scope.scope_entity.endswith("Service") else scope.scope_entity
        there = listed(self._client, scope.collection, parent, scope.fqn, nested=scope.nested)
        stale = [each for each in there if is_gone(each.fully_qualified_name)]
        if self._allowed(scope, [each.fully_qualified_name for each in stale]):
            self._one_by_one(scope, stale)

    def _by_server(self, scope: DeletionScope, names: Sequence[str]) -> None:
        if not self._allowed(scope, names):
            return
        answer = _accepted(self._ask_delete_stale(scope, dry_run=False))
        result = answer.decoded(BulkOperationResult)
        for row in result.failed_request or ():
            self._fail(scope, _name(row), answer.hiding(row.message or "refused without a reason"))
        passed = result.number_of_rows_passed
        deleted = len(result.success_request or ()) if passed is None else passed
        self._count(scope, deleted)
        if deleted > len(names):
            msg = f"OpenMetadata deleted {deleted} entities below {scope.fqn}, where it had named {len(names)}"
            raise Refused(msg, "look through what was deleted there, and report this to OpenMetadata")

    def _one_by_one(self, scope: DeletionScope, stale: Sequence[Listed]) -> None:
        deleted = 0
        for each in stale:
            answer = self._client.request(
                f"delete {scope.collection}", "DELETE", f"/{scope.collection}/{each.id}", FLAGS
            )
            if answer.ok:
                deleted += 1
            elif answer.status != HTTPStatus.NOT_FOUND:
                self._fail(scope, each.fully_qualified_name, answer.message())
        self._count(scope, deleted)

    def _allowed(self, scope: DeletionScope, names: Sequence[str]) -> bool:
        """Whether these are to be deleted now.

        Raises:
            Refused: They are too many, or do not all lie directly in the scope.
        """
        _require_inside(scope, names)
        if not names:
            return False
        reason = self._policy.refusal(len(names), len(scope.seen), holds=scope.holds)
        if reason is not None:
            total = len(names) + len(scope.seen)
            msg = (
                f"{len(names)} of {total} entities of the type {scope.entity} are gone from the source; nothing was "
                f"deleted, because {reason}"
            )
            raise Refused(msg, "if they are really gone, run once with sink.config.maxDeletedPercent: 100")
        if self._policy.dry_run:
            logger.info("dry run: %d x %s would be deleted below %s", len(names), scope.entity, scope.fqn)
            logger.debug("dry run: would be deleted: %s", ", ".join(names))
            return False
        return True

    def _count(self, scope: DeletionScope, deleted: int) -> None:
        if deleted:
            logger.info("%d x %s deleted below %s", deleted, scope.entity, scope.fqn)
            self._report.counted(scope.entity, "deleted", deleted)

    def _fail(self, scope: DeletionScope, name: str, message: str) -> None:
        cause = f"gone from the source, but OpenMetadata does not delete it: {message}"
        self._ledger.undeleted(scope.fqn)
        self._report.failed(Failure(scope.entity, name, STAGE, cause, lost=False))

    def _would_delete(self, scope: DeletionScope) -> tuple[Row, ...] | None:
        """What the server would delete; None when it has no such call."""
        answer = self._ask_delete_stale(scope, dry_run=True)
        if answer.status in NO_SUCH_CALL:
            return None
        result = _accepted(answer).decoded(BulkOperationResult)
        if result.success_request is None and not result.number_of_rows_passed:
            return ()
        rows = result.success_request or ()
        if (result.number_of_rows_passed or 0) > len(rows) or result.failed_request or result.number_of_rows_failed:
            msg = "OpenMetadata does not name all that it would delete: nothing is deleted"
            raise Refused(msg)
        return rows

    def _ask_delete_stale(self, scope: DeletionScope, *, dry_run: bool) -> Answer:
        body = {
            "scopeFqn": scope.fqn,
            "scopeEntityType": scope.scope_entity,
            "seenFqns": scope.seen,
            "recursive": True,
            "hardDelete": False,
            "dryRun": dry_run,
        }
        path = f"/{scope.collection}/deleteStale"
        return self._client.request(f"delete_stale {scope.collection}", "DELETE", path, None, msgspec.json.encode(body))


def _require_inside(scope: DeletionScope, names: Sequence[str]) -> None:
    """Refuse to touch anything but what lies in the scope."""
    if (name := stranger(names, scope.fqn, scope.collection, nested=scope.nested)) is not None:
        msg = f"{name} does not lie {'' if scope.nested else 'directly '}in {scope.fqn}: nothing is deleted there"
        raise Refused(msg, "report this to Headwater; the deletions of this scope are left out until then")


def _accepted(answer: Answer) -> Answer:
    if not answer.ok:
        msg = f"OpenMetadata refuses (HTTP {answer.status}): {answer.message()}"
        raise Refused(msg)
    return answer


def _name(row: Row) -> str:
    return row.request if isinstance(row.request, str) else str(row.request)
