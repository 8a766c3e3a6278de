import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.asset_names import entities_of
from connectors.families.pipeline_options import LineageInformation
from connectors.models.names import split_fqn

SERVICES = LineageInformation.model_validate(
    {"dbServiceNames": ["shop"], "messagingServiceNames": ["bus"], "storageServiceNames": ["lake"]}
)


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("postgres://db:5432/shop/public/orders", [("table", "shop.shop.public.orders")]),
        ("snowflake://account/DB/S/T", [("table", "shop.DB.S.T")]),
        ("mysql://db/sales/orders", [("table", "shop.default.sales.orders")]),
        ("hive://server:10000/sales/orders", [("table", "shop.default.sales.orders")]),
        ("clickhouse://server/sales/orders", [("table", "shop.default.sales.orders")]),
        ("bigquery://project/set/table", [("table", "shop.project.set.table")]),
        ("kafka://broker:9092/orders", [("topic", "bus.orders")]),
        ("s3://bucket", [("container", "lake.bucket")]),
        ("s3://bucket/raw/orders.csv", [("container", 'lake.bucket."raw/orders.csv"')]),
        (
            "postgres://db/shop/public/a%3E%22b.c",
            [("table", 'shop.shop.public."a__reserved__arrow____reserved__quote__b.c"')],
        ),
        ("postgres://db/shop/orders", []),
        ("file:///tmp/x", []),
        ("orders", []),
        ("", []),
        ("http://[broken", []),
        ("s3:///key", []),
        ("kafka://broker", []),
    ],
)
def test_a_uri_stands_for_an_entity_of_each_service_named(uri: str, found: list[tuple[str, str]]) -> None:
    assert list(entities_of(uri, SERVICES)) == found


def test_no_service_named_is_no_entity() -> None:
    assert list(entities_of("postgres://db/shop/public/orders", LineageInformation())) == []


@given(st.text(max_size=40))
def test_any_text_is_read(uri: str) -> None:
    for kind, name in entities_of(uri, SERVICES):
        assert kind in ("table", "topic", "container")
        assert split_fqn(name)[0] in ("shop", "bus", "lake")
