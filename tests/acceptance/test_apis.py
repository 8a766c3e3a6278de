"""An API through the whole service: Headwater's own."""

from tests.acceptance.api import Api, Json
from tests.acceptance.catalogues import TOKEN, Catalogue
from tests.answering import Answering

SECRET = "the-apis-token"


def config_of(url: str, catalogue: Catalogue) -> Json:
    place = {"openAPISchemaURL": url}
    return {
        "source": {
            "type": "rest",
            "serviceName": "headwater",
            "serviceConnection": {"config": {"type": "Rest", "openAPISchemaConnection": place, "token": SECRET}},
            "sourceConfig": {"config": {"type": "ApiMetadata"}},
        },
        "sink": {"type": "metadata-rest", "config": {"maxDeletedPercent": 100}},
        "workflowConfig": {
            "openMetadataServerConfig": {
                "hostPort": catalogue.host_port,
                "securityConfig": {"jwtToken": TOKEN},
            }
        },
    }


def test_headwaters_own_description_arrives(api: Api, name: str, catalogue: Catalogue) -> None:
    document: Json = api.http.get("/openapi.json").json()
    created = api.create(name, config_of(f"{api.url}/openapi.json", catalogue))
    assert SECRET not in str(created)
    checked = api.post(f"/workflows/{name}/check")
    assert [step["status"] for step in checked["steps"]] == ["passed"] * 3
    run = api.until(api.start(name), "succeeded")
    operations = {
        (path, method) for path, methods in document["paths"].items() for method in methods if method != "parameters"
    }
    sent = catalogue.entities("apiEndpoints")
    assert len(sent) == len(operations) == run["counts"]["byType"]["apiEndpoint"]["written"]
    [post] = [each for each in sent.values() if each["endpointURL"].endswith("/workflows") and is_post(each)]
    assert "config" in {field["name"] for field in post["requestSchema"]["schemaFields"]}
    again = api.until(api.start(name), "succeeded")
    assert again["counts"]["byType"]["apiEndpoint"] == {"unchanged": len(operations)}


def is_post(endpoint: Json) -> bool:
    return endpoint["requestMethod"] == "POST"


def test_what_is_gone_from_the_description_is_deleted(api: Api, name: str, catalogue: Catalogue) -> None:
    def document(*paths: str) -> Json:
        return {"openapi": "3.1.0", "info": {}, "paths": {path: {"get": {"responses": {}}} for path in paths}}

    with Answering({"GET /openapi.json": document("/a", "/b")}) as server:
        api.create(name, config_of(f"{server.address}/openapi.json", catalogue))
        api.until(api.start(name), "succeeded")
        server.answers["GET /openapi.json"] = document("/a")
        run = api.until(api.start(name), "succeeded")
    assert run["counts"]["byType"]["apiEndpoint"] == {"unchanged": 1, "deleted": 1}
    assert set(catalogue.entities("apiEndpoints")) == {"headwater.default.GET /a"}


def test_a_description_that_is_none_fails_the_run_with_advice(api: Api, name: str, catalogue: Catalogue) -> None:
    api.create(name, config_of(f"{api.url}/docs", catalogue))
    run = api.ended(api.start(name))
    assert run["state"] == "failed"
    assert "neither JSON nor YAML" in run["error"]["detail"]
    assert "the document itself" in run["error"]["advice"]
