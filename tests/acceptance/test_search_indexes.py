"""Indexes through the whole service: with answers made by hand, so that it runs on every machine."""

from typing import Any

from tests.acceptance.api import Api, Json
from tests.acceptance.catalogues import TOKEN, Catalogue
from tests.answering import Answering, Status

KEY = "s3cret-api-key"
ORDERS = {"mappings": {"properties": {"id": {"type": "long"}}}, "settings": {"index": {"number_of_shards": "1"}}}
ANSWERS: dict[str, Any] = {
    "GET /": {"version": {"number": "8.19.0"}, "cluster_name": "shop"},
    "GET /_resolve/index/*": {"indices": [{"name": "orders"}, {"name": "returns"}], "data_streams": []},
    "GET /orders,returns": {"orders": ORDERS, "returns": {"mappings": {}}},
    "GET /orders": {"orders": ORDERS},
    "GET /_index_template": {"index_templates": []},
    "GET /_template": {},
}


def config_of(address: str, catalogue: Catalogue) -> Json:
    login = {"apiKey": KEY, "apiKeyId": "reader"}
    return {
        "source": {
            "type": "elasticsearch",
            "serviceName": "search",
            "serviceConnection": {"config": {"type": "ElasticSearch", "hostPort": address, "authType": login}},
            "sourceConfig": {"config": {"type": "SearchMetadata", "includeSampleData": True}},
        },
        "sink": {"type": "metadata-rest", "config": {}},
        "workflowConfig": {
            "openMetadataServerConfig": {"hostPort": catalogue.host_port, "securityConfig": {"jwtToken": TOKEN}}
        },
    }


def test_indexes_arrive(api: Api, name: str, catalogue: Catalogue) -> None:
    with Answering(ANSWERS) as cluster:
        created = api.create(name, config_of(cluster.address, catalogue))
        checked = api.post(f"/workflows/{name}/check")
        first = api.until(api.start(name), "succeeded")
        second = api.until(api.start(name), "succeeded")
    assert [run["counts"]["byType"]["searchIndex"] for run in (first, second)] == [{"written": 2}, {"unchanged": 2}]
    assert KEY not in f"{created}{checked}{first}"
    assert catalogue.entities("searchIndexes")["search.orders"]["fields"][0]["dataType"] == "LONG"


def test_an_index_that_may_not_be_read_is_a_named_failure(api: Api, name: str, catalogue: Catalogue) -> None:
    forbidden = Status(403, {"error": {"reason": "action [indices:admin/get] is unauthorized"}})
    with Answering({**ANSWERS, "GET /orders,returns": forbidden, "GET /returns": forbidden}) as cluster:
        api.create(name, config_of(cluster.address, catalogue))
        run = api.ended(api.start(name))
    [failure] = api.failures(run["id"])
    assert (failure["entity"], failure["name"]) == ("searchIndex", "search.returns")
    assert "indices:admin/get" in failure["cause"]
    assert failure["advice"]
