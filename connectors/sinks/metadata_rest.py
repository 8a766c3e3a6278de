"""The sink `metadata-rest`: requests to an OpenMetadata server, in bulk and several requests at a time."""

import logging
import time
from contextlib import ExitStack
from http import HTTPStatus
from typing import Protocol, cast

import msgspec

from connectors.cancellation import Cancellation
from connectors.errors import SinkUnavailable, advice_of, cause_of
from connectors.http.answers import Answer, UnreadableAnswer
from connectors.models.base import CreateRequest, EntityReference, Request
from connectors.models.records import DeletionScope, Record, ScopeEnd
from connectors.openmetadata.client import OpenMetadataClient
from connectors.openmetadata.paths import by_name
from connectors.openmetadata.versions import FIRST_WITH_OVERRIDE
from connectors.report import Failure, Observer
from connectors.sinks.batches import Batch, Buffers
from connectors.sinks.dead_letters import DeadLetters
from connectors.sinks.deletions import DeletionPolicy, Deletions
from connectors.sinks.dispatch import Dispatcher
from connectors.sinks.entries import Encoding, Entry, Kind, Unencodable
from connectors.sinks.known import Known
from connectors.sinks.ledger import Ledger
from connectors.sinks.lines import Line, entry_of, known_kinds
from connectors.sinks.references import addressed, with_resolved
from connectors.sinks.rest_config import Target
from connectors.sinks.sending import STAGE, Sender

logger = logging.getLogger(__name__)
BUFFER_SECONDS = 2.0
ABORT_SECONDS = 1.0


class Deletion(msgspec.Struct, frozen=True):
    """A scope to clean up, with its number."""

    number: int
    scope: DeletionScope


Task = Batch | Deletion


class Owned(Protocol):
    """A request of one of the types that have owners."""

    @property
    def owners(self) -> tuple[EntityReference, ...]:
        """By name or id."""
        ...


class Standing(msgspec.Struct, frozen=True):
    """Whether an entity that the server has is one of those that it only keeps."""

    deleted: bool = False


class MetadataRestSink:
    """Gathers records into batches and hands those to threads; see `connectors.sinks.base.Sink`.

    Raises:
        SinkUnavailable, FatalError: The server does not answer, or is none that we can use.
    """

    def __init__(self, target: Target, report: Observer, cancellation: Cancellation) -> None:
        config = target.config
        self._connection = target.connection
        self._report = report
        self._cancellation = cancellation
        limits = config.limits(target.retry)
        self._client = OpenMetadataClient(target.connection, report, cancellation, limits, target.tokens)
        try:
            version = self._client.version()
        except BaseException:
            self._client.close()
            raise
        self._ledger = Ledger(report)
        self._dead_letters = DeadLetters(target.dead_letters)
        query = {"overrideMetadata": str(target.override_metadata).lower()} if version >= FIRST_WITH_OVERRIDE else {}
        self._known = Known(self._client, off=config.send_unchanged or target.override_metadata)
        policy = DeletionPolicy(config.max_deleted_percent, config.dry_run_deletions)
        self._deletions = Deletions(self._client, report, self._ledger, self._known, policy)
        self._sender = Sender(self._client, report, self._ledger, self._dead_letters, query)
        self._references = self._sender.references
        self._buffers = Buffers(config.bulk_sink_batch_size, config.batch_bytes, BUFFER_SECONDS, config.in_flight)
        self._dispatcher = Dispatcher(self._work, _rank, cancellation, config.in_flight)
        self._encoding = Encoding()
        self._kinds: dict[type[Request], Kind] = {}
        self._collections = known_kinds()
        self._number = 0
        self._ended = False
        self._stack = ExitStack()
        self._stack.enter_context(cancellation.interrupting(self._dispatcher.wake))

    def write(self, record: Record) -> None:
        """See Sink."""
        self._dispatcher.check()
        self._number += 1
        if isinstance(record, Request):
            self._write_request(record)
            return
        if isinstance(record, ScopeEnd):
            self._ledger.end(self._number, record)
        else:
            self._ledger.deletion(self._number, record)
        for each in self._buffers.due(time.monotonic()):
            self._put_all(each)
        self._advance()

    def write_line(self, line: Line) -> None:
        """Take a line of a file in place of a record."""
        self._dispatcher.check()
        self._number += 1
        entry = entry_of(line, self._number, self._collections)
        if b'"owners"' in entry.body:
            entry = with_resolved(entry, self._references)
        if entry.kind.joins:
            entry = addressed(entry, self._references)
        if not (entry.kind.service and self._exists(entry.kind, entry.fqn)):
            self._gather(entry)

    def flush(self) -> None:
        """Wait until everything written so far is delivered; raises like `write`."""
        for batch in self._buffers.take_all():
            self._put(batch)
        self._dispatcher.drain()

    def close(self) -> None:
        """See Sink."""
        self.flush()
        self._complete()
        self._end()

    def abort(self) -> None:
        """See Sink; what is held goes to the dead letters."""
        if self._ended:
            return
        error = self._dispatcher.error
        try:
            self._client.abandon()
            self._dispatcher.stop(ABORT_SECONDS)
            self._bury(error)
        except Exception:
            logger.exception("the sink could not be wound up")
        finally:
            self._end()

    def _write_request(self, record: Request) -> None:
        kind = self._kinds.get(type(record))
        if kind is None:
            kind = self._kinds[type(record)] = Kind.of(type(record))
        name = record.fqn
        if kind.service:
            if not self._connection.force_entity_overwriting and self._exists(kind, name):
                return
            record = self._as_stored(record)
        if kind.owned and (owners := cast("Owned", record).owners):
            record = msgspec.structs.replace(record, owners=self._references.resolved(owners))
        try:
            body = self._encoding.body(record)
        except Unencodable as error:
            self._ledger.failed(name, leaf=kind.leaf)
            self._report.failed(Failure(kind.entity, name, STAGE, str(error)))
        else:
            parent = record.parent if isinstance(record, CreateRequest) else ""
            entry = Entry(self._number, kind.of_entity(name), name, body, parent)
            if kind.joins:  # both ends may still be under way, or come later
                self._sender.later(entry)
            else:
                self._gather(entry)

    def _as_stored(self, record: Request) -> Request:
        """A service's connection only where it is to be stored."""
        if "connection" in record.__struct_fields__ and not self._connection.store_service_connection:
            return msgspec.structs.replace(record, connection=None)
        return record

    def _exists(self, kind: Kind, fqn: str) -> bool:
        """Whether the server has that service, which is then left as it is; sending a deleted one brings it back."""
        path = by_name(kind.collection, fqn)
        answer = self._client.request(f"get {kind.collection}", "GET", path, {"include": "all"})
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            msg = f"OpenMetadata cannot tell whether it has the service {fqn}: {answer.message()}"
            raise SinkUnavailable(msg, "look into the server's own log")
        deleted = answer.ok and _deleted(answer)
        if answer.status == HTTPStatus.NOT_FOUND:
            self._known.first(fqn)
        elif deleted:
            self._known.new(fqn)
        elif answer.ok:
            self._report.counted(kind.entity, "unchanged")
        return answer.ok and not deleted

    def _gather(self, entry: Entry, *, late: bool = False) -> None:
        now = time.monotonic()
        collection = entry.kind.collection
        if self._buffers.repeated(entry):  # two forms of one entity must not overtake each other
            self._put_all(collection)
            self._dispatcher.drain()
        elif not self._buffers.fits(entry):
            self._put_full(collection)
        batch = self._buffers.add(entry, now)
        batch.late = late
        if len(batch.entries) == 1 and not late:
            self._ledger.opened(entry.number)
        if self._sender.single(batch):
            self._put_all(collection)
        elif self._buffers.full(batch):
            self._put_full(collection)
        for each in self._buffers.due(now):
            self._put_all(each)

    def _put_all(self, collection: str) -> None:
        for batch in self._buffers.take(collection):
            self._put(batch)

    def _put_full(self, collection: str) -> None:
        if not self._buffers.waits(collection):
            self._put_all(collection)

    def _put(self, batch: Batch) -> None:
        try:
            self._dispatcher.put(batch)
        except BaseException:
            self._dispatcher.put_at_once(batch)  # it is no longer in a buffer: `abort` has to find it somewhere
            raise

    def _work(self, task: Task) -> list[Task]:
        """In a thread of the dispatcher: do one task; what follows from it takes its place."""
        more: list[Task] = []
        if isinstance(task, Deletion):
            self._deletions.apply(task.scope)
            self._ledger.deleted(task.number)
        else:
            changed = self._without_unchanged(task)
            parts = self._sender.send(changed) if changed.entries else []
            if not task.late:
                for part in parts:
                    self._ledger.opened(part.first)
                self._ledger.settled(task.first)
            more.extend(parts)
        more.extend(Deletion(number, scope) for number, scope in self._ledger.ripe())
        return more

    def _without_unchanged(self, batch: Batch) -> Batch:
        """What is left to be sent when the entities that the server has already are accounted for."""
        if batch.late or batch.tries:
            return batch
        changed = self._known.changed(batch.entries)
        unchanged = len(batch.entries) - len(changed)
        if not unchanged:
            return batch
        self._report.counted(batch.kind.entity, "unchanged", unchanged)
        return batch.part(changed)

    def _advance(self) -> None:
        for number, scope in self._ledger.ripe():
            self._dispatcher.put_at_once(Deletion(number, scope))

    def _complete(self) -> None:
        """Send what waited, and again in full what had to be detached, now that all that it refers to was delivered."""
        if self._sender.set_aside.count:
            logger.info("%d requests are sent that refer to others", self._sender.set_aside.count)
        for line in self._sender.set_aside.taken():
            self._number += 1
            entry = entry_of(line, self._number, self._collections)
            if entry.kind.joins:
                self._gather(addressed(entry, self._references))
            else:
                self._gather(entry, late=True)
        self.flush()
        self._ledger.completed()

    def _bury(self, error: BaseException | None) -> None:
        """Keep what is held as dead letters; unless somebody stopped the run, they are failures too."""
        lost = self._cancellation.timed_out or not self._cancellation.requested
        stopped = self._cancellation.reason if self._cancellation.requested else "the run did not come to its end"
        reason = f"not delivered: {cause_of(error) if error else stopped}"
        batches = [*self._buffers.take_all(), *(task for task in self._dispatcher.held() if isinstance(task, Batch))]
        advice = advice_of(error) if error else None
        for batch in batches:
            for entry in batch.entries:
                self._dead_letters.add(entry.whole, reason)
                if lost and not batch.late:
                    self._report.failed(Failure(entry.kind.entity, entry.fqn, STAGE, reason, advice))
        for line in self._sender.set_aside.taken():
            entry = entry_of(line, 0, self._collections)
            self._dead_letters.add(entry, reason if entry.kind.joins else f"delivered incomplete: {line.reason}")
            if lost and entry.kind.joins:
                self._report.failed(Failure(entry.kind.entity, entry.fqn, STAGE, reason, advice))

    def _end(self) -> None:
        self._ended = True
        self._stack.close()
        self._dispatcher.stop(ABORT_SECONDS)
        self._client.close()
        self._sender.set_aside.close()
        self._dead_letters.close()
        if self._dead_letters.written:
            logger.warning("%d undelivered entities are in %s", self._dead_letters.written, self._dead_letters.path)


def _rank(task: Task) -> int | None:
    return task.rank if isinstance(task, Batch) else None


def _deleted(answer: Answer) -> bool:
    try:
        return answer.decoded(Standing).deleted
    except UnreadableAnswer:
        return False
