import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.models.database import (
    Column,
    ConstraintType,
    CreateDatabaseServiceRequest,
    CreateTableRequest,
    TableConstraint,
    TableType,
)
from connectors.sinks.entries import Encoding, Entry, Kind, Unencodable, hashed, references

OTHER = TableConstraint(constraint_type=ConstraintType.FOREIGN_KEY, columns=("a",), referred_columns=('s.d.x."o.t".a',))
OWN = TableConstraint(constraint_type=ConstraintType.FOREIGN_KEY, columns=("a",), referred_columns=("s.d.x.t.a",))
KEY = TableConstraint(constraint_type=ConstraintType.PRIMARY_KEY, columns=("a",))


def table(*constraints: TableConstraint, description: str | None = None) -> CreateTableRequest:
    return CreateTableRequest(
        name="t",
        description=description,
        table_type=TableType.REGULAR,
        database_schema="s.d.x",
        columns=(Column(name="a", data_type="INT"),),
        table_constraints=constraints,
    )


def entry(record: CreateTableRequest) -> Entry:
    return Entry(1, Kind.of(CreateTableRequest), record.fqn, Encoding().body(record))


@given(st.text())
def test_the_hash_is_of_the_other_bytes(description: str) -> None:
    body = Encoding().body(table(KEY, description=description))
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    digest = msgspec.json.decode(fields.pop("sourceHash"), type=str)
    plain = body[: body.rindex(b',"sourceHash"')] + b"}"
    assert digest == hashlib.sha256(plain).hexdigest()[:32]
    assert msgspec.json.decode(plain, type=CreateTableRequest) == table(KEY, description=description)


def test_equal_records_have_equal_hashes_and_others_do_not() -> None:
    assert Encoding().body(table(KEY)) == Encoding().body(table(KEY))
    assert Encoding().body(table(KEY))[-40:] != Encoding().body(table())[-40:]
    assert hashed(b'{"a":1}').startswith(b'{"a":1,"sourceHash":"')


def test_one_encoding_leaves_nothing_of_a_record_in_the_next() -> None:
    encoding = Encoding()
    long, short = table(KEY, description="x" * 10_000), table()
    with pytest.raises(Unencodable, match="cannot be written as JSON"):
        encoding.body(table(description="x" * 10_000 + "\ud800"))
    found = [encoding.body(record) for record in (short, long, short)]
    assert found == [Encoding().body(record) for record in (short, long, short)]


def test_services_have_no_hash() -> None:
    assert b"sourceHash" not in Encoding().body(CreateDatabaseServiceRequest(name="s", service_type="Postgres"))


def test_a_table_is_detached_from_others_only() -> None:
    whole = entry(table(KEY, OWN, OTHER))
    detached = Encoding().detached(whole, "why")
    assert detached is not None
    assert msgspec.json.decode(detached.body, type=CreateTableRequest) == table(KEY, OWN)
    assert (detached.whole, detached.reason, detached.number) == (whole, "why", 1)
    assert Encoding().detached(detached, "again") is None
    assert references(whole) == {'s.d.x."o.t"'}


def test_what_refers_to_nothing_is_not_detached() -> None:
    assert Encoding().detached(entry(table(KEY, OWN)), "why") is None


def test_what_cannot_be_read_again_is_not_detached() -> None:
    broken = Entry(1, Kind.of(CreateTableRequest), "s.d.x.t", b'{"name":"t","x":"FOREIGN_KEY"}')
    assert Encoding().detached(broken, "why") is None
    assert references(broken) == set()
