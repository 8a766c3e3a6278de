import json
from typing import Any, get_args

import msgspec
import pytest

from connectors.models.base import CreateRequest, EntityReference, TagLabel, Wire
from connectors.models.dashboard import CreateDashboardDataModelRequest, CreateDashboardServiceRequest
from connectors.models.database import (
    VIEW_TYPES,
    Column,
    ConstraintType,
    CreateDatabaseRequest,
    CreateDatabaseSchemaRequest,
    CreateDatabaseServiceRequest,
    CreateStoredProcedureRequest,
    CreateTableRequest,
    DataType,
    StoredProcedureCode,
    TableConstraint,
    TableType,
)
from connectors.models.tags import CreateClassificationRequest, CreateTagRequest
from tests.in_memory import column

SCHEMA = 'svc."my.db".public'
REQUESTS: list[CreateRequest] = [
    CreateDatabaseServiceRequest(name="svc", service_type="Postgres"),
    CreateDatabaseRequest(name="my.db", service="svc"),
    CreateDatabaseSchemaRequest(name="public", database='svc."my.db"'),
    CreateTableRequest(
        name="orders",
        table_type=TableType.REGULAR,
        database_schema=SCHEMA,
        columns=(column("id"),),
        table_constraints=(),
    ),
    CreateStoredProcedureRequest(
        name="f(int)",
        database_schema=SCHEMA,
        stored_procedure_code=StoredProcedureCode(code="x"),
        stored_procedure_type="Function",
    ),
    CreateDashboardServiceRequest(name="boards", service_type="Superset"),
    CreateDashboardDataModelRequest(
        name="or.ders", service="boards", data_model_type="SupersetDataModel", columns=(column("id"),)
    ),
    CreateClassificationRequest(name="Policies"),
    CreateTagRequest(name="own.rows", classification="Policies"),
]


def wire(value: Wire) -> dict[str, Any]:
    return json.loads(msgspec.json.encode(value))


def foreign_key(referred: str) -> TableConstraint:
    return TableConstraint(
        constraint_type=ConstraintType.FOREIGN_KEY, columns=("parent",), referred_columns=(f"{referred}.id",)
    )


def orders(*constraints: TableConstraint) -> CreateTableRequest:
    return CreateTableRequest(
        name="or.ders",
        table_type=TableType.REGULAR,
        database_schema=SCHEMA,
        columns=(column("id"), column("parent")),
        table_constraints=constraints,
    )


NAMES = [
    "svc",
    'svc."my.db"',
    SCHEMA,
    f"{SCHEMA}.orders",
    f"{SCHEMA}.f(int)",
    "boards",
    'boards.model."or.ders"',
    "Policies",
    'Policies."own.rows"',
]
PARENTS = ["", "svc", 'svc."my.db"', SCHEMA, SCHEMA, "", "boards", "", "Policies"]


@pytest.mark.parametrize(("request_", "name", "parent"), list(zip(REQUESTS, NAMES, PARENTS, strict=True)))
def test_qualified_names(request_: CreateRequest, name: str, parent: str) -> None:
    assert request_.fqn == name
    assert request_.parent == parent


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_fields_at_their_default_stay_out_and_names_are_camel_case(request_: CreateRequest) -> None:
    keys = wire(request_)
    assert not any("_" in key or value is None for key, value in keys.items())
    assert "displayName" not in keys
    assert set(keys).isdisjoint({"entity", "collection", "rank", "bulk", "hashed"})


def test_parents_rank_before_their_children() -> None:
    by_entity = {request.entity: request.rank for request in REQUESTS}
    for chain in (
        ("databaseService", "database", "databaseSchema", "table"),
        ("databaseSchema", "storedProcedure"),
        ("classification", "tag", "table"),
    ):
        ranks = [by_entity[entity] for entity in chain]
        assert ranks == sorted(set(ranks))


def test_columns_and_constraints_are_sent_even_when_there_are_none() -> None:
    empty = wire(msgspec.structs.replace(orders(), columns=()))
    assert empty["columns"] == []
    assert empty["tableConstraints"] == []
    assert empty["databaseSchema"] == SCHEMA
    assert empty["tableType"] == "Regular"


def test_a_tag_label_says_everything() -> None:
    assert wire(TagLabel(tag_fqn="Policies.own")) == {
        "tagFQN": "Policies.own",
        "source": "Classification",
        "labelType": "Automated",
        "state": "Suggested",
    }


def test_a_nested_column() -> None:
    nested = column("address", data_type="STRUCT", children=(column("zip", ordinal_position=1),))
    assert wire(nested) == {
        "name": "address",
        "dataType": "STRUCT",
        "children": [{"name": "zip", "dataType": "INT", "ordinalPosition": 1}],
    }


def test_an_owner_by_name() -> None:
    assert wire(EntityReference(type="team", name="data")) == {"type": "team", "name": "data"}


def test_detached_loses_only_foreign_keys_to_other_tables() -> None:
    own = foreign_key(f'{SCHEMA}."or.ders"')
    other = foreign_key(f"{SCHEMA}.customers")
    primary = TableConstraint(constraint_type=ConstraintType.PRIMARY_KEY, columns=("id",))
    whole = orders(own, other, primary)
    assert whole.detached().table_constraints == (own, primary)
    assert whole.detached().detached() == whole.detached()
    assert whole.table_constraints == (own, other, primary)


def test_detached_is_the_same_object_when_nothing_points_elsewhere() -> None:
    request = orders(foreign_key(f'{SCHEMA}."or.ders"'))
    assert request.detached() is request


def test_a_table_of_the_same_name_in_another_schema_is_another_table() -> None:
    elsewhere = foreign_key('svc."my.db".private."or.ders"')
    assert orders(elsewhere).detached().table_constraints == ()


def test_requests_cannot_be_changed() -> None:
    for field in ("name", "description"):
        with pytest.raises(AttributeError):
            setattr(REQUESTS[0], field, "other")


def test_views_are_tables() -> None:
    assert set(TableType) > VIEW_TYPES
    assert TableType.REGULAR not in VIEW_TYPES


def test_data_types_are_in_order_and_each_once() -> None:
    types = get_args(DataType)
    assert list(types) == sorted(set(types))
    assert Column(name="x", data_type="UNKNOWN").data_type in types
