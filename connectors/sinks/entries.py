"""Requests ready to be sent: encoded once, and never decoded again on the usual way."""

from hashlib import sha256

import msgspec

from connectors.decoding import decode
from connectors.errors import cause_of
from connectors.models.base import CreateRequest, Request
from connectors.models.database import CreateTableRequest
from connectors.models.names import fqn, parent_fqn, split_fqn

OUTERMOST = 2  # parts of the name of what lies directly in a service
HASH_START, HASH_LENGTH, HASH_END = b',"sourceHash":"', 32, b'"}'  # the server keeps no more of it
NO_DIGEST = sha256(usedforsecurity=False)  # copied for each, as a new one is looked up in OpenSSL each time


def is_of_services(collection: str) -> bool:
    """Whether a collection is one of services."""
    return collection.startswith("services/")


class Kind(msgspec.Struct, frozen=True):
    """What the sink has to know of an entity's type.

    A `service` holds a connection and is the user's own; requests for what may be `owned` have the field `owners`.
    """

    entity: str
    collection: str
    rank: int
    bulk: bool
    leaf: bool = False
    joins: bool = False
    nests: bool = False
    listed_by: str = ""
    below: str = ""
    service: bool = False
    owned: bool = False

    @classmethod
    def of(cls, request: type[Request]) -> "Kind":
        """The kind that a request says it is."""
        return cls(
            request.entity,
            request.collection,
            request.rank,
            request.bulk,
            leaf=request.leaf,
            joins=request.joins,
            nests=request.nests,
            listed_by=request.listed_by,
            below=request.below if issubclass(request, CreateRequest) else "",
            service=is_of_services(request.collection),
            owned="owners" in request.__struct_fields__,
        )

    def of_entity(self, fqn: str) -> "Kind":
        """The kind of one entity: what lies deeper than others of its collection has a higher rank."""
        return msgspec.structs.replace(self, rank=self.rank + len(split_fqn(fqn)) - OUTERMOST) if self.nests else self

    def parent_of(self, name: str) -> str:
        """What the entity of that fully qualified name lies in, without the word that may stand between the two."""
        above = split_fqn(name)[:-1]
        return fqn(*(above[:-1] if self.below and above[-1:] == (self.below,) else above))


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One request as it goes over the wire.

    `number` counts what the sink was given. What it was made of is not kept: held until it is sent, the columns of so
    many tables would cost more than reading those of the few again that are refused. `parent` is what it lies in, as
    the record says; empty for a line of a file, where only the name tells. `full` is the complete request when this is
    its detached form, and `reason` why it had to be detached. `path` and `payload` are what is sent where, when that is
    not `body` to its collection.
    """

    number: int
    kind: Kind
    fqn: str
    body: bytes
    parent: str = ""
    full: "Entry | None" = None
    reason: str = ""
    path: str = ""
    payload: bytes = b""

    @property
    def whole(self) -> "Entry":
        """The complete request."""
        return self.full or self


class Unencodable(Exception):
    """A record that cannot be written as JSON, for what a connector put into it."""


class Encoding:
    """Turns records into bytes; for use in one thread."""

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder()
        self._buffer = bytearray()

    def body(self, record: Request) -> bytes:
        """The request's JSON; the hash in it is made of these same bytes, so it changes only with them.

        Raises:
            Unencodable: A connector made it of something that is no text or number.
        """
        try:
            self._encoder.encode_into(record, self._buffer)
        except (UnicodeError, TypeError, ValueError, OverflowError, RecursionError) as error:
            msg = f"it cannot be written as JSON: {cause_of(error)}"
            raise Unencodable(msg) from error
        if record.hashed:
            self._buffer[-1:] = _end(self._buffer)
        return bytes(self._buffer)

    def detached(self, entry: Entry, reason: str) -> Entry | None:
        """The same request without references to entities that may not be there yet; None when it has none."""
        if entry.full is not None:
            return None
        record = _table(entry)
        if record is None or (detached := record.detached()) is record:
            return None
        return msgspec.structs.replace(entry, body=self.body(detached), full=entry, reason=reason)


def hashed(body: bytes) -> bytes:
    """A JSON object with the digest of its own text as its last field."""
    return body[:-1] + _end(body)


def source_hash(body: bytes) -> bytes | None:
    """The digest that `hashed` put at the end of a request; None where there is none."""
    start = len(body) - len(HASH_START) - HASH_LENGTH - len(HASH_END)
    if not body.startswith(HASH_START, max(0, start)) or not body.endswith(HASH_END):
        return None
    return body[start + len(HASH_START) : -len(HASH_END)]


def references(entry: Entry) -> set[str]:
    """The other tables that a table's foreign keys name."""
    table = _table(entry)
    if table is None:
        return set()
    columns = (column for constraint in table.table_constraints for column in constraint.referred_columns or ())
    return {parent_fqn(column) for column in columns} - {entry.fqn}


def _end(body: bytes | bytearray) -> bytes:
    """What takes the place of an object's last brace: the digest of its text."""
    digest = NO_DIGEST.copy()
    digest.update(body)
    return b"%b%b%b" % (HASH_START, digest.hexdigest()[:HASH_LENGTH].encode(), HASH_END)


def _table(entry: Entry) -> CreateTableRequest | None:
    """What it was made of, when it is of the one kind that can be detached."""
    if entry.kind.collection != CreateTableRequest.collection or b'"FOREIGN_KEY"' not in entry.body:
        return None
    try:
        return decode(entry.body, CreateTableRequest)
    except msgspec.MsgspecError:
        return None
