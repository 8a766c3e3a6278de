"""Where dbt's artefacts may lie, what is wrong with them, and what is refused of a definition."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors import registry
from connectors.connector import run_checks
from connectors.errors import ConfigurationError, ConnectorError, FatalError, SourceUnavailable
from connectors.families.rest import RestLimits
from connectors.http.retry import RetryPolicy
from connectors.models.data_model import AddDataModelRequest
from connectors.models.quality import AddTestCaseResultRequest
from connectors.source_files import SourceFiles
from tests.amazon import Account
from tests.answering import Answering, Status
from tests.dbt_artefacts import GOLDEN, KEYS, at_addresses, in_files, model, written
from tests.fake_openmetadata import Fault
from tests.in_memory import contents
from tests.s3 import make_bucket
from tests.whole_runs import SINK, source_of, walk

PLACE = "source.sourceConfig.config.dbtConfigSource"
QUICK = RestLimits(read_seconds=20, retry=RetryPolicy(tries=2, few_tries=2, first_seconds=0.001))
HASTY = msgspec.structs.replace(QUICK, read_seconds=0.3)
TOKEN = {"dbtHttpHeaders": {"Authorization": "Bearer a-token-of-tests"}}
ANSWERS = {f"GET /target/{name}.json": Status(200, (GOLDEN / f"{name}.json").read_bytes()) for name in KEYS}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sources.dbt.LIMITS", QUICK)


def test_addresses_give_the_same() -> None:
    with Answering(ANSWERS) as server:
        walked = walk("dbt", at_addresses(server.address, **TOKEN))
        assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer a-token-of-tests"}
    assert contents(walked.sink.records) == contents(walk("dbt", in_files(GOLDEN)).sink.records)
    assert "a-token-of-tests" not in repr(walked)


@pytest.mark.parametrize(
    "answer", [Status(200, b"{}"), Status(200, b"no JSON"), Status(403, b"no"), Status(404, b"no"), Status(400, b"no")]
)
def test_signatures_in_addresses_are_in_no_message(answer: Status, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "connectors")
    with Answering({"GET /target/manifest.json": answer}, [Fault("/target", status=503)]) as server:
        signed = f"{server.address}/target/manifest.json?sig=a-signature"
        with pytest.raises(ConnectorError, match=r"/target/manifest\.json") as caught:
            walk("dbt", {"dbtConfigType": "http", "dbtManifestHttpPath": signed})
        assert server.asked[-1].query == {"sig": ["a-signature"]}
    assert "a-signature" not in f"{caught.value} {caught.value.advice} {caplog.text}"


def test_objects_of_s3_give_the_same(moto_server: str) -> None:
    account = Account.new(moto_server)
    content = {f"a/b/{name}.json": (GOLDEN / f"{name}.json").read_bytes() for name in KEYS}
    bucket = make_bucket(account, "dbt", content)
    assert contents(walk("dbt", in_s3(account, bucket, "a/b/")).sink.records) == contents(
        walk("dbt", in_files(GOLDEN)).sink.records
    )


def in_s3(account: Account, bucket: str, prefix: str) -> dict[str, Any]:
    place = {"dbtBucketName": bucket, "dbtObjectPrefix": prefix}
    return {"dbtConfigType": "s3", "dbtSecurityConfig": account.config(), "dbtPrefixConfig": place}


def test_in_s3_only_the_manifest_has_to_be(moto_server: str) -> None:
    account = Account.new(moto_server)
    bucket = make_bucket(account, "dbt", {"manifest.json": (GOLDEN / "manifest.json").read_bytes()})
    walked = walk("dbt", in_s3(account, bucket, ""))
    assert len(walked.sink.only(AddDataModelRequest)) == 6
    assert walked.sink.only(AddTestCaseResultRequest) == []
    with pytest.raises(SourceUnavailable, match=r"there is no s3://dbt-\d+/x/manifest.json"):
        walk("dbt", in_s3(account, bucket, "x"))


def garbage(raw: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / "manifest.json").write_bytes(raw)


BROKEN: list[tuple[Callable[[Path], object], type[ConnectorError], str]] = [
    (lambda _: None, SourceUnavailable, "there is no file .*manifest.json"),
    (lambda folder: (folder / "manifest.json").mkdir(), SourceUnavailable, "there is no file"),
    (garbage(b""), SourceUnavailable, "is not dbt's manifest.json: Input data was truncated"),
    (garbage(b'{"metadata": {'), SourceUnavailable, "truncated"),
    (garbage(b"<html></html>"), FatalError, "is not dbt's manifest.json"),
    (garbage(b"[]"), FatalError, "is not dbt's manifest.json: Expected `object`, got `array`"),
    (garbage(b"\xff\xfe"), FatalError, "is not dbt's manifest.json"),
    (garbage(b'{"a":' * 100_000), FatalError, "is not dbt's manifest.json"),
    (garbage(b"{}"), FatalError, "does not say that it is dbt's manifest.json"),
    (garbage(b'{"metadata": {"dbt_schema_version": "x"}}'), FatalError, "has no metadata.dbt_schema_version"),
    (lambda folder: written(folder, "manifest", "catalog/v1"), FatalError, "is dbt's catalog, not its manifest.json"),
    (lambda folder: written(folder, "manifest", "manifest/v6"), FatalError, "version v6, .* known are v7 to v12"),
    (lambda folder: written(folder, "manifest", "manifest/v20"), FatalError, "version v20, .* known are v7 to v12"),
    (lambda folder: written(folder, "manifest", nodes=[]), FatalError, r"got `array` - at `\$.nodes`"),
    (lambda folder: written(folder, "manifest", nodes={"model.a": 1}), FatalError, "the node model.a of the manifest"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "message"), BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_manifest_ends_the_run(
    tmp_path: Path, make: Callable[[Path], object], error: type[ConnectorError], message: str
) -> None:
    make(tmp_path)
    with pytest.raises(error, match=message) as caught:
        walk("dbt", in_files(tmp_path, "manifest"))
    assert type(caught.value) is error or error is SourceUnavailable
    assert caught.value.advice


@pytest.mark.parametrize("artefact", ["catalog", "run_results", "sources"])
def test_another_artefact_that_is_named_has_to_be_there_and_in_order(tmp_path: Path, artefact: str) -> None:
    written(tmp_path, "manifest", nodes=model("t"))
    with pytest.raises(SourceUnavailable, match=f"there is no file .*{artefact}.json"):
        walk("dbt", in_files(tmp_path, "manifest", artefact))
    written(tmp_path, artefact, "manifest/v12")
    with pytest.raises(FatalError, match=f"is dbt's manifest, not its {artefact}.json"):
        walk("dbt", in_files(tmp_path, "manifest", artefact))


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (Fault("", status=401), FatalError, "does not let the user in"),
        (Fault("", status=403), ConnectorError, "is forbidden"),
        (Fault("", "html"), FatalError, "is not dbt's manifest.json"),
        (Fault("", status=404), SourceUnavailable, "is not there"),
        (Fault("", status=503, times=9), SourceUnavailable, "503"),
        (Fault("", "reset", times=9), SourceUnavailable, "not available|disconnected|reset"),
    ],
)
def test_a_server_that_goes_wrong(fault: Fault, error: type[ConnectorError], message: str) -> None:
    with Answering(ANSWERS, [fault]) as server:
        with pytest.raises(error, match=message) as caught:
            walk("dbt", at_addresses(server.address, **TOKEN))
        assert caught.value.advice
        assert "a-token-of-tests" not in str(caught.value)


def test_a_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sources.dbt.LIMITS", HASTY)
    with Answering(ANSWERS, [Fault("", "slow", seconds=30, times=9)]) as server:
        with pytest.raises(SourceUnavailable, match=r"no answer within 0\.3 s") as caught:
            walk("dbt", at_addresses(server.address, **TOKEN))
        assert caught.value.advice


def test_a_key_that_may_not_read_the_bucket(moto_server: str) -> None:
    account = Account.new(moto_server)
    with pytest.raises(SourceUnavailable, match=r"there is no s3://nowhere-at-all/manifest\.json"):
        walk("dbt", in_s3(account, "nowhere-at-all", ""))


def test_the_steps_of_the_check_tell_what_is_there(tmp_path: Path) -> None:
    connector = registry.get("dbt")

    def steps(**connection: Any) -> dict[str, tuple[str, str]]:
        results = run_checks(connector.checks, connector.config(**connection))
        return {each.name: (each.status, each.message) for each in results}

    found = steps(**in_files(GOLDEN))
    assert {status for status, _ in found.values()} == {"passed"}
    assert found["CheckAccess"][1].startswith("6 models, 1 sources, 7 tests, 2 exposures, by dbt 1.")
    assert found["GetCatalog"][1] == "6 tables"
    assert found["GetSources"][1] == "1 sources"
    written(tmp_path, "manifest", nodes=model("t"))
    alone = steps(**in_files(tmp_path, "manifest"))
    assert alone["GetRunResults"] == ("passed", "none are given: tests have no results")
    missing = steps(**in_files(tmp_path))
    assert [status for status, _ in missing.values()] == ["passed", "failed", "failed", "failed"]


LOCAL = {"dbtConfigType": "local", "dbtManifestFilePath": "manifest.json"}
HTTP = {"dbtConfigType": "http", "dbtManifestHttpPath": "https://h/manifest.json"}
S3: dict[str, Any] = {
    "dbtConfigType": "s3",
    "dbtSecurityConfig": {"awsRegion": "eu-west-1"},
    "dbtPrefixConfig": {"dbtBucketName": "bucket"},
}
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({}, f"{PLACE}.dbtConfigType", "is required"),
    ({"dbtConfigType": "cloud", "dbtCloudUrl": "https://c"}, PLACE, "dbtConfigType cloud is not supported"),
    ({"dbtConfigType": "gcs"}, PLACE, "dbtConfigType gcs is not supported"),
    ({"dbtConfigType": "azure"}, PLACE, "dbtConfigType azure is not supported"),
    ({"dbtConfigType": "local"}, PLACE, "dbtConfigType local needs dbtManifestFilePath"),
    ({"dbtConfigType": "http"}, PLACE, "dbtConfigType http needs dbtManifestHttpPath"),
    ({"dbtConfigType": "s3"}, PLACE, "dbtConfigType s3 needs dbtSecurityConfig"),
    ({**S3, "dbtPrefixConfig": None}, PLACE, "needs dbtPrefixConfig with dbtBucketName"),
    ({**S3, "dbtPrefixConfig": {"dbtObjectPrefix": "a"}}, f"{PLACE}.dbtPrefixConfig.dbtBucketName", "is required"),
    ({**LOCAL, "dbtCatalogHttpPath": "http://h/c"}, PLACE, "dbtCatalogHttpPath belongs to dbtConfigType http"),
    ({**HTTP, "dbtSecurityConfig": {"awsRegion": "x"}}, PLACE, "dbtSecurityConfig belongs to dbtConfigType s3"),
    ({**LOCAL, "dbtManifestFilePath": "/etc/passwd"}, PLACE, "does not lie below"),
    ({**LOCAL, "dbtSourcesFilePath": "../x"}, PLACE, "have HEADWATER_SOURCE_DIRS allow its place"),
    ({**LOCAL, "dbtRunResultsFilePath": "../x"}, PLACE, "dbtRunResultsFilePath: '../x' does not lie below"),
    ({**HTTP, "dbtManifestHttpPath": "ftp://h/m"}, f"{PLACE}.dbtManifestHttpPath", "is not an http"),
    ({**HTTP, "dbtHttpHeaders": {"a b": "x"}}, f"{PLACE}.dbtHttpHeaders", "is not a possible header"),
    ({**LOCAL, "dbtManifest": "x"}, f"{PLACE}.dbtManifest", "is not a known key"),
]  # fmt: skip


@pytest.mark.parametrize(("connection", "path", "message"), REFUSED, ids=range(len(REFUSED)))
def test_bad_input_is_named(connection: dict[str, Any], path: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        registry.plan({"source": source_of("dbt", "svc", connection, {}), "sink": SINK}, files=SourceFiles((tmp_path,)))
    assert [problem.path for problem in caught.value.problems] == [path]
    assert message in str(caught.value)


@pytest.mark.parametrize("option", ["overrideLineage", "searchAcrossDatabases", "includeMetrics", "catalogMapping"])
def test_options_that_are_not_supported_are_refused(option: str) -> None:
    value = {"a": "b"} if option == "catalogMapping" else True
    with pytest.raises(ConfigurationError, match=f"source.sourceConfig.config.{option}: is not supported: .*remove it"):
        walk("dbt", in_files(GOLDEN), **{option: value})
    walk("dbt", in_files(GOLDEN), **{option: {} if option == "catalogMapping" else False})


def test_what_changes_nothing_is_noted() -> None:
    options = {"includeTags": False, "tagFilterPattern": {"includes": ["a"]}}
    notes = registry.plan({"source": source_of("dbt", "svc", in_files(GOLDEN), options), "sink": SINK}).notes
    assert list(notes) == ["source.sourceConfig.config.tagFilterPattern has no effect unless includeTags is true"]


def test_a_time_for_sql_has_to_be_one() -> None:
    with pytest.raises(ConfigurationError, match="parsingTimeoutLimit"):
        walk("dbt", in_files(GOLDEN), parsingTimeoutLimit=0)


def missing(_name: str) -> None:
    """No module is there."""


def test_boto3_is_asked_for_only_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", missing)
    registry.get("dbt").config.model_validate(in_files(GOLDEN))
    with pytest.raises(ConfigurationError, match=r"pip install 'headwater\[dbt\]'"):
        registry.plan({"source": source_of("dbt", "svc", S3, {}), "sink": SINK})
