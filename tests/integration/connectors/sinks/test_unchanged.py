"""What the server has already is not sent again; what it lost, or has otherwise, is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import SinkUnavailable
from connectors.models.mlmodel import CreateMlModelRequest, CreateMlModelServiceRequest
from connectors.models.records import DeletionScope, Record, ScopeEnd
from tests.fake_openmetadata import FakeOpenMetadata, Fault
from tests.integration.connectors.sinks.harness import Run, database, deletion, schema, service, table, tree

SEEN = deletion(*(f"t{number}" for number in range(250)))
TABLES = "/v1/tables"


def put(fake: FakeOpenMetadata) -> list[str]:
    """The names in everything that was sent, of whatever kind."""
    sent = [request for request in fake.requests if request.method == "PUT"]
    return [
        body["name"] for request in sent for body in (request.bodies if request.raw[:1] == b"[" else [request.body])
    ]


def again(run: Run, records: Sequence[Record], **settings: Any) -> list[str]:
    """A further run with a report of its own; what it sent."""
    run.fake.requests.clear()
    run.report.by_type.clear()
    run.deliver(records, **settings)
    return put(run.fake)


@pytest.mark.parametrize("version", ["1.12.3", "1.13.0", "2.0.7"])
def test_a_second_run_sends_nothing(run: Run, version: str) -> None:
    with FakeOpenMetadata(version) as fake:
        run.fake = fake
        run.deliver([*tree(250), SEEN, ScopeEnd("s.d.x", {})])
        assert again(run, [*tree(250), SEEN, ScopeEnd("s.d.x", {})]) == []
        listings = [request.path for request in fake.requests if request.method == "GET"]
        assert sorted(path.removeprefix("/api/v1/") for path in listings) == [
            "databaseSchemas", "databases", "services/databaseServices/name/s", "system/version", "tables", "tables",
        ]  # fmt: skip
        assert not [request for request in fake.requests if request.method == "DELETE"], "the listing told it"
        assert run.report.counts() == {"unchanged": 250}
        assert run.report.counts("databaseSchema") == {"unchanged": 1}
        assert run.report.scopes == ["s.d.x", "s.d.x"]


def test_a_first_run_lists_nothing(fake: FakeOpenMetadata, run: Run) -> None:
    run.deliver(tree(250))
    assert [request.path.removeprefix("/api/v1/") for request in fake.requests if request.method == "GET"] == [
        "system/version",
        "services/databaseServices/name/s",
    ]


def test_only_what_changed_is_sent(fake: FakeOpenMetadata, run: Run) -> None:
    run.deliver(tree(250))
    changed = [*tree(249), table("t249", description="new"), table("t250")]
    assert again(run, changed) == ["t249", "t250"]
    assert fake.entities("tables")["s.d.x.t249"]["description"] == "new"
    assert run.report.counts() == {"unchanged": 249, "written": 2}


def test_what_was_deleted_there_comes_back(fake: FakeOpenMetadata, run: Run) -> None:
    run.deliver(tree(5))
    gone = fake.catalogue.entities["tables"]["s.d.x.t3"]
    fake.catalogue.delete("tables", gone.id, recursive=True)
    assert again(run, tree(5)) == ["t3"]
    place = fake.catalogue.entities["databaseSchemas"]["s.d.x"]
    fake.catalogue.delete("databaseSchemas", place.id, recursive=True)
    assert again(run, tree(5)) == ["x", "t0", "t1", "t2", "t3", "t4"]
    assert len(fake.entities("tables")) == 5


def test_what_somebody_else_wrote_is_overwritten(fake: FakeOpenMetadata, run: Run) -> None:
    run.deliver(tree(3))
    fake.catalogue.entities["tables"]["s.d.x.t1"].request["sourceHash"] = "0" * 32
    fake.catalogue.entities["tables"]["s.d.x.t2"].request.pop("sourceHash")
    assert again(run, tree(3)) == ["t1", "t2"]


@pytest.mark.parametrize("asked", [{"sendUnchanged": True}, {"override": True}])
def test_everything_is_sent_when_asked(fake: FakeOpenMetadata, run: Run, asked: Mapping[str, Any]) -> None:
    run.deliver(tree(3))
    assert sorted(again(run, tree(3), **asked)) == ["d", "t0", "t1", "t2", "x"]
    assert not fake.sent("GET", "/tables")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(TABLES, status=403, method="GET"),
        Fault(TABLES, status=500, method="GET", times=9),
        Fault(TABLES, "garbage", method="GET"),
        Fault(TABLES, "reset", method="GET", times=9),
        Fault(TABLES, "lie", method="GET", body=b'{"data": [{"id": "1", "fullyQualifiedName": "s.d.y.t0"}]}'),
        Fault(TABLES, "lie", method="GET", body=b'{"data": [], "paging": {"after": "1"}}', times=9),
    ],
)
def test_a_listing_that_fails_sends_everything(
    fake: FakeOpenMetadata, run: Run, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    others = [schema("y"), *(table(f"u{number}", "s.d.y") for number in range(3))]
    run.deliver([*tree(3), *others])
    fake.faults.add(fault)
    assert sorted(again(run, [*tree(3), *others], inFlight=1)) == ["t0", "t1", "t2", "u0", "u1", "u2"]
    assert run.report.lost == []
    assert "unchanged tables are sent too" in caplog.text
    assert {request.query["databaseSchema"] for request in fake.sent("GET", TABLES)} == {"s.d.x"}, "asked once"


def test_a_server_that_goes_away_ends_the_run(fake: FakeOpenMetadata, run: Run) -> None:
    run.deliver(tree(3))
    fake.faults.add(Fault(TABLES, status=503, times=99))
    fake.faults.add(Fault("/tables/bulk", status=503, times=99))
    with pytest.raises(SinkUnavailable):
        run.deliver(tree(3))


def test_of_two_forms_of_an_entity_the_later_stays(fake: FakeOpenMetadata, run: Run) -> None:
    run.deliver([*tree(1), table("t1", description="last")])
    twice = [*tree(1), table("t1", description="first"), table("t1", description="last")]
    again(run, twice, bulk_sink_batch_size=1, inFlight=1)
    assert fake.entities("tables")["s.d.x.t1"]["description"] == "last"


def test_a_table_with_foreign_keys_is_unchanged_too(fake: FakeOpenMetadata, run: Run) -> None:
    records = [*tree(0), table("a", refers_to="s.d.x.b"), table("b")]
    run.deliver(records)
    assert fake.entities("tables")["s.d.x.a"]["tableConstraints"]
    assert again(run, records) == []


def test_models_are_unchanged_too(fake: FakeOpenMetadata, run: Run) -> None:
    models = [CreateMlModelRequest(name=f"m{number}", service="s", algorithm="svm") for number in range(3)]
    records = [CreateMlModelServiceRequest(name="s", service_type="Mlflow"), *models]
    run.deliver(records)
    changed = [*records[:-1], msgspec.structs.replace(models[-1], algorithm="forest")]
    assert again(run, changed) == ["m2"]
    assert run.report.counts("mlmodel") == {"unchanged": 2, "written": 1}
    assert [request.query["service"] for request in fake.sent("GET", "/v1/mlmodels")] == ["s"]


def test_scopes_are_given_up_when_they_are_too_many(
    fake: FakeOpenMetadata, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sinks.known.MOST_NAMES", 20)
    places = [record for number in range(9) for record in (schema(f"x{number}"), *some(number, 8))]
    large = [schema("large"), *(table(f"l{number}", "s.d.large") for number in range(21))]
    run.deliver([service(), database(), *places, *large])
    sent = again(run, [service(), database(), *places, *large], bulk_sink_batch_size=4, inFlight=1)
    assert sorted(sent) == sorted(f"l{number}" for number in range(21))
    assert run.report.counts() == {"unchanged": 72, "written": 21}


def some(place: int, count: int) -> list[Record]:
    return [table(f"t{number}", f"s.d.x{place}") for number in range(count)]


@dataclass(frozen=True)
class World:
    """Tables by schema and name with their descriptions: in earlier runs, and now; and what the server lost since."""

    before: Sequence[Mapping[tuple[str, str], str]]
    now: Mapping[tuple[str, str], str]
    lost: frozenset[tuple[str, str]]
    emptied: frozenset[str]
    tampered: frozenset[tuple[str, str]]
    batch: int
    version: str


names = st.tuples(st.sampled_from(["x", "y.z"]), st.sampled_from(["a", "b.c", "f", "e"]))
contents = st.dictionaries(names, st.sampled_from(["one", "two"]), max_size=6)
worlds = st.builds(
    World,
    before=st.lists(contents, max_size=2),
    now=contents,
    lost=st.frozensets(names, max_size=2),
    emptied=st.frozensets(st.sampled_from(["s.d.x", 's.d."y.z"']), max_size=1),
    tampered=st.frozensets(names, max_size=2),
    batch=st.integers(1, 5),
    version=st.sampled_from(["1.12.3", "1.13.0", "2.0.7"]),
)


def place_of(name: str) -> str:
    return f's.d."{name}"' if "." in name else f"s.d.{name}"


def name_of(key: tuple[str, str]) -> str:
    return f'{place_of(key[0])}."{key[1]}"' if "." in key[1] else f"{place_of(key[0])}.{key[1]}"


def records(content: Mapping[tuple[str, str], str]) -> list[Record]:
    found: list[Record] = [service(), database()]
    for place in ("x", "y.z"):
        own = {key: text for key, text in content.items() if key[0] == place}
        found.append(schema(place))
        found.extend(table(key[1], place_of(place), description=text) for key, text in own.items())
        seen = tuple(name_of(key) for key in own)
        found.append(DeletionScope(place_of(place), "databaseSchema", "table", "tables", seen))
        found.append(ScopeEnd(place_of(place), {}))
    return found


def disturb(fake: FakeOpenMetadata, world: World) -> None:
    """What people do to a catalogue between two runs."""
    for collection, gone in (("tables", map(name_of, world.lost)), ("databaseSchemas", world.emptied)):
        for name in gone:
            if (entity := fake.catalogue.find(collection, name)) is not None:
                fake.catalogue.delete(collection, entity.id, recursive=True)
    for name in map(name_of, world.tampered):
        if (entity := fake.catalogue.find("tables", name)) is not None:
            entity.request = {**entity.request, "description": "tampered", "sourceHash": "0" * 32}


@settings(max_examples=60, deadline=None)
@given(world=worlds)
def test_whatever_the_server_holds_it_ends_with_what_the_source_has(world: World) -> None:
    with TemporaryDirectory() as folder, FakeOpenMetadata(world.version) as fake:
        run = Run(fake, Path(folder))
        for content in world.before:
            run.deliver(records(content), maxDeletedPercent=100)
        disturb(fake, world)
        had = fake.entities("tables")
        again(run, records(world.now), maxDeletedPercent=100, bulk_sink_batch_size=world.batch)
        held = {name: body["description"] for name, body in fake.entities("tables").items()}
        assert held == {name_of(key): text for key, text in world.now.items()}
        assert set(fake.entities("databaseSchemas")) == {"s.d.x", 's.d."y.z"'}
        unchanged = {key for key, text in world.now.items() if had.get(name_of(key), {}).get("description") == text}
        counts = run.report.counts()
        assert (counts.get("unchanged", 0), counts.get("written", 0)) == (
            len(unchanged),
            len(world.now) - len(unchanged),
        )
        assert run.report.lost == []
