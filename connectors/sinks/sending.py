"""One request of the sink: sent, and every entity in it accounted for."""

import logging
import threading
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlencode

import msgspec

from connectors.errors import ConfigurationError, SinkUnavailable
from connectors.http.answers import Answer
from connectors.models.data_model import AddDataModelRequest
from connectors.models.lineage import AddLineageRequest
from connectors.models.names import parent_fqn
from connectors.models.quality import AddTestCaseResultRequest
from connectors.openmetadata.client import OpenMetadataClient, TookTooLong
from connectors.report import Failure, Observer
from connectors.sinks.batches import Batch
from connectors.sinks.case_results import add_result
from connectors.sinks.data_models import put_data_model
from connectors.sinks.dead_letters import DeadLetters
from connectors.sinks.edges import put_edge
from connectors.sinks.entries import Encoding, Entry, references
from connectors.sinks.ledger import Ledger
from connectors.sinks.references import References, inside
from connectors.sinks.set_aside import SetAside
from connectors.sinks.verdicts import Refusal, Unclear, Verdict, read_bulk

logger = logging.getLogger(__name__)
NO_BULK = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
PASSING_TRIES = 3
PASSING_SECONDS = 0.5
SLOW_HALVINGS = 2
BROKEN_IN_A_ROW = 10
STAGE = "sink"


class Sender:
    """Thread-safe. Sends batches; what has to be sent again comes back as smaller or other batches."""

    def __init__(
        self,
        client: OpenMetadataClient,
        report: Observer,
        ledger: Ledger,
        dead_letters: DeadLetters,
        query: Mapping[str, str],
    ) -> None:
        self._client = client
        self._report = report
        self._ledger = ledger
        self._dead_letters = dead_letters
        self._query = urlencode({"async": "false", **query})
        self._lock = threading.Lock()
        self._without_bulk: set[str] = set()
        self._broken = 0
        self._broken_reason = ""
        self.set_aside = SetAside()
        self.references = References(client)

    def single(self, batch: Batch) -> bool:
        """Whether entities of this kind are sent one by one."""
        return not batch.kind.bulk or batch.kind.collection in self._without_bulk

    def send(self, batch: Batch) -> list[Batch]:
        """Send one batch and account for its entities; those that were not accounted for come back.

        Raises:
            SinkUnavailable, FatalError, RunCancelled: Nothing can be sent.
        """
        if self._broken >= BROKEN_IN_A_ROW:
            msg = f"OpenMetadata takes nothing any more, the last {self._broken} entities failed: {self._broken_reason}"
            raise SinkUnavailable(msg, "look into the server's own log")
        if batch.tries:
            self._client.pause(PASSING_SECONDS * 2 ** (batch.tries - 1))
        if self.single(batch):
            if len(batch.entries) > 1:
                return [batch.part([entry]) for entry in batch.entries]
            return self._send_one(batch)
        return self._send_bulk(batch)

    def _send_one(self, batch: Batch) -> list[Batch]:
        entry = batch.entries[0]
        if batch.kind.nests:
            entry = inside(entry, self.references)
            if entry is None:
                message = f"{parent_fqn(batch.entries[0].fqn)}, in which it lies, is not on the server"
                return self._account(batch, Verdict({0: Refusal(HTTPStatus.NOT_FOUND, message)}))
        try:
            return self._account(batch, self._put(entry))
        except msgspec.MsgspecError as error:
            raise ConfigurationError.at(entry.fqn, f"its request cannot be read: {error}") from error

    def _put(self, entry: Entry) -> Verdict:
        collection = entry.kind.collection
        if collection == AddDataModelRequest.collection:
            return put_data_model(self._client, self.references, entry)
        if collection == AddTestCaseResultRequest.collection:
            return add_result(self._client, entry)
        if collection == AddLineageRequest.collection:
            return put_edge(self._client, entry)
        path, body = entry.path or f"/{collection}", entry.payload or entry.body
        answer = self._client.request(f"put {collection}", "PUT", path, body=body)
        return Verdict() if answer.ok else Verdict({0: Refusal(answer.status, answer.message())})

    def _send_bulk(self, batch: Batch) -> list[Batch]:
        collection = batch.kind.collection
        try:
            answer = self._client.request(
                f"bulk {collection}", "PUT", f"/{collection}/bulk?{self._query}", body=batch.body()
            )
        except TookTooLong as error:
            if len(batch.entries) == 1 or batch.slow >= SLOW_HALVINGS:
                raise
            logger.warning("%d %s took too long, sending them in halves: %s", len(batch.entries), collection, error)
            return batch.halves(slow=batch.slow + 1)
        if answer.status in NO_BULK:
            return self._do_without_bulk(batch)
        return self._judge(batch, answer)

    def _judge(self, batch: Batch, answer: Answer) -> list[Batch]:
        try:
            verdict = _verdict(batch, answer)
        except Unclear as unclear:
            if len(batch.entries) > 1:
                logger.info(
                    "%d %s were refused, sending halves: %s", len(batch.entries), batch.kind.collection, unclear
                )
                return batch.halves()
            status = HTTPStatus.BAD_REQUEST if answer.ok else answer.status
            verdict = Verdict({0: Refusal(status, str(unclear))})
        return self._account(batch, verdict)

    def _do_without_bulk(self, batch: Batch) -> list[Batch]:
        collection = batch.kind.collection
        if collection not in self._without_bulk:
            logger.info("the server takes no %s in bulk: they are sent one by one", collection)
            with self._lock:
                self._without_bulk.add(collection)
        return [batch.part([entry]) for entry in batch.entries]

    def _account(self, batch: Batch, verdict: Verdict) -> list[Batch]:
        """Count what was taken; of what was refused, try again what has a chance and give the rest up."""
        taken = [entry for place, entry in enumerate(batch.entries) if place not in verdict.refused]
        if taken:
            self._broken = 0
        if not batch.late:
            self._count(batch, taken, verdict.unchanged)
        again: list[Entry] = []
        detached: list[Entry] = []
        for place, refusal in sorted(verdict.refused.items()):
            entry = batch.entries[place]
            if refusal.passing and batch.tries + 1 < PASSING_TRIES:
                again.append(entry)
            elif batch.late:
                _tell_incomplete(entry, refusal.message)
            elif (other := Encoding().detached(entry, refusal.message)) is not None:
                detached.append(other)
            else:
                self._give_up(entry, refusal, alone=not taken)
        parts = (batch.part(again, batch.tries + 1), batch.part(detached))
        return [part for part in parts if part.entries]

    def _count(self, batch: Batch, taken: list[Entry], unchanged: int) -> None:
        for entry in taken:
            if entry.full is not None:
                self.later(entry.full, entry.reason)
        if len(taken) > unchanged:
            self._report.counted(batch.kind.entity, "written", len(taken) - unchanged)
        if unchanged:
            self._report.counted(batch.kind.entity, "unchanged", unchanged)

    def later(self, entry: Entry, reason: str = "") -> None:
        """Keep a request until everything else was delivered."""
        self._ledger.set_aside(entry.fqn)
        try:
            self.set_aside.add(entry, reason)
        except OSError:
            logger.warning("%s cannot be set aside and stays incomplete", entry.fqn, exc_info=True)
            self._dead_letters.add(entry, reason)

    def _give_up(self, entry: Entry, refusal: Refusal, *, alone: bool) -> None:
        if entry.kind.joins and refusal.status == HTTPStatus.NOT_FOUND:
            logger.info("the %s of %s is left out: %s", entry.kind.entity, entry.fqn, refusal.message)
            self._report.counted(entry.kind.entity, "filtered")
            return
        cause = f"OpenMetadata refuses it (HTTP {refusal.status}): {refusal.message}"
        if alone and refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            with self._lock:
                self._broken += 1
                self._broken_reason = refusal.message
        self._ledger.failed(entry.fqn, leaf=entry.kind.leaf)
        self._report.failed(Failure(entry.kind.entity, entry.fqn, STAGE, cause, _advice(entry, refusal)))
        # A server may quote the request it refuses: that of a service holds the connection's secrets.
        told = f"OpenMetadata refuses it (HTTP {refusal.status})" if entry.kind.service else cause
        self._dead_letters.add(entry.whole, told)


def _verdict(batch: Batch, answer: Answer) -> Verdict:
    if not answer.ok:
        raise Unclear(answer.message())
    return read_bulk(answer, batch.entries)


def _advice(entry: Entry, refusal: Refusal) -> str | None:
    """What to do about a refusal, for the causes that we know."""
    if refusal.status == HTTPStatus.NOT_FOUND:
        return "what it lies in or refers to is not on the server; look for an earlier failure of that entity"
    if refusal.status == HTTPStatus.FORBIDDEN:
        return f"give the bot a policy that lets it create and edit entities of the type {entry.kind.entity}"
    if refusal.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return f"raise the size of request that the server or its proxy takes above {len(entry.body)} bytes"
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "look into the server's own log; the dead letters can be replayed when it is mended"
    return None


def _tell_incomplete(entry: Entry, reason: str) -> None:
    others = ", ".join(sorted(references(entry))) or "another entity"
    logger.warning("%s is delivered without what refers to %s: %s", entry.fqn, others, reason)
