"""Data models: put on tables that the server has, over nothing that people wrote there unless they asked for it."""

from pathlib import Path
from typing import Any

import pytest

from connectors.errors import ConfigurationError
from connectors.models.base import TagLabel
from connectors.models.data_model import AddDataModelRequest, DataModel, ModelColumn
from connectors.report import Report
from connectors.sinks.file import FileSink
from connectors.sinks.replay import replay
from tests.fake_openmetadata import FakeOpenMetadata, Fault
from tests.integration.connectors.sinks.harness import Run, tree

TABLE = "s.d.x.t0"
CORE = TagLabel(tag_fqn="dbt.core")
TERM = TagLabel(tag_fqn="Shop.Order", source="Glossary")
CHANGES = ("PATCH", "PUT")


def model(table: str = TABLE, **fields: Any) -> AddDataModelRequest:
    made = DataModel(model_type="DBT", sql="select 1 as id", upstream=("s.d.x.t1",))
    return AddDataModelRequest(table=table, data_model=made, **fields)


WHOLE = model(
    description="From dbt.",
    owner_names=("ada@shop.test", "nobody"),
    tags=(CORE, TERM, TagLabel(tag_fqn="dbt.unknown")),
    columns=(ModelColumn(name="ID", description="Its number.", tags=(CORE,)), ModelColumn(name="gone")),
)


@pytest.fixture
def people(fake: FakeOpenMetadata, run: Run) -> dict[str, str]:
    """A server with tables, a tag, a term, a user and a team, by their names."""
    run.deliver(tree(2))
    fake.catalogue.put("classifications", {"name": "dbt", "description": ""})
    fake.catalogue.put("tags", {"name": "core", "description": "", "classification": "dbt"})
    fake.catalogue.add_person("glossaryTerms", "Shop.Order")
    return {name: fake.catalogue.add_person(f"{kind}s", name) for kind, name in (("user", "ada"), ("team", "sales"))}


def stored(fake: FakeOpenMetadata) -> dict[str, Any]:
    return fake.entities("tables")[TABLE]


def changes(fake: FakeOpenMetadata) -> list[tuple[str, str]]:
    return [
        (request.method, request.path.rpartition("/")[2])
        for request in fake.requests
        if request.method in CHANGES and "/tables/" in request.path and "bulk" not in request.path
    ]


def test_all_of_it_arrives(fake: FakeOpenMetadata, run: Run, people: dict[str, str]) -> None:
    assert run.deliver([WHOLE]).lost == []
    table = stored(fake)
    assert table["description"] == "From dbt."
    assert table["owners"] == [{"id": people["ada"], "type": "user"}]
    assert [label["tagFQN"] for label in table["tags"]] == ["dbt.core", "Shop.Order"]
    [column] = table["columns"]
    assert (column["name"], column["description"], column["tags"][0]["tagFQN"]) == ("id", "Its number.", "dbt.core")
    assert table["dataModel"] == {
        "modelType": "DBT",
        "sql": "select 1 as id",
        "upstream": ["s.d.x.t1"],
        "columns": [{"name": "id", "dataType": "INT", "description": "Its number."}],
    }


@pytest.mark.usefixtures("people")
def test_what_is_there_is_not_sent_again(fake: FakeOpenMetadata, run: Run) -> None:
    run.deliver([WHOLE])
    assert run.report.counts("dataModel") == {"written": 1}
    sent = changes(fake)
    run.deliver([WHOLE])
    assert changes(fake) == sent
    assert run.report.counts("dataModel") == {"written": 1, "unchanged": 1}


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (WHOLE, model(columns=())),
        (model(columns=(ModelColumn(name="id", description="Its number."),)), model(columns=(ModelColumn(name="id"),))),
        (model(), AddDataModelRequest(table=TABLE, data_model=DataModel(model_type="DBT", sql="select 1 as id"))),
    ],
)
def test_what_is_not_told_any_more_goes(
    fake: FakeOpenMetadata, run: Run, before: AddDataModelRequest, after: AddDataModelRequest
) -> None:
    run.deliver([after])
    wanted = stored(fake)["dataModel"]
    run.deliver([before])
    assert stored(fake)["dataModel"] != wanted
    run.deliver([after])
    assert stored(fake)["dataModel"] == wanted
    sent = changes(fake)
    run.deliver([after])
    assert changes(fake) == sent


@pytest.mark.parametrize("updates", [False, True])
def test_what_people_wrote_stays_unless_they_want_it_replaced(
    fake: FakeOpenMetadata, run: Run, people: dict[str, str], updates: bool
) -> None:
    [entity] = [each for each in fake.catalogue.entities["tables"].values() if each.fqn == TABLE]
    theirs = {"description": "By hand.", "owners": [{"id": people["sales"], "type": "team"}]}
    fake.catalogue.change(entity.id, {**theirs, "columns": [{"name": "id", "dataType": "INT", "description": "Mine."}]})
    run.deliver([model(
        description="From dbt.", owner_names=("ada",), columns=(ModelColumn(name="id", description="Its number."),),
        update_descriptions=updates, update_owners=updates,
    )])  # fmt: skip
    table = stored(fake)
    assert table["description"] == ("From dbt." if updates else "By hand.")
    assert table["owners"][0]["id"] == people["ada" if updates else "sales"]
    assert table["columns"][0]["description"] == ("Its number." if updates else "Mine.")
    assert table["dataModel"]["columns"][0]["description"] == "Its number."


@pytest.mark.usefixtures("people")
def test_tags_are_added_to_those_that_are_there(fake: FakeOpenMetadata, run: Run) -> None:
    fake.catalogue.put("tags", {"name": "theirs", "description": "", "classification": "dbt"})
    [entity] = [each for each in fake.catalogue.entities["tables"].values() if each.fqn == TABLE]
    label = {"tagFQN": "dbt.theirs", "source": "Classification", "labelType": "Manual", "state": "Confirmed"}
    fake.catalogue.change(entity.id, {"tags": [label]})
    run.deliver([model(tags=(CORE,))])
    assert [each["tagFQN"] for each in stored(fake)["tags"]] == ["dbt.theirs", "dbt.core"]
    assert stored(fake)["tags"][0] == label


@pytest.mark.usefixtures("people")
def test_fields_of_a_struct_are_described_by_their_paths(fake: FakeOpenMetadata, run: Run) -> None:
    [entity] = [each for each in fake.catalogue.entities["tables"].values() if each.fqn == TABLE]
    inner = {"name": "city", "dataType": "STRING"}
    columns = [{"name": "address", "dataType": "STRUCT", "children": [inner]}, {"name": "city", "dataType": "STRING"}]
    fake.catalogue.change(entity.id, {"columns": columns})
    run.deliver([model(columns=(ModelColumn(name="Address.City", description="Where."),))])
    address, city = stored(fake)["columns"]
    assert address["children"][0]["description"] == "Where."
    assert "description" not in city


def test_owners_are_users_before_teams(fake: FakeOpenMetadata, run: Run, people: dict[str, str]) -> None:
    both = fake.catalogue.add_person("teams", "ada")
    run.deliver([model(owner_names=("ada", "sales"))])
    assert [each["id"] for each in stored(fake)["owners"]] == [people["ada"], people["sales"]]
    run.deliver([model(owner_names=("team:ada",), update_owners=True)])
    assert [each["id"] for each in stored(fake)["owners"]] == [both]


@pytest.mark.usefixtures("people")
def test_a_table_that_the_catalogue_lacks_is_no_failure(run: Run) -> None:
    report = run.deliver([model("s.d.x.nowhere")])
    assert (report.lost, report.counts("dataModel"), run.dead()) == ([], {"filtered": 1}, [])


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault("", method="PATCH", status=400), "refuses it (HTTP 400): injected"),
        (Fault("/dataModel", method="PUT", status=422), "refuses it (HTTP 422): injected"),
        (Fault("/dataModel", method="PUT", status=404), "refuses it (HTTP 400): injected"),
        (Fault("name/s.d.x.t0", "garbage"), "the table cannot be read"),
    ],
)
def test_what_is_refused_is_a_failure_with_a_dead_letter(
    fake: FakeOpenMetadata, run: Run, fault: Fault, cause: str
) -> None:
    fake.faults.add(fault)
    [failure] = run.deliver([WHOLE]).lost
    assert (failure.entity, failure.name) == ("dataModel", TABLE)
    assert cause in failure.cause
    assert [line.collection for line in run.dead()] == ["tables/dataModel"]


@pytest.mark.usefixtures("people")
def test_a_server_that_is_busy_for_a_moment(fake: FakeOpenMetadata, run: Run) -> None:
    fake.faults.add(*(Fault("", method=method, status=503) for method in ("GET", "PATCH", "PUT")))
    assert run.deliver([WHOLE]).lost == []
    assert stored(fake)["dataModel"]


def test_a_file_of_them_can_be_replayed(
    fake: FakeOpenMetadata, run: Run, people: dict[str, str], tmp_path: Path
) -> None:
    place = tmp_path / "models.jsonl"
    sink = FileSink(place, Report())
    sink.write(WHOLE)
    sink.close()
    replay(place, run.target(), run.report, run.cancellation)
    assert stored(fake)["owners"] == [{"id": people["ada"], "type": "user"}]
    place.write_text('{"entity":"dataModel","collection":"tables/dataModel","fqn":"s.d.x.t0","request":{"table":1}}\n')
    with pytest.raises(ConfigurationError, match="its request cannot be read"):
        replay(place, run.target(), run.report, run.cancellation)
