"""OpenSearch and Elasticsearch, the real ones, and what went wrong with others."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors import registry
from connectors.connector import CheckResult
from connectors.errors import FatalError, SourceUnavailable
from connectors.families import rest
from connectors.http.retry import RetryPolicy
from connectors.ingestion import Result
from connectors.report import Report
from tests.answering import Answering, Status
from tests.fake_openmetadata import FakeOpenMetadata
from tests.fake_openmetadata.faults import Fault
from tests.whole_runs import failures, ingest_into

pytestmark = pytest.mark.timeout(600)
GOLDEN = Path(__file__).parents[3] / "golden"
QUICK = rest.RestLimits(read_seconds=20, retry=RetryPolicy(tries=2, few_tries=2, first_seconds=0.001))
KINDS = {"opensearch": "OpenSearch", "elasticsearch": "ElasticSearch"}
LISTING = "/_resolve/index/*"
FORBIDDEN = Status(403, {"error": {"reason": "no permissions for [indices:admin/get]"}, "status": 403})
MISSING = Status(404, {"error": {"reason": "no such index [b]"}, "status": 404})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "LIMITS", QUICK)


@pytest.fixture
def catalogue() -> Iterator[FakeOpenMetadata]:
    with FakeOpenMetadata() as fake:
        yield fake


@pytest.fixture
def through(opensearch_server: str) -> Iterator[Answering]:
    """The real OpenSearch behind a server that can go wrong."""
    with Answering(upstream=opensearch_server) as api:
        yield api


def index(kind: str = "keyword", **more: Any) -> dict[str, Any]:
    return {"mappings": {"properties": {"x": {"type": kind}}}, "settings": {"index": {}}, "aliases": {}, **more}


def listing(*names: str) -> dict[str, Any]:
    return {"indices": [{"name": name, "attributes": ["open"]} for name in names], "aliases": [], "data_streams": []}


@pytest.fixture
def api() -> Iterator[Answering]:
    """One that answers by hand, with the indexes a, b and c."""
    answers: dict[str, Any] = {
        f"GET {LISTING}": listing("a", "b", "c"),
        "GET /a,b,c": {name: index() for name in "abc"},
        "GET /_index_template": {"index_templates": []},
        "GET /_component_template": {"component_templates": []},
        "GET /_template": {},
    }
    with Answering(answers) as made:
        yield made


def connection(address: str, kind: str = "opensearch", **changes: Any) -> dict[str, Any]:
    return {"type": KINDS[kind], "hostPort": address, **changes}


def run(
    address: str,
    catalogue: FakeOpenMetadata,
    options: dict[str, Any] | None = None,
    kind: str = "opensearch",
    **changes: Any,
) -> tuple[Result, Report]:
    wanted = {"type": "SearchMetadata", **(options or {})}
    return ingest_into(catalogue, kind, "search", connection(address, kind, **changes), wanted)


def checked(address: str, kind: str = "opensearch", **changes: Any) -> dict[str, CheckResult]:
    return {result.name: result for result in registry.check(kind, connection(address, kind, **changes))}


def sent(catalogue: FakeOpenMetadata) -> dict[str, Any]:
    """What the catalogue was given, without what differs from run to run."""
    indexes = catalogue.entities("searchIndexes")
    for each in indexes.values():
        each.pop("sourceHash", None)
        each.get("searchIndexSettings", {}).get("index", {}).pop("creation_date", None)
    return indexes


@pytest.mark.parametrize("kind", KINDS)
def test_everything_a_real_cluster_holds_arrives(
    kind: str, request: pytest.FixtureRequest, catalogue: FakeOpenMetadata
) -> None:
    address = request.getfixturevalue(f"{kind}_server")
    result, report = run(address, catalogue, {"includeIndexTemplate": True}, kind)
    assert (result, failures(report)) == (Result.SUCCEEDED, set())
    assert sent(catalogue) == json.loads((GOLDEN / f"{kind}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", KINDS)
def test_each_step_of_the_connection_test_passes(kind: str, request: pytest.FixtureRequest) -> None:
    results = checked(request.getfixturevalue(f"{kind}_server"), kind)
    assert {name: result.status for name, result in results.items()} == dict.fromkeys(
        ("CheckAccess", "GetSearchIndexes", "GetIndexTemplates"), "passed"
    )
    assert results["CheckAccess"].message.startswith(kind)


def test_a_second_run_sends_nothing(opensearch_server: str, catalogue: FakeOpenMetadata) -> None:
    run(opensearch_server, catalogue)
    _, report = run(opensearch_server, catalogue)
    assert report.by_type["searchIndex"] == {"unchanged": 6}


def test_templates_are_left_out_unless_they_are_wanted(through: Answering, catalogue: FakeOpenMetadata) -> None:
    run(through.address, catalogue)
    assert {each.get("indexType", "Index") for each in sent(catalogue).values()} == {"Index"}
    assert not [path for path in through.paths() if "template" in path]


def test_what_the_filters_leave_out_is_not_asked_about(through: Answering, catalogue: FakeOpenMetadata) -> None:
    only = {"searchIndexFilterPattern": {"includes": ["^orders$", "^types$"]}}
    _, report = run(through.address, catalogue, only, searchIndexFilterPattern={"excludes": ["^types"]})
    assert report.by_type["searchIndex"] == {"written": 1, "filtered": 5}
    assert [path for path in through.paths() if not path.startswith("/_")] == ["/orders"]


@pytest.mark.parametrize(
    ("names", "size"),
    [([f"index-{n:03}" for n in range(120)], 50), ([f"{'long' * 50}-{n:02}" for n in range(30)], 14)],
    ids=["many", "long"],
)
def test_indexes_are_asked_for_by_the_batch(names: list[str], size: int, catalogue: FakeOpenMetadata) -> None:
    """A request line is no longer than the 4096 bytes that are taken."""
    batches = [names[first : first + size] for first in range(0, len(names), size)]
    answers: dict[str, Any] = {f"GET /{','.join(batch)}": {name: index() for name in batch} for batch in batches}
    with Answering({f"GET {LISTING}": listing(*names), **answers}) as api:
        _, report = run(api.address, catalogue)
    assert report.by_type["searchIndex"] == {"written": len(names)}
    assert sum(not path.startswith("/_") for path in api.paths()) == len(batches)
    assert max(len(path) for path in api.paths()) < 3000


@pytest.mark.parametrize("marks", [True, False])
def test_an_index_that_is_gone_is_deleted_where_that_is_wanted(
    api: Answering, catalogue: FakeOpenMetadata, marks: bool
) -> None:
    run(api.address, catalogue)
    catalogue.catalogue.put("searchIndexes", {"name": "old", "service": "search", "fields": []})
    run(api.address, catalogue, {"markDeletedSearchIndexes": marks})
    assert ("search.old" in catalogue.entities("searchIndexes")) is not marks


def test_a_listing_that_breaks_off_deletes_nothing(api: Answering, catalogue: FakeOpenMetadata) -> None:
    run(api.address, catalogue)
    catalogue.catalogue.put("searchIndexes", {"name": "old", "service": "search", "fields": []})
    lies = [Fault(LISTING, "lie", body=body) for body in (b"{}", b'{"indices": []}', b"[" * 100_000)]
    for faults in ([Fault(LISTING, "garbage")] * 2, [Fault(LISTING, "html")] * 2, *([lie] * 2 for lie in lies)):
        api.faults.add(*faults)
        _, report = run(api.address, catalogue)
        assert ("search", "produce") in failures(report)
    assert "search.old" in catalogue.entities("searchIndexes")


def test_templates_that_may_not_be_read_delete_nothing(api: Answering, catalogue: FakeOpenMetadata) -> None:
    run(api.address, catalogue)
    catalogue.catalogue.put("searchIndexes", {"name": "old", "service": "search", "fields": []})
    api.answers["GET /_index_template"] = FORBIDDEN
    _, report = run(api.address, catalogue, {"includeIndexTemplate": True})
    assert failures(report) == {("search", "produce")}
    assert set(catalogue.entities("searchIndexes")) == {"search.a", "search.b", "search.c", "search.old"}


def test_an_index_that_vanishes_meanwhile_is_left_out(api: Answering, catalogue: FakeOpenMetadata) -> None:
    api.answers |= {"GET /a,b,c": {"a": index(), "c": index()}, "GET /b": MISSING}
    result, report = run(api.address, catalogue)
    assert (result, report.by_type["searchIndex"]) == (Result.SUCCEEDED, {"written": 2, "filtered": 1})


def test_an_alias_that_took_the_name_of_an_index_is_no_index(api: Answering, catalogue: FakeOpenMetadata) -> None:
    api.answers |= {"GET /a,b,c": {"a": index(), "c": index(), "b-2": index()}, "GET /b": {"b-2": index()}}
    _, report = run(api.address, catalogue)
    assert report.by_type["searchIndex"] == {"written": 2, "filtered": 1}


@pytest.mark.parametrize("batch", [FORBIDDEN, {"a": index(), "c": index()}, Status(500), {"b": {"mappings": 3}}])
def test_an_index_that_may_not_be_read_is_one_failure(
    batch: object, api: Answering, catalogue: FakeOpenMetadata
) -> None:
    """OpenSearch refuses the whole batch then, Elasticsearch leaves the index out of its answer."""
    alone = {"GET /a": {"a": index()}, "GET /b": FORBIDDEN, "GET /c": {"c": index()}}
    api.answers |= {"GET /a,b,c": batch, **alone}
    _, report = run(api.address, catalogue)
    assert report.by_type["searchIndex"] == {"written": 2, "failed": 1}
    [failure] = report.failures
    assert failure.name == "search.b"
    assert "no permissions for [indices:admin/get]" in failure.cause
    assert "let the user read it" in str(failure.advice)


def test_a_type_of_nobody_is_shown_by_its_name(api: Answering, catalogue: FakeOpenMetadata) -> None:
    strange = index("of_a_plugin")
    strange["mappings"]["runtime"] = {"y": {"type": "long", "script": {"source": "emit(1)"}}}
    api.answers["GET /a,b,c"] = {"a": strange, "b": index(), "c": index()}
    run(api.address, catalogue)
    assert sent(catalogue)["search.a"]["fields"] == [
        {"name": "x", "dataType": "UNKNOWN", "dataTypeDisplay": "of_a_plugin"},
        {"name": "y", "dataType": "LONG", "dataTypeDisplay": "made when searched: long"},
    ]


def test_what_is_hidden_or_the_systems_own_is_left_out(api: Answering, catalogue: FakeOpenMetadata) -> None:
    """Elasticsearch 8 marks indexes of its own; a part of a data stream may be made visible."""
    listed = listing("a", "b", "c")
    listed["indices"][0]["attributes"] = ["open", "system"]
    listed["indices"][1] |= {"data_stream": "stream"}
    listed["data_streams"] = [{"name": "stream", "backing_indices": [".ds-stream-1", ".ds-stream-2"]}]
    listed["data_streams"] += [{"name": ".own", "backing_indices": [".ds-own-1"]}]
    api.answers |= {f"GET {LISTING}": listed, "GET /c,.ds-stream-2": {"c": index(), ".ds-stream-2": index("date")}}
    _, report = run(api.address, catalogue)
    assert (set(sent(catalogue)), failures(report)) == ({"search.c", "search.stream"}, set())


def test_a_template_with_the_name_of_an_index_is_a_failure(api: Answering, catalogue: FakeOpenMetadata) -> None:
    api.answers["GET /_template"] = {"b": {"index_patterns": ["b-*"], "mappings": {}}}
    _, report = run(api.address, catalogue, {"includeIndexTemplate": True})
    [failure] = report.failures
    assert (failure.name, "rename the template" in str(failure.advice)) == ("search.b", True)
    assert sent(catalogue)["search.b"]["fields"]


def test_releases_without_a_kind_of_template_are_fine(api: Answering, catalogue: FakeOpenMetadata) -> None:
    api.answers |= {
        "GET /_index_template": {"index_templates": [{"name": "t", "index_template": {"index_patterns": ["t-*"]}}]},
        "GET /_template": Status(410, {"error": {"reason": "not available in serverless mode"}}),
    }
    result, _ = run(api.address, catalogue, {"includeIndexTemplate": True})
    assert (result, sent(catalogue)["search.t"]["indexType"]) == (Result.SUCCEEDED, "IndexTemplate")


def of_release_6(api: Answering) -> None:
    api.answers[f"GET {LISTING}"] = MISSING


def test_a_release_that_cannot_list_names_is_told(api: Answering, catalogue: FakeOpenMetadata) -> None:
    of_release_6(api)
    _, report = run(api.address, catalogue)
    assert "Elasticsearch can list all names from 7.9" in str(report.failures[0].advice)
    api.answers["GET /"] = {"version": {"number": "6.8.0"}}
    results = checked(api.address)
    assert (results["CheckAccess"].status, results["GetSearchIndexes"].status) == ("passed", "failed")


def refuse(api: Answering) -> None:
    wrong = Status(401, {"error": {"reason": "unable to authenticate user [reader] by s3cret-pw"}})
    api.answers = {f"GET {LISTING}": wrong, "GET /": wrong}


@pytest.mark.parametrize(
    ("kind", "login", "mend"),
    [
        ("opensearch", {"username": "reader", "password": "s3cret-pw"}, "correct authType.username and password"),
        ("elasticsearch", {"username": "reader", "password": "s3cret-pw"}, "correct authType.username and password"),
        ("elasticsearch", {"apiKey": "s3cret-pw", "apiKeyId": "7"}, "correct authType.apiKey and apiKeyId"),
        ("elasticsearch", {}, "correct authType"),
    ],
)
def test_wrong_credentials_end_the_run(
    kind: str, login: dict[str, str], mend: str, api: Answering, catalogue: FakeOpenMetadata
) -> None:
    refuse(api)
    with pytest.raises(FatalError) as caught:
        run(api.address, catalogue, kind=kind, authType=login)
    assert (caught.value.advice, "unable to authenticate" in caught.value.message) == (mend, True)
    assert not login or "s3cret-pw" not in caught.value.message
    first, *rest = checked(api.address, kind, authType=login).values()
    assert (first.status, {result.status for result in rest}) == ("failed", {"skipped"})


@pytest.mark.parametrize(
    ("kind", "login", "header"),
    [
        ("opensearch", {"username": "reader", "password": "pw"}, "Basic cmVhZGVyOnB3"),
        ("elasticsearch", {"username": "reader", "password": "pw"}, "Basic cmVhZGVyOnB3"),
        ("elasticsearch", {"apiKey": "key", "apiKeyId": "id"}, "ApiKey aWQ6a2V5"),
        ("elasticsearch", {"apiKey": "aWQ6a2V5"}, "ApiKey aWQ6a2V5"),
        ("opensearch", None, None),
    ],
)
def test_each_login_is_shown_with_every_request(
    kind: str, login: dict[str, str] | None, header: str | None, api: Answering, catalogue: FakeOpenMetadata
) -> None:
    run(api.address, catalogue, kind=kind, authType=login)
    assert {asked.headers.get("authorization") for asked in api.asked} == {header}


def test_who_may_not_ask_for_the_version_is_let_in(api: Answering) -> None:
    api.answers |= {"GET /": FORBIDDEN, "GET /a": {"a": index()}, "GET /_index_template": FORBIDDEN}
    results = checked(api.address)
    assert [result.status for result in results.values()] == ["passed", "passed", "warning"]


def busy(api: Answering) -> None:
    api.faults.add(*[Fault(LISTING, "status", status=429, message="circuit_breaking_exception")] * 20)


def hanging(api: Answering) -> None:
    api.faults.add(*[Fault(LISTING, "slow", seconds=60)] * 20)


def cut(api: Answering) -> None:
    api.faults.add(*[Fault("/a,b,c", "half")] * 20)


@pytest.mark.parametrize("go_wrong", [busy, hanging, cut], ids=lambda each: each.__name__)
def test_a_cluster_that_is_away_may_be_tried_again(
    go_wrong: Callable[[Answering], None],
    api: Answering,
    catalogue: FakeOpenMetadata,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("connectors.runner.LISTING_RETRY_SECONDS", 0.0)
    go_wrong(api)
    with pytest.raises(SourceUnavailable) as caught:
        run(api.address, catalogue, connectionTimeoutSecs=1)
    assert caught.value.advice


def test_a_cluster_that_is_busy_for_a_moment_is_asked_again(api: Answering, catalogue: FakeOpenMetadata) -> None:
    wait = Fault("/a,b,c", "status", status=429, headers={"Retry-After": "0"})
    api.faults.add(wait)
    result, report = run(api.address, catalogue)
    assert (result, report.by_type["searchIndex"]) == (Result.SUCCEEDED, {"written": 3})
