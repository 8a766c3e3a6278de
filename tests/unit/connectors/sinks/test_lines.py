import gzip
from pathlib import Path

import msgspec
import pytest

from connectors.errors import ConfigurationError
from connectors.models.database import CreateDatabaseServiceRequest
from connectors.sinks.entries import Encoding, Entry, Kind
from connectors.sinks.lines import Line, entry_of, known_kinds, line_of, read_lines

GOOD = b'{"entity":"table","collection":"tables","fqn":"s.d.x.t","request":{"name":"t"}}\n'


def test_a_service_goes_without_its_connection() -> None:
    service = CreateDatabaseServiceRequest(
        name="s", service_type="Postgres", connection={"config": {"authType": {"password": "hunter2"}}}
    )
    entry = Entry(1, Kind.of(CreateDatabaseServiceRequest), "s", Encoding().body(service))
    assert b"hunter2" not in line_of(entry, "why")
    assert b'"request":{"name":"s","serviceType":"Postgres"},"reason":"why"' in line_of(entry, "why")


def test_lines_come_back_as_entries(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(GOOD + b"\n" + GOOD)
    lines = list(read_lines(file))
    entry = entry_of(lines[1], 7, known_kinds())
    assert (len(lines), entry.number, entry.kind.rank, entry.fqn, entry.body) == (2, 7, 3, "s.d.x.t", b'{"name":"t"}')


def test_a_compressed_file_is_known_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(gzip.compress(GOOD))
    assert len(list(read_lines(file))) == 1


def test_an_unknown_collection_is_ordered_by_depth(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(GOOD.replace(b"tables", b"drives/files").replace(b"s.d.x.t", b's.\\"d.x\\".t'))
    (line,) = read_lines(file)
    kind = entry_of(line, 1, known_kinds()).kind
    assert (kind.collection, kind.rank, kind.bulk) == ("drives/files", 2, False)


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"nothing",
        b'{"entity":"table"}',
        GOOD.replace(b'"tables"', b'"../users"'),
        GOOD.replace(b'"tables"', b'"tables?a=b"'),
        GOOD.replace(b's.d.x.t"', b'"'),
        GOOD.replace(b"s.d.x.t", b's.d\\"x.t'),
        GOOD.replace(b'{"name":"t"}', b"[]"),
        b"\xff\xfe",
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "a"
    file.write_bytes(GOOD + line)
    with pytest.raises(ConfigurationError, match=rf"{file}:2: is not a line of the file sink"):
        list(read_lines(file))


def test_half_a_compressed_file_is_said_to_be_that(tmp_path: Path) -> None:
    file = tmp_path / "a.gz"
    file.write_bytes(gzip.compress(GOOD * 1000)[:-20])
    with pytest.raises(ConfigurationError, match="ends too early or is damaged"):
        list(read_lines(file))
    damaged = bytearray(gzip.compress(GOOD * 1000))
    damaged[20:30] = b"\x00" * 10
    file.write_bytes(bytes(damaged))
    with pytest.raises(ConfigurationError, match=r"is damaged|cannot be read"):
        list(read_lines(file))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        list(read_lines(tmp_path / "missing"))


@pytest.mark.parametrize(
    ("collection", "name", "parent"),
    [
        ("dashboard/datamodels", 's.model."a.b"', "s"),
        ("dashboard/datamodels", "model.model.a", "model"),
        ("dashboards", "s.d", "s"),
        ("tables", "s.d.model.t", "s.d.model"),
        ("services/dashboardServices", "s", ""),
    ],
)
def test_a_lines_entity_lies_in_what_its_record_would_say(collection: str, name: str, parent: str) -> None:
    kind = entry_of(Line("any", collection, name, msgspec.Raw(b"{}")), 1, known_kinds()).kind
    assert kind.parent_of(name) == parent


def test_a_service_is_one_also_of_a_kind_that_we_do_not_know() -> None:
    kinds = [
        entry_of(Line("any", collection, "s", msgspec.Raw(b"{}")), 1, known_kinds()).kind
        for collection in ("services/databaseServices", "services/newServices", "tables", "newThings")
    ]
    assert [kind.service for kind in kinds] == [True, True, False, False]
