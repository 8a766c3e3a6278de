"""Whatever goes wrong, and in whatever order: nothing is lost unnamed, and no promise about the order is broken."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import SinkUnavailable
from connectors.models.base import CreateRequest
from connectors.models.records import Record, ScopeEnd
from tests.fake_openmetadata import FakeOpenMetadata, Fault, Manners
from tests.integration.connectors.sinks.harness import Run, database, schema, service, table

BULK = ["/tables/bulk", "/databaseSchemas/bulk", "/databases/bulk", "/services/databaseServices"]
faults = st.builds(
    Fault,
    path=st.sampled_from(BULK),
    kind=st.sampled_from(["status", "status", "reset", "half", "garbage", "slow"]),
    status=st.sampled_from([400, 413, 429, 500, 502, 503, 504]),
    times=st.integers(1, 5),
    seconds=st.sampled_from([0.0, 0.01]),
    late=st.booleans(),
    method=st.just("PUT"),
)
table_names = st.sampled_from([f"t{number}" for number in range(12)])


@dataclass(frozen=True)
class Case:
    """One run: tables per schema with what each refers to, what the server refuses, and how it is sent."""

    schemas: Sequence[Sequence[tuple[str, str | None]]]
    refused: frozenset[str]
    batch: int
    in_flight: int
    no_bulk: bool
    failures: str

    def records(self) -> list[Record]:
        found: list[Record] = [service(), database()]
        for number, tables in enumerate(self.schemas):
            parent = f"s.d.x{number}"
            found.append(schema(f"x{number}"))
            found.extend(table(name, parent, to and f"s.d.x0.{to}") for name, to in tables)
            found.append(ScopeEnd(parent, {}))
        return found


def cases() -> st.SearchStrategy[Case]:
    tables = st.lists(st.tuples(table_names, st.none() | table_names), max_size=12, unique_by=lambda each: each[0])
    return st.builds(
        Case,
        schemas=st.lists(tables, min_size=1, max_size=4),
        refused=st.frozensets(st.sampled_from(["t1", "t5", "s.d.x1", "s.d.x2.t3"]), max_size=3),
        batch=st.integers(1, 9),
        in_flight=st.integers(1, 4),
        no_bulk=st.booleans(),
        failures=st.sampled_from(["request", "fqn", "nothing", "counted"]),
    )


def manners(case: Case) -> Manners:
    refused = dict.fromkeys(case.refused, (400, "no"))
    return replace(Manners(refused=refused, no_bulk=case.no_bulk), failures=case.failures)


def requests(records: Sequence[Record]) -> dict[str, CreateRequest]:
    return {record.fqn: record for record in records if isinstance(record, CreateRequest)}


def stored(fake: FakeOpenMetadata) -> set[str]:
    collections = ("services/databaseServices", "databases", "databaseSchemas", "tables")
    return {name for collection in collections for name in fake.entities(collection)}


@settings(max_examples=1500, deadline=None)
@given(case=cases(), injected=st.lists(faults, max_size=6))
def test_every_entity_is_delivered_or_named(case: Case, injected: list[Fault]) -> None:
    # Hypothesis may give the same fault to several runs, and the fake uses faults up.
    own = [replace(fault) for fault in injected]
    with TemporaryDirectory() as folder, FakeOpenMetadata(manners=manners(case), faults=own) as fake:
        run = Run(fake, Path(folder))
        handed = hand_over(run, case)
        there, named = stored(fake), {failure.name for failure in run.report.lost}
        dead = {line.fqn for line in run.dead()}
        assert set(handed) - there <= named
        assert named <= dead
        assert fake.max_in_flight <= case.in_flight
        assert not [name for name in run.report.scopes if any(each.startswith(f"{name}.") for each in named)]
        assert_parents_first(run, case, injected)


def hand_over(run: Run, case: Case) -> dict[str, CreateRequest]:
    """Write all; a server that stays away ends it as it ends a run. What was written until then."""
    sink = run.sink(bulk_sink_batch_size=case.batch, inFlight=case.in_flight)
    written: list[Record] = []
    try:
        for record in case.records():
            written.append(record)
            sink.write(record)
        sink.close()
    except SinkUnavailable:
        sink.abort()
    else:
        counted = run.report.total("written") + run.report.total("failed") + run.report.total("unchanged")
        assert counted == len(requests(written))
        assert len(run.report.lost) == run.report.total("failed")
    return requests(written)


def assert_parents_first(run: Run, case: Case, injected: list[Fault]) -> None:
    """An entity is refused for its parent only when the parent itself was refused."""
    named = {failure.name for failure in run.report.lost}
    for failure in run.report.lost:
        if "databaseSchema instance" in failure.cause or "database instance" in failure.cause:
            assert failure.name.rpartition(".")[0] in named


@settings(max_examples=300, deadline=None)
@given(case=cases())
def test_a_server_in_order_gets_every_reference_it_can_have(case: Case) -> None:
    case = replace(case, refused=frozenset())
    with TemporaryDirectory() as folder, FakeOpenMetadata(manners=manners(case)) as fake:
        run = Run(fake, Path(folder))
        handed = hand_over(run, case)
        tables = fake.entities("tables")
        assert run.report.lost == []
        for number, own in enumerate(case.schemas):
            for name, to in own:
                known = to is not None and f"s.d.x0.{to}" in handed
                assert bool(tables[f"s.d.x{number}.{name}"]["tableConstraints"]) is known
        assert sorted(run.report.scopes) == sorted(f"s.d.x{number}" for number in range(len(case.schemas)))
