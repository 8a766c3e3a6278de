"""Changes that are meant for one revision of a workflow."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration.service.api.serving import create, definition_of, problem, problems

SHOP = "/api/v1/workflows/shop"


def tag_of(created: Mapping[str, Any], revision: int = 1) -> str:
    return f'"{created["id"][:8]}-{revision}"'


def change(client: httpx.Client, method: str, expected: str, description: str = "changed") -> httpx.Response:
    body = {"PUT": definition_of(description=description), "PATCH": {"description": description}}.get(method)
    return client.request(method, SHOP, json=body, headers={"If-Match": expected})


def test_answers_tell_the_revision(client: httpx.Client) -> None:
    created = client.post("/api/v1/workflows", json=definition_of())
    tags = [tag_of(created.json(), revision) for revision in (1, 2, 3)]
    assert created.headers["etag"] == tags[0]
    assert client.get(SHOP).headers["etag"] == tags[0]
    assert client.patch(SHOP, json={"description": "x"}).headers["etag"] == tags[1]
    assert client.put(SHOP, json=definition_of(description="y")).headers["etag"] == tags[2]
    assert client.put(SHOP, json=definition_of(description="y")).headers["etag"] == tags[2]
    new = client.put("/api/v1/workflows/new", json=definition_of("new"))
    assert new.headers["etag"] == tag_of(new.json())


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("expected", ["TAG", "*", '"9", TAG', '"a,b" ,, W/"1",TAG', "TAG ,"])
def test_a_change_that_is_meant_for_what_is_stored_is_made(client: httpx.Client, method: str, expected: str) -> None:
    expected = expected.replace("TAG", tag_of(create(client)))
    assert change(client, method, expected).status_code == (204 if method == "DELETE" else 200)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("expected", ["NEXT", "W/TAG", '"1"', '"2", NEXT', '""', '"*"', '"00000000-1"'])
def test_a_change_that_is_meant_for_something_else_is_not(client: httpx.Client, method: str, expected: str) -> None:
    created = create(client)
    tag = tag_of(created)
    answer = change(client, method, expected.replace("TAG", tag).replace("NEXT", tag_of(created, 2)))
    detail = problem(answer, 412)["detail"]
    assert f"workflow 'shop' is at {tag}, which is not what If-Match expects; read it" in detail
    assert detail.endswith(f"If-Match: {tag}")
    assert answer.headers["etag"] == tag
    stored = client.get(SHOP).json()
    assert (stored["revision"], stored["description"]) == (1, "")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("expected", ["1", "'1'", '"1', '*, "1"', "", "W/1", '"1" "2"'])
def test_what_is_no_tag_is_refused(client: httpx.Client, method: str, expected: str) -> None:
    create(client)
    assert problems(change(client, method, expected))["If-Match"].startswith("must be * or tags in quotes, like")
    assert client.get(SHOP).json()["revision"] == 1


def test_going_back_may_be_meant_for_one_revision_too(client: httpx.Client) -> None:
    created = create(client)
    first, second, third = (tag_of(created, revision) for revision in (1, 2, 3))
    assert change(client, "PATCH", "*").status_code == 200
    back = f"{SHOP}/rollback"
    assert client.post(back, json={"revision": 1}, headers={"If-Match": first}).status_code == 412
    assert client.post(back, json={"revision": 1}, headers={"If-Match": second}).headers["etag"] == third


def test_several_lines_are_one_list(client: httpx.Client) -> None:
    lines = [("If-Match", '"7"'), ("If-Match", tag_of(create(client)))]
    assert client.patch(SHOP, json={"description": "x"}, headers=lines).status_code == 200
    assert client.patch(SHOP, json={"description": "y"}, headers=lines).status_code == 412


def test_what_is_not_there_is_not_what_was_meant(client: httpx.Client) -> None:
    for expected in ("*", '"1"'):
        answer = change(client, "PUT", expected)
        assert problem(answer, 412)["detail"].endswith("leave If-Match out to create it")
        assert "etag" not in answer.headers
        for method in ("PATCH", "DELETE"):
            assert change(client, method, expected).status_code == 404
    assert client.get(SHOP).status_code == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_change_that_is_meant_for_a_workflow_since_made_anew_is_not(client: httpx.Client, method: str) -> None:
    old = tag_of(create(client))
    assert client.delete(SHOP).status_code == 204
    anew = tag_of(create(client))
    answer = change(client, method, old)
    assert problem(answer, 412)["detail"].endswith(f"If-Match: {anew}")
    assert answer.headers["etag"] == anew != old
    assert client.get(SHOP).headers["etag"] == anew


def test_of_those_that_change_one_revision_at_once_one_does(client: httpx.Client) -> None:
    tag = tag_of(create(client))
    with ThreadPoolExecutor(8) as clients:
        made = [clients.submit(change, client, "PATCH", tag, f"by {number}") for number in range(8)]
        answers = [one.result() for one in made]
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 7]
    assert client.get(SHOP).json()["revision"] == 2


def test_the_document_tells_of_the_header_and_the_tag(client: httpx.Client) -> None:
    operations = client.get("/openapi.json").json()["paths"]["/api/v1/workflows/{name}"]
    for method in ("put", "patch", "delete"):
        [header] = [one for one in operations[method]["parameters"] if one["in"] == "header"]
        assert (header["name"], header["required"]) == ("If-Match", False)
        assert operations[method]["responses"]["412"]["content"]["application/problem+json"]
    assert "412" not in operations["get"]["responses"]
    for method, status in (("get", "200"), ("put", "200"), ("put", "201"), ("patch", "200")):
        assert operations[method]["responses"][status]["headers"]["ETag"]["schema"]["type"] == "string"
        assert operations[method]["responses"][status]["content"]["application/json"]["schema"]
