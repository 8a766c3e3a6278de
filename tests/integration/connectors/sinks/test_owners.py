"""Owners: named by the source, sent by id."""

import pytest

from connectors.errors import SinkUnavailable
from connectors.models.base import EntityReference
from connectors.models.database import CreateDatabaseRequest
from tests.fake_openmetadata import FakeOpenMetadata, Fault
from tests.integration.connectors.sinks.harness import Run, service, table, tree


def lookups(fake: FakeOpenMetadata) -> list[str]:
    return [request.path for request in fake.requests if "/users/" in request.path or "/teams/" in request.path]


def test_owners_are_sent_by_id_and_asked_for_once(fake: FakeOpenMetadata, run: Run) -> None:
    ann = fake.catalogue.add_person("users", "ann.o'neill")
    team = fake.catalogue.add_person("teams", "data & more/all")
    owners = (EntityReference(type="team", name="data & more/all"), EntityReference(type="user", name="ann.o'neill"))
    tables = [table(f"t{number}", owners=("ann.o'neill",)) for number in range(20)]
    run.deliver([service(), CreateDatabaseRequest(name="d", service="s", owners=owners), *tree(0)[2:], *tables])
    assert fake.entities("databases")["s.d"]["owners"] == [{"type": "team", "id": team}, {"type": "user", "id": ann}]
    assert fake.entities("tables")["s.d.x.t7"]["owners"] == [{"type": "user", "id": ann}]
    assert len(lookups(fake)) == 2


def test_an_unknown_owner_is_left_out_with_one_warning(
    fake: FakeOpenMetadata, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    ann = fake.catalogue.add_person("users", "ann")
    report = run.deliver([*tree(0), *(table(f"t{number}", owners=("ghost", "ann")) for number in range(9))])
    assert report.lost == []
    assert fake.entities("tables")["s.d.x.t0"]["owners"] == [{"type": "user", "id": ann}]
    assert caplog.text.count("has no user 'ghost'") == 1
    assert len(lookups(fake)) == 2


def test_an_owner_that_appears_later_is_found(
    fake: FakeOpenMetadata, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sinks.references.MISS_SECONDS", 0.0)
    sink = run.sink()
    for record in [*tree(0), table("a", owners=("ann",))]:
        sink.write(record)
    ann = fake.catalogue.add_person("users", "ann")
    sink.write(table("b", owners=("ann",)))
    sink.close()
    assert "owners" not in fake.entities("tables")["s.d.x.a"]
    assert fake.entities("tables")["s.d.x.b"]["owners"] == [{"type": "user", "id": ann}]


def test_the_cache_is_bounded(fake: FakeOpenMetadata, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sinks.references.MOST_KEPT", 2)
    for name in "abc":
        fake.catalogue.add_person("users", name)
    tables = [table(f"t{number}", owners=(owner,)) for number, owner in enumerate("abca")]
    run.deliver([*tree(0), *tables])
    assert len(lookups(fake)) == 4
    assert all(len(each["owners"]) == 1 for each in fake.entities("tables").values())


def test_nothing_is_asked_without_owners(fake: FakeOpenMetadata, run: Run) -> None:
    run.deliver(tree(3))
    assert lookups(fake) == []


@pytest.mark.parametrize("fault", [Fault("/users/name/ann", "garbage"), Fault("/users/name/ann", status=400)])
def test_an_answer_that_makes_no_sense_leaves_the_owner_out(fake: FakeOpenMetadata, run: Run, fault: Fault) -> None:
    fake.catalogue.add_person("users", "ann")
    fake.faults.add(fault)
    assert run.deliver([*tree(0), table("t", owners=("ann",))]).lost == []
    assert "owners" not in fake.entities("tables")["s.d.x.t"]


def test_a_server_that_cannot_tell_loses_no_owner(fake: FakeOpenMetadata, run: Run) -> None:
    fake.catalogue.add_person("users", "ann")
    fake.faults.add(Fault("/users/name/ann", status=500, times=100))
    with pytest.raises(SinkUnavailable, match="cannot tell whether it has the user 'ann'"):
        run.deliver([*tree(0), table("t", owners=("ann",))])


def test_owners_of_other_kinds_and_without_names_are_left_out(fake: FakeOpenMetadata, run: Run) -> None:
    owners = (EntityReference(type="role", name="x"), EntityReference(type="user"))
    run.deliver([service(), CreateDatabaseRequest(name="d", service="s", owners=owners)])
    assert "owners" not in fake.entities("databases")["s.d"]
    assert lookups(fake) == []
