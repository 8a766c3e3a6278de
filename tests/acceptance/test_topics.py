"""Topics through the whole service: a real broker and a registry of schemas."""

from pathlib import Path

from tests.acceptance.api import Api, Json, config_of
from tests.acceptance.catalogues import Catalogue
from tests.kafka import LOGIN, broker, delete_topics, make_shop
from tests.schema_registry import SchemaRegistry, serving


def definition(address: str, registry: str, catalogue: Catalogue) -> Json:
    connection = {"type": "Kafka", "bootstrapServers": address}
    login = {"schemaRegistryURL": registry, "basicAuthUserInfo": LOGIN}
    written = config_of({**connection, **login}, catalogue)
    written["source"] |= {"type": "kafka", "sourceConfig": {"config": {"type": "MessagingMetadata"}}}
    return written


def test_topics_arrive_and_those_that_are_gone_are_deleted(
    api: Api, name: str, catalogue: Catalogue, tmp_path: Path
) -> None:
    with broker(tmp_path) as address, serving(SchemaRegistry(LOGIN)) as registry:
        make_shop(address, registry)
        created = api.create(name, definition(address, registry.url, catalogue))
        checked = api.post(f"/workflows/{name}/check")
        assert {step["status"] for step in checked["steps"]} == {"passed"}
        assert LOGIN not in str(created) + str(checked)
        run = api.until(api.start(name), "succeeded")
        assert run["counts"]["byType"]["topic"] == {"written": 4, "filtered": 1}
        topics = catalogue.entities("topics")
        assert set(topics) == {"shop.clicks", 'shop."orders.v1"', "shop.payments", "shop.plain"}
        [order] = topics['shop."orders.v1"']["messageSchema"]["schemaFields"]
        assert [field["name"] for field in order["children"]] == ["id", "to"]
        delete_topics(address, "payments")
        run = api.until(api.start(name), "succeeded")
    assert run["counts"]["byType"]["topic"] == {"unchanged": 3, "filtered": 1, "deleted": 1}
    assert "shop.payments" not in catalogue.entities("topics")


def test_a_schema_that_cannot_be_read_is_a_named_failure(
    api: Api, name: str, catalogue: Catalogue, tmp_path: Path
) -> None:
    with broker(tmp_path) as address, serving(SchemaRegistry(LOGIN)) as registry:
        make_shop(address, registry)
        registry.refused["payments-value"] = 403
        api.create(name, definition(address, registry.url, catalogue))
        run = api.ended(api.start(name))
    [failure] = api.failures(run["id"])
    assert (failure["entity"], failure["name"]) == ("topic", "shop.payments")
    assert "not for you" in failure["cause"]
    assert failure["advice"]
