"""Changes that are meant for one revision of a workflow."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.integration.service.api.serving import create, definition_of, problem, problems

SHOP = "/api/v1/workflows/shop"


def change(client: httpx.Client, method: str, expected: str, description: str = "changed") -> httpx.Response:
    body = {"PUT": definition_of(description=description), "PATCH": {"description": description}}.get(method)
    return client.request(method, SHOP, json=body, headers={"If-Match": expected})


def test_answers_tell_the_revision(client: httpx.Client) -> None:
    assert client.post("/api/v1/workflows", json=definition_of()).headers["etag"] == '"1"'
    assert client.get(SHOP).headers["etag"] == '"1"'
    assert client.patch(SHOP, json={"description": "x"}).headers["etag"] == '"2"'
    assert client.put(SHOP, json=definition_of(description="y")).headers["etag"] == '"3"'
    assert client.put(SHOP, json=definition_of(description="y")).headers["etag"] == '"3"'
    assert client.put("/api/v1/workflows/new", json=definition_of("new")).headers["etag"] == '"1"'


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("expected", ['"1"', "*", '"9", "1"', '"a,b" ,, W/"1","1"', '"1" ,'])
def test_a_change_that_is_meant_for_what_is_stored_is_made(client: httpx.Client, method: str, expected: str) -> None:
    create(client)
    assert change(client, method, expected).status_code == (204 if method == "DELETE" else 200)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("expected", ['"2"', 'W/"1"', '"2", "3"', '""', '"*"', '"01"'])
def test_a_change_that_is_meant_for_something_else_is_not(client: httpx.Client, method: str, expected: str) -> None:
    create(client)
    answer = change(client, method, expected)
    detail = problem(answer, 412)["detail"]
    assert "workflow 'shop' is at revision 1, which is not what If-Match expects; read it" in detail
    assert detail.endswith('If-Match: "1"')
    assert answer.headers["etag"] == '"1"'
    stored = client.get(SHOP).json()
    assert (stored["revision"], stored["description"]) == (1, "")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("expected", ["1", "'1'", '"1', '*, "1"', "", "W/1", '"1" "2"'])
def test_what_is_no_tag_is_refused(client: httpx.Client, method: str, expected: str) -> None:
    create(client)
    assert problems(change(client, method, expected))["If-Match"].startswith("must be * or tags in quotes, like")
    assert client.get(SHOP).json()["revision"] == 1


def test_going_back_may_be_meant_for_one_revision_too(client: httpx.Client) -> None:
    create(client)
    assert change(client, "PATCH", "*").status_code == 200
    back = f"{SHOP}/rollback"
    assert client.post(back, json={"revision": 1}, headers={"If-Match": '"1"'}).status_code == 412
    assert client.post(back, json={"revision": 1}, headers={"If-Match": '"2"'}).headers["etag"] == '"3"'


def test_several_lines_are_one_list(client: httpx.Client) -> None:
    create(client)
    lines = [("If-Match", '"7"'), ("If-Match", '"1"')]
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


def test_of_those_that_change_one_revision_at_once_one_does(client: httpx.Client) -> None:
    create(client)
    with ThreadPoolExecutor(8) as clients:
        made = [clients.submit(change, client, "PATCH", '"1"', f"by {number}") for number in range(8)]
        answers = [one.result() for one in made]
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 7]
    assert client.get(SHOP).json()["revision"] == 2


def test_the_document_tells_of_the_header_and_the_tag(client: httpx.Client) -> None:
    operations = client.get("/openapi.json").json()["paths"]["/api/v1/workflows/{name}"]
    for method in ("put", "patch", "delete"):
        [header] = [one for one in operations[method]["parameters"] if one["in"] == "header"]
        assert (header["name"], header["required"]) == ("If-Match", False)
        assert operations[method]["responses"]["412"]["content"]["application/problem+json"]
    for method, status in (("get", "200"), ("put", "200"), ("put", "201"), ("patch", "200")):
        assert operations[method]["responses"][status]["headers"]["ETag"]["schema"]["type"] == "string"
        assert operations[method]["responses"][status]["content"]["application/json"]["schema"]
