import gzip
from pathlib import Path

import msgspec
import pytest
from pydantic import ValidationError

from connectors.errors import ConfigurationError, FatalError
from connectors.models.base import EntityReference
from connectors.models.database import (
    Column,
    CreateDatabaseRequest,
    CreateDatabaseServiceRequest,
    CreateTableRequest,
    TableType,
)
from connectors.models.records import DeletionScope, ScopeEnd
from connectors.report import Report
from connectors.sinks.file import FileConfig, FileSink, file_path

SERVICE = CreateDatabaseServiceRequest(name="s", service_type="Postgres", connection={"config": {"password": "p"}})
DATABASE = CreateDatabaseRequest(name="d", service="s", owners=(EntityReference(type="user", name="ann"),))
TABLE = CreateTableRequest(
    name="a.b",
    table_type=TableType.VIEW,
    database_schema="s.d.x",
    columns=(Column(name="c", data_type="INT"),),
    table_constraints=(),
)


class Scopes(Report):
    """Counts the scopes that were said to be done."""

    done = 0

    def scope_done(self, fqn: str, records: object) -> None:
        self.done += 1


def written(path: Path, report: Report | None = None) -> FileSink:
    sink = FileSink(path, report or Report())
    for record in (SERVICE, DATABASE, TABLE):
        sink.write(record)
    return sink


def test_writes_one_line_per_request_and_no_secrets(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.jsonl"
    report = Report()
    written(path, report).close()
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    assert [line["fqn"] for line in lines] == ["s", "s.d", 's.d.x."a.b"']
    assert lines[0] == {
        "entity": "databaseService",
        "collection": "services/databaseServices",
        "fqn": "s",
        "request": {"name": "s", "serviceType": "Postgres"},
    }
    assert lines[1]["request"]["owners"] == [{"type": "user", "name": "ann"}]
    assert len(lines[2]["request"]["sourceHash"]) == 32
    assert report.total("written") == 3


def test_compresses_by_suffix(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl.gz").close()
    assert len(gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).splitlines()) == 3


def test_nobody_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("of yesterday", encoding="utf-8")
    sink = written(path)
    assert path.read_text(encoding="utf-8") == "of yesterday"
    sink.close()
    assert len(path.read_bytes().splitlines()) == 3
    assert [each.name for each in tmp_path.iterdir()] == ["a.jsonl"]


def test_an_aborted_run_leaves_a_partial_file(tmp_path: Path) -> None:
    sink = written(tmp_path / "a.jsonl.gz")
    sink.abort()
    sink.abort()
    assert [each.name for each in tmp_path.iterdir()] == ["a.jsonl.gz.partial"]
    assert len(gzip.decompress((tmp_path / "a.jsonl.gz.partial").read_bytes()).splitlines()) == 3


def test_no_scope_is_done_and_nothing_deleted(tmp_path: Path) -> None:
    report = Scopes()
    sink = FileSink(tmp_path / "a.jsonl", report)
    sink.write(DeletionScope("s.d.x", "databaseSchema", "table", "tables", ()))
    sink.write(ScopeEnd("s.d.x", {}))
    sink.close()
    assert (tmp_path / "a.jsonl").read_bytes() == b""
    assert report.done == 0


def test_says_where_it_cannot_write() -> None:
    with pytest.raises(FatalError, match=r"/proc/headwater/a\.jsonl cannot be written"):
        FileSink(Path("/proc/headwater/a.jsonl"), Report())


def test_two_runs_that_write_the_same_file_do_not_mix(tmp_path: Path) -> None:
    sinks = [written(tmp_path / "a.jsonl"), written(tmp_path / "a.jsonl")]
    for sink in sinks:
        sink.close()
        assert len((tmp_path / "a.jsonl").read_bytes().splitlines()) == 3
    assert [each.name for each in tmp_path.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_says_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("connectors.sinks.file.urandom", bytes)
    (tmp_path / f"{name}.00000000.partial").symlink_to("/dev/full")
    sink = FileSink(tmp_path / name, Report())
    sink.write(TABLE)
    with pytest.raises(FatalError, match="No space left on device"):
        sink.close()
    sink.abort()
    assert [each.name for each in tmp_path.iterdir()] == [f"{name}.partial"]


@pytest.mark.parametrize("name", ["a.jsonl", "deep/a.jsonl"])
def test_names_are_taken_below_the_folder(tmp_path: Path, name: str) -> None:
    assert file_path(FileConfig(filename=name), tmp_path) == tmp_path / name


def test_absolute_names_must_lie_below_the_folder(tmp_path: Path) -> None:
    inside = tmp_path / "a.jsonl"
    assert file_path(FileConfig(filename=str(inside)), tmp_path) == inside
    with pytest.raises(ConfigurationError, match=r"sink\.config\.filename: must lie below"):
        file_path(FileConfig(filename="/etc/passwd"), tmp_path)


def test_a_link_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/usr")
    with pytest.raises(ConfigurationError, match="must lie below"):
        file_path(FileConfig(filename="out/a.jsonl"), tmp_path)


@pytest.mark.parametrize("absolute", [False, True])
def test_a_link_in_the_place_of_the_file_is_replaced_and_not_followed(tmp_path: Path, absolute: bool) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "files"
    outside.write_text("of somebody else", encoding="utf-8")
    folder.mkdir()
    (folder / "a.jsonl").symlink_to(outside)
    named = FileConfig(filename=str(folder / "a.jsonl") if absolute else "a.jsonl")
    written(file_path(named, folder)).close()
    assert not (folder / "a.jsonl").is_symlink()
    assert outside.read_text(encoding="utf-8") == "of somebody else"


def test_without_a_folder_any_name_will_do(tmp_path: Path) -> None:
    assert file_path(FileConfig(filename=str(tmp_path / "a")), None) == tmp_path / "a"
    with pytest.raises(ConfigurationError, match="is a folder"):
        file_path(FileConfig(filename=str(tmp_path)), None)


@pytest.mark.parametrize(
    ("filename", "words"),
    [
        (".", "is no name of a file"),
        ("./", "is no name of a file"),
        ("a.partial", "must not end in .partial"),
        ("a.partial/", "must not end in .partial"),
        ("/".join(["d" * 190] * 30), "is longer than 2000 bytes"),
        ("d" * 201, "longer than 200 bytes"),
    ],
)
def test_what_can_be_no_name_of_a_file_is_refused_with_the_definition(filename: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        FileConfig(filename=filename)
