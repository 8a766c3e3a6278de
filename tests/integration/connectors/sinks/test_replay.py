"""Files and dead letters sent to a server later."""

import gzip
from pathlib import Path

import pytest

from connectors.cancellation import Cancellation
from connectors.errors import ConfigurationError, RunCancelled, SinkUnavailable
from connectors.models.records import Record
from connectors.report import Report
from connectors.sinks.file import FileSink
from connectors.sinks.opening import replay_file
from connectors.sinks.replay import replay
from tests.fake_openmetadata import FakeOpenMetadata, Fault, Manners
from tests.integration.connectors.sinks.harness import Run, database, schema, service, table, tree


def filed(path: Path, records: list[Record]) -> Path:
    sink = FileSink(path, Report())
    for record in records:
        sink.write(record)
    sink.close()
    return path


def again(run: Run, path: Path) -> None:
    replay(path, run.target(), run.report, run.cancellation)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_replayed_file_is_as_good_as_a_run(fake: FakeOpenMetadata, run: Run, tmp_path: Path, name: str) -> None:
    again(run, filed(tmp_path / name, tree(120)))
    assert run.report.counts() == {"written": 120}
    run.deliver(tree(120), sendUnchanged=True)
    assert fake.catalogue.unchanged == 122, "the hashes are those that a run sends"


def test_the_order_of_the_lines_does_not_matter(fake: FakeOpenMetadata, run: Run, tmp_path: Path) -> None:
    path = filed(tmp_path / "a", [*tree(30), schema("y"), *(table(f"u{each}", "s.d.y") for each in range(30))])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(reversed(lines)))
    again(run, path)
    assert run.report.lost == []
    assert len(fake.entities("tables")) == 60


def test_dead_letters_are_delivered_when_the_server_is_mended(run: Run, tmp_path: Path) -> None:
    with FakeOpenMetadata(manners=Manners(refused={"t1": (400, "no")})) as broken:
        run.fake = broken
        run.deliver(tree(3))
    kept = run.dead_letters.rename(tmp_path / "kept.jsonl")
    with FakeOpenMetadata() as mended:
        run.fake = mended
        run.deliver([service(), database(), schema()])
        again(run, kept)
        assert set(mended.entities("tables")) == {"s.d.x.t1"}
    assert run.dead() == []


def test_tables_that_refer_to_each_other_are_replayed(fake: FakeOpenMetadata, run: Run, tmp_path: Path) -> None:
    circle = [table(f"t{number}", refers_to=f"s.d.x.t{(number + 1) % 5}") for number in range(5)]
    again(run, filed(tmp_path / "a", [*tree(0), *circle]))
    assert run.report.counts() == {"written": 5}
    assert all(each["tableConstraints"] for each in fake.entities("tables").values())


def test_owners_are_looked_up(fake: FakeOpenMetadata, run: Run, tmp_path: Path) -> None:
    ann = fake.catalogue.add_person("users", "ann")
    owned = [table("a", owners=("ann",)), table("b", owners=("ghost",)), table("c", owners=("ann", "ghost"))]
    again(run, filed(tmp_path / "a", [*tree(0), *owned]))
    stored = fake.entities("tables")
    assert [stored[f"s.d.x.{name}"].get("owners") for name in "abc"] == [
        [{"type": "user", "id": ann}],
        None,
        [{"type": "user", "id": ann}],
    ]
    run.deliver(owned, sendUnchanged=True)
    assert fake.catalogue.unchanged == 3


def test_a_service_that_exists_keeps_its_connection(fake: FakeOpenMetadata, run: Run, tmp_path: Path) -> None:
    connection = {"config": {"type": "Postgres", "username": "u", "hostPort": "h:1", "database": "d"}}
    run.deliver([service(connection=connection)])
    again(run, filed(tmp_path / "a", tree(1)))
    assert fake.entities("services/databaseServices")["s"]["connection"] == connection
    assert run.report.counts("databaseService") == {"written": 1, "unchanged": 1}


def test_a_broken_line_is_named_before_anything_is_sent(fake: FakeOpenMetadata, run: Run, tmp_path: Path) -> None:
    path = filed(tmp_path / "a", tree(3))
    path.write_bytes(path.read_bytes() + b'{"entity": "table"\n')
    with pytest.raises(ConfigurationError, match=rf"{path}:7: is not a line"):
        again(run, path)
    assert fake.requests == []


def test_half_a_compressed_file_sends_nothing(fake: FakeOpenMetadata, run: Run, tmp_path: Path) -> None:
    path = filed(tmp_path / "a.gz", tree(50))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ConfigurationError, match="ends too early"):
        again(run, path)
    assert fake.requests == []


def test_a_missing_file_is_named(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        again(run, tmp_path / "missing")


def test_dead_letters_are_not_replayed_into_themselves(run: Run) -> None:
    filed(run.dead_letters, tree(1))
    with pytest.raises(ConfigurationError, match="into itself"):
        again(run, run.dead_letters)


def test_lines_with_broken_owners_are_named(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(
        gzip.compress(b'{"entity":"table","collection":"tables","fqn":"s.d.x.t","request":{"owners":7}}\n')
    )
    with pytest.raises(ConfigurationError, match=r"s\.d\.x\.t"):
        again(run, path)


def test_a_cancel_stops_a_replay(run: Run, tmp_path: Path) -> None:
    run.cancellation.cancel("enough")
    with pytest.raises(RunCancelled, match="enough"):
        again(run, filed(tmp_path / "a", tree(3)))


def test_a_server_that_goes_away_leaves_the_rest_in_the_dead_letters(
    fake: FakeOpenMetadata, run: Run, tmp_path: Path
) -> None:
    fake.faults.add(Fault("/tables/bulk", status=503, times=999))
    with pytest.raises(SinkUnavailable):
        again(run, filed(tmp_path / "a", tree(5)))
    assert {line.fqn for line in run.dead()} == {f"s.d.x.t{number}" for number in range(5)}


def test_a_definition_names_the_server(fake: FakeOpenMetadata, tmp_path: Path) -> None:
    server = {"hostPort": fake.host_port, "securityConfig": {"jwtToken": "token"}}
    report = Report()
    definition = {"workflowConfig": {"openMetadataServerConfig": server}, "sink": {"config": {"inFlight": 1}}}
    replay_file(filed(tmp_path / "a", tree(3)), definition, report, Cancellation(), tmp_path / "dead")
    assert report.total("written") == 6
