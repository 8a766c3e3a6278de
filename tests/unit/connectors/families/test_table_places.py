"""Tables that other systems read, and their names in the catalogue."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.definition import parse
from connectors.errors import ConfigurationError
from connectors.families.lineage_options import LineageInformation
from connectors.families.table_places import TablePlace
from connectors.models.names import decode_name, fqn, split_fqn

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(lambda name: name != "*")


def services(*prefixes: str) -> LineageInformation:
    return parse(LineageInformation, {"dbServicePrefixes": prefixes})


@pytest.mark.parametrize(
    ("uri", "place", "names"),
    [
        ("postgresql+psycopg2://u:XXX@db:5432/shop", TablePlace("orders"), ["svc.shop.public.orders"]),
        ("postgresql://db/shop", TablePlace("orders", "sales"), ["svc.shop.sales.orders"]),
        ("mysql+pymysql://u@db/shop", TablePlace("orders"), ["svc.default.shop.orders"]),
        ("sqlite:////data/shop.db", TablePlace("orders"), ["svc.default.main.orders"]),
        ("bigquery://project", TablePlace("orders", "set"), ["svc.project.set.orders"]),
        ("snowflake://u@account/DB/SCH?warehouse=w", TablePlace("ORDERS"), ["svc.DB.SCH.ORDERS"]),
        ("trino://u@host:8080/hive", TablePlace("orders", "web", "iceberg"), ["svc.iceberg.web.orders"]),
        ("mssql+pyodbc://u@db/shop", TablePlace("orders"), ["svc.shop.dbo.orders"]),
        ("acme://db/shop", TablePlace("orders"), []),
        ("", TablePlace("orders", "public"), []),
        ("postgresql://[db/shop", TablePlace("orders", "public"), []),
    ],
)
def test_a_place_is_completed_by_its_uri(uri: str, place: TablePlace, names: list[str]) -> None:
    assert list(place.within(uri).fqns(services("svc"))) == names


@pytest.mark.parametrize(
    ("prefixes", "names"),
    [
        (("a", "b"), ["a.shop.public.orders", "b.shop.public.orders"]),
        (("a.SHOP", "b.*.public"), ["a.shop.public.orders", "b.shop.public.orders"]),
        (("a.bank", "b.shop.sales", "c.*.*.other"), []),
        (('"a.b".shop',), ['"a.b".shop.public.orders']),
    ],
)
def test_prefixes_say_which_services_and_which_parts(prefixes: tuple[str, ...], names: list[str]) -> None:
    assert list(TablePlace("orders", "public", "shop").fqns(services(*prefixes))) == names


def test_a_prefix_completes_what_is_not_known() -> None:
    assert list(TablePlace("orders", "public").fqns(services("a.shop", "b", "c.*"))) == ["a.shop.public.orders"]


@given(NAMES, NAMES, NAMES)
def test_any_names_come_out_as_they_were(table: str, schema: str, database: str) -> None:
    [found] = TablePlace(table, schema, database).fqns(services("svc"))
    assert [decode_name(part) for part in split_fqn(found)] == ["svc", database, schema, table]
    assert fqn(*split_fqn(found)) == found


@given(st.text(), NAMES)
def test_any_text_in_place_of_a_uri_is_no_crash(uri: str, table: str) -> None:
    list(TablePlace(table).within(uri).fqns(services("svc")))


@pytest.mark.parametrize("prefix", ["", "a..b", '"a'])
def test_a_prefix_that_is_no_name_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is not (the name of a service|a fully qualified name)"):
        services(prefix)
