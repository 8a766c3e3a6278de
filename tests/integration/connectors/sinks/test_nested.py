"""Containers that lie in one another: the inner ones are sent after the outer ones, by their ids."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.models.base import EntityReference
from connectors.models.names import child_fqn, parent_fqn
from connectors.models.records import DeletionScope, Record
from connectors.models.storage import CreateContainerRequest, CreateStorageServiceRequest
from connectors.report import Report
from connectors.sinks.file import FileSink
from connectors.sinks.replay import replay
from tests.fake_openmetadata import FakeOpenMetadata, Manners
from tests.integration.connectors.sinks.harness import Run

SERVICE = CreateStorageServiceRequest(name="s", service_type="S3")
PATHS = ("s.b", "s.b.x", "s.b.x.y", 's.b.x.y."z.csv"', "s.b.w")


def container(fqn: str, **settings: Any) -> CreateContainerRequest:
    above = parent_fqn(fqn)
    name = fqn.removeprefix(f"{above}.").strip('"')
    inside = EntityReference(type="container", fully_qualified_name=above) if above != "s" else None
    made = CreateContainerRequest(name=name, service="s", container=inside, **settings)
    assert made.fqn == fqn == child_fqn(above, name)
    return made


def tree() -> list[Record]:
    return [SERVICE, *map(container, PATHS)]


def deletion(*seen: str, nested: bool = True) -> DeletionScope:
    return DeletionScope("s", "storageService", "container", "containers", seen, nested)


def test_each_is_sent_with_the_id_of_the_one_it_lies_in(fake: FakeOpenMetadata, run: Run) -> None:
    report = run.deliver(tree())
    assert report.counts("container") == {"written": 5}
    assert set(fake.entities("containers")) == set(PATHS)
    hashes = {name: each["sourceHash"] for name, each in fake.entities("containers").items()}
    again = run.deliver(tree())  # the server's ids are no part of the hash
    assert {name: each["sourceHash"] for name, each in fake.entities("containers").items()} == hashes
    assert again.lost == []


def test_what_the_server_has_is_not_sent_again_however_deep(fake: FakeOpenMetadata, run: Run) -> None:
    run.deliver([*tree(), deletion(*PATHS)])
    fake.requests.clear()
    run.report.by_type.clear()
    changed = [container(path, size=1 if path == "s.b.x.y" else None) for path in PATHS]
    report = run.deliver([SERVICE, *changed, container("s.b.new"), deletion(*PATHS, "s.b.new")])
    assert {request.body["name"] for request in fake.sent("PUT", "/containers")} == {"y", "new"}
    assert fake.entities("containers")["s.b.x.y"]["parent"]["id"] == fake.catalogue.entities["containers"]["s.b.x"].id
    assert report.counts("container") == {"unchanged": 4, "written": 2}
    [listing] = fake.sent("GET", "/v1/containers")
    assert listing.query["service"] == "s"
    assert not fake.sent("DELETE", "/containers/deleteStale")


def test_what_was_deleted_there_comes_back_with_what_lay_in_it(fake: FakeOpenMetadata, run: Run) -> None:
    run.deliver(tree())
    fake.catalogue.delete("containers", fake.catalogue.entities["containers"]["s.b.x"].id, recursive=True)
    fake.requests.clear()
    run.deliver(tree())
    assert [request.body["name"] for request in fake.sent("PUT", "/containers")] == ["x", "y", "z.csv"]
    assert set(fake.entities("containers")) == set(PATHS)


def test_what_lies_in_one_that_was_refused_is_told(tmp_path: Path) -> None:
    with FakeOpenMetadata(manners=Manners(refused={"x": (400, "no")})) as fake:
        report = Run(fake, tmp_path).deliver(tree())
    lost = {failure.name: failure for failure in report.lost}
    assert set(lost) == {"s.b.x", "s.b.x.y", 's.b.x.y."z.csv"'}
    assert "s.b.x, in which it lies, is not on the server" in lost["s.b.x.y"].cause
    assert lost["s.b.x.y"].advice


@pytest.mark.parametrize("order", [1, -1])
def test_a_file_is_replayed_from_the_outside_in(fake: FakeOpenMetadata, run: Run, tmp_path: Path, order: int) -> None:
    path = tmp_path / "out.jsonl"
    sink = FileSink(path, Report())
    for record in tree():
        sink.write(record)
    sink.close()
    path.write_text("\n".join(path.read_text().splitlines()[::order]) + "\n")
    replay(path, run.target(), run.report, run.cancellation)
    assert set(fake.entities("containers")) == set(PATHS)


@pytest.mark.parametrize("version", ["2.0.7", "1.13.0"])
def test_what_a_run_does_not_look_at_is_not_gone(version: str, tmp_path: Path) -> None:
    """Another workflow of the service reads other buckets: each deletes what is gone of its own."""
    others = ("s.other", "s.other.x")

    def ours(name: str) -> bool:
        return name.startswith("s.b")

    with FakeOpenMetadata(version) as fake:
        run = Run(fake, tmp_path)
        run.deliver([*tree(), *map(container, others)])
        scope = replace(deletion(*PATHS[:2]), takes=ours)
        report = run.deliver([*tree()[:3], scope])
        assert fake.deleted("containers") == set(PATHS[2:])
        assert not fake.sent("DELETE", "/containers/deleteStale"), "which knows no part of a service"
    assert report.lost == []


@pytest.mark.parametrize("version", ["2.0.7", "1.13.0"])
def test_what_is_gone_is_deleted_however_deep(version: str, tmp_path: Path) -> None:
    with FakeOpenMetadata(version) as fake:
        run = Run(fake, tmp_path)
        run.deliver(tree())
        report = run.deliver([*tree()[:3], deletion(*PATHS[:2])])
        assert fake.deleted("containers") == set(PATHS[2:])
    assert report.lost == []


def test_names_of_elsewhere_are_refused(run: Run) -> None:
    run.deliver(tree())
    report = run.deliver([deletion("s.b", "t.b")])
    [failure] = report.lost
    assert "t.b does not lie in s" in failure.cause
