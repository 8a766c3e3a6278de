"""The connector against moto's S3: containers, manifests, filters, deletions, and what goes wrong."""

import json
from contextlib import closing
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from connectors import registry, runner
from connectors.cancellation import Cancellation
from connectors.connector import run_checks
from connectors.definition import parse
from connectors.errors import ConfigurationError, FatalError, SourceUnavailable
from connectors.families.aws import AwsService
from connectors.models.records import DeletionScope
from connectors.models.storage import CreateContainerRequest
from connectors.report import Report
from connectors.sources.s3 import S3Config, S3Metadata, S3Store
from tests.amazon import REGION, Account, sent
from tests.answering import Answering, Asked, Status
from tests.in_memory import Walked
from tests.integration.connectors.sources.s3_runs import connection, manifest, names, told
from tests.plain_http import NO_TLS
from tests.s3 import RETURNS, files, fill_s3, make_bucket
from tests.sharing import REPOSITORY
from tests.whole_runs import walk

GOLDEN = REPOSITORY / "tests" / "golden" / "s3.json"
UNNAMED = b"<ListAllMyBucketsResult><Buckets><Bucket></Bucket></Buckets></ListAllMyBucketsResult>"
DENIED = Status(403, b"<Error><Code>AccessDenied</Code><Message>not for you</Message></Error>")


@pytest.fixture(scope="module")
def account(moto_server: str) -> Account:
    """An account with some buckets, which nobody changes."""
    account = Account.new(moto_server)
    fill_s3(account)
    return account


@pytest.fixture
def own_account(moto_server: str) -> Account:
    """One that the test may change."""
    account = Account.new(moto_server)
    fill_s3(account)
    return account


def through(account: Account, answers: dict[str, Any], **options: Any) -> Walked:
    """A run over what moto has, but for these answers."""
    with Answering(answers, upstream=account.endpoint) as server:
        return walk("s3", connection(account, awsConfig=account.config(endPointURL=server.address)), **options)


@pytest.mark.parametrize("threads", [1, 4])
def test_what_is_sent(account: Account, threads: int) -> None:
    walked = walk("s3", connection(account), threads=threads)
    assert told(walked) == []
    found = sorted(sent(walked, account), key=lambda request: request["name"])
    [lake] = [request for request in found if request["name"].startswith("lake")]
    assert (lake.pop("size") > 0, lake.pop("numberOfObjects")) == (True, len(files()))  # moto's bytes are not those
    for request in found:
        if "fullPath" in request and "parent" not in request:
            request.pop("size", None)
            request.pop("numberOfObjects", None)
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_all_that_was_listed_is_named_for_the_deletions(account: Account) -> None:
    walked = walk("s3", connection(account), containerFilterPattern={"excludes": ["^empty", r"^a\.png$", "^events$"]})
    [scope] = walked.sink.only(DeletionScope)
    assert (scope.fqn, scope.scope_entity, scope.nested) == ("svc", "storageService", True)
    seen = {name.removeprefix("svc.").replace(account.number, "N") for name in scope.seen}
    left_out = {"empty-N", 'lake-N.album.2025."a.png"', "lake-N.events"}
    assert seen == names(walked, account) | left_out
    assert "lake-N.album.2025" not in seen  # a folder is there for its files
    assert walked.report.snapshot_counts()["container"] == {"filtered": 3}
    assert scope.takes is not None
    below = [scope.takes(f"svc.lake-{account.number}.{name}") for name in ("events.2026", "eventsx.a", "album.2025")]
    assert below == [False, True, True]  # nobody looked below a path that is left out


@pytest.mark.parametrize("how", ["bucketNames", "connection", "options"])
def test_only_what_lies_in_a_bucket_that_is_read_can_be_gone(account: Account, how: str) -> None:
    """Several workflows may share a service, each with buckets of its own."""
    plain, pattern = f"plain-{account.number}", {"includes": ["^plain"], "excludes": ["^plain-old"]}
    given = {"bucketNames": [plain]} if how == "bucketNames" else {}
    of_connection = {"containerFilterPattern": pattern} if how == "connection" else {}
    of_options = {"containerFilterPattern": pattern} if how == "options" else {}
    walked = walk("s3", connection(account, **given, **of_connection), **of_options)
    [scope] = walked.sink.only(DeletionScope)
    assert scope.takes is not None
    assert scope.takes(f"svc.{plain}.a.b")
    assert not scope.takes("svc.other")
    assert not scope.takes("svc.other.plain-1")
    assert not scope.takes("svc.plain-old.a")


def test_of_a_whole_account_anything_can_be_gone(account: Account) -> None:
    [scope] = walk("s3", connection(account)).sink.only(DeletionScope)
    assert scope.takes is None


def test_buckets_that_are_named_are_not_looked_for(account: Account) -> None:
    with Answering({"GET /": DENIED}, upstream=account.endpoint) as server:
        config = account.config(endPointURL=server.address)
        walked = walk("s3", connection(account, awsConfig=config, bucketNames=[f"plain-{account.number}"]))
    assert told(walked) == []
    assert names(walked, account) == {"plain-N"}


def labels(walked: Walked, account: Account) -> dict[str, list[str]]:
    """The tags of those containers that have some."""
    found = walked.sink.by_fqn(CreateContainerRequest).items()
    return {
        name.removeprefix("svc.").replace(account.number, "N"): [label.tag_fqn for label in each.tags]
        for name, each in found
        if each.tags
    }


def test_tags_of_buckets_and_objects_are_taken_where_they_are_wanted(account: Account) -> None:
    walked = walk("s3", connection(account), includeTags=True)
    assert told(walked) == []
    assert labels(walked, account) == {
        "lake-N": ["team.sales"],
        'lake-N."stock.tsv.gz"': ['kept."a.b"'],
        'lake-N.album.2025."a.png"': ["kept.kept"],
    }
    assert walked.sink.names("tag") == {"team.sales", 'kept."a.b"', "kept.kept"}
    assert labels(walk("s3", connection(account)), account) == {}


def test_tags_that_may_not_be_read_are_failures(account: Account) -> None:
    lake = f"lake-{account.number}"

    def tagging(asked: Asked) -> Status | None:
        return DENIED if "tagging" in asked.query else None

    walked = through(account, {f"GET /{lake}/album/2025/a.png": tagging}, includeTags=True)
    [(name, cause, advice)] = told(walked)
    assert name == f'svc.{lake}.album.2025."a.png"'
    assert "AccessDenied" in cause
    assert advice == "allow GetObjectTagging on it in the user's or the role's policy"
    assert 'lake-N.album.2025."a.png"' in names(walked, account)


def test_a_store_that_keeps_no_tags_is_told(account: Account) -> None:
    bucket = f"plain-{account.number}"
    none = Status(501, b"<Error><Code>NotImplemented</Code><Message>no tags</Message></Error>")

    def tagging(asked: Asked) -> Status | None:
        return none if "tagging" in asked.query else None

    with Answering({f"GET /{bucket}": tagging}, upstream=account.endpoint) as server:
        config = account.config(endPointURL=server.address)
        walked = walk("s3", connection(account, awsConfig=config, bucketNames=[bucket]), includeTags=True)
    [(_, _, advice)] = told(walked)
    assert advice == "set includeTags to false: this store keeps no tags"
    assert names(walked, account) == {"plain-N"}


def test_what_a_manifest_excludes_is_left_out(own_account: Account) -> None:
    bucket, s3 = f"plain-{own_account.number}", own_account.client("s3")
    for key in ("t/one/a.csv", "t/one/old/b.csv", "t/two/a.csv", "t/_tmp/a.csv", "t/_delta_log/a.csv"):
        s3.put_object(Bucket=bucket, Key=key, Body=RETURNS)
    folders = {"dataPath": "t/*", "excludePaths": ["_tmp"], "excludePatterns": ["t/tw?"]}
    files = {"dataPath": "t/one", "unstructuredFormats": ["*"], "excludePatterns": ["**/old/*"]}
    for entry, wanted in (
        (folders, {"plain-N.t/one", "plain-N.t/_delta_log"}),
        ({"dataPath": "t", "depth": 1}, {"plain-N.t/one", "plain-N.t/two", "plain-N.t/_tmp"}),
        (files, {"plain-N.t/one", 'plain-N.t/one."a.csv"'}),
    ):
        s3.put_object(Bucket=bucket, Key="openmetadata.json", Body=manifest(entry))
        walked = walk("s3", connection(own_account, bucketNames=[bucket]))
        assert told(walked) == []
        assert names(walked, own_account) == {"plain-N", *wanted}


@pytest.mark.parametrize("place", ["default", "whole"])
def test_a_manifest_of_several_buckets(own_account: Account, place: str) -> None:
    plain, lake = f"plain-{own_account.number}", f"lake-{own_account.number}"
    entries = [
        {"containerName": plain, "dataPath": "a.txt", "structureFormat": "csv"},
        {"containerName": lake, "dataPath": "events", "structureFormat": "avro"},
    ]
    own_account.client("s3").put_object(Bucket=plain, Key="a.txt", Body=RETURNS)
    options: dict[str, Any] = {"defaultManifest": manifest(*entries).decode()}
    if place == "whole":
        make_bucket(own_account, "config", {"om/openmetadata_storage_manifest.json": manifest(*entries)})
        prefix = {"containerName": f"config-{own_account.number}", "objectPrefix": "/om/"}
        options = {"storageMetadataConfigSource": {"prefixConfig": prefix, "securityConfig": own_account.config()}}
    walked = walk("s3", connection(own_account), **options)
    assert told(walked) == []
    found = names(walked, own_account)
    assert 'plain-N."a.txt"' in found
    # A bucket's own manifest goes before the default one, and behind the one that was asked for.
    assert ("lake-N.album" in found) is (place == "default")


def test_the_manifest_of_several_buckets_has_to_be_there(account: Account) -> None:
    prefix = {"containerName": f"plain-{account.number}", "objectPrefix": "here.json"}
    walked = walk("s3", connection(account), storageMetadataConfigSource={"prefixConfig": prefix})
    [(name, cause, advice)] = told(walked)
    assert (name, advice) == ("svc", "correct prefixConfig in storageMetadataConfigSource")
    assert cause == f"s3://plain-{account.number}/here.json is not there"
    assert walked.sink.only(DeletionScope) == []


def test_a_bucket_that_is_not_there_is_named_with_its_key(account: Account) -> None:
    [(name, cause, advice), *_] = told(walk("s3", connection(account, bucketNames=["no-such-bucket-at-all"])))
    assert (name, "NoSuchBucket" in cause) == ("svc.no-such-bucket-at-all", True)
    assert "correct bucketNames" in str(advice)
    prefix = {"containerName": "no-such-bucket-at-all"}
    walked = walk("s3", connection(account), storageMetadataConfigSource={"prefixConfig": prefix})
    [(_, cause, advice)] = told(walked)
    assert "NoSuchBucket" in cause
    assert advice == "correct containerName of prefixConfig in storageMetadataConfigSource"


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"no", "is no manifest"),
        (b'{"entries": 1}', "entries: "),
    ],
)
def test_a_wrong_manifest_is_that_buckets_failure(own_account: Account, content: bytes, cause: str) -> None:
    own_account.client("s3").put_object(Bucket=f"plain-{own_account.number}", Key="openmetadata.json", Body=content)
    walked = walk("s3", connection(own_account))
    [(name, told_cause, advice)] = told(walked)
    assert name == f"svc.plain-{own_account.number}"
    assert cause in told_cause
    assert advice
    assert "lake-N.events" in names(walked, own_account)
    assert walked.sink.only(DeletionScope) == []


@pytest.mark.parametrize(
    ("entry", "cause"),
    [
        ({"dataPath": "nowhere", "structureFormat": "csv"}, "nowhere holds no file"),
        ({"dataPath": "a.txt", "structureFormat": "parquet"}, "a.txt is no Parquet file"),
    ],
)
def test_a_path_without_columns_is_sent_and_told(own_account: Account, entry: dict[str, Any], cause: str) -> None:
    bucket = f"plain-{own_account.number}"
    day = {"name": "day", "dataType": "DATE"}
    text = manifest({**entry, "partitionColumns": [day]})
    own_account.client("s3").put_object(Bucket=bucket, Key="openmetadata.json", Body=text)
    walked = walk("s3", connection(own_account, bucketNames=[bucket]))
    [failure] = walked.report.failures
    assert (failure.entity, failure.advice is not None) == ("container", True)
    assert cause in failure.cause
    found = walked.sink.by_fqn(CreateContainerRequest)[failure.name]
    assert found.data_model is not None
    assert [column.name for column in found.data_model.columns] == ["day"]


def test_a_bucket_that_may_not_be_read_is_one_failure(account: Account) -> None:
    walked = through(account, {f"GET /plain-{account.number}/openmetadata.json": DENIED})
    [(name, cause, advice)] = told(walked)
    assert name == f"svc.plain-{account.number}"
    assert "AccessDenied" in cause
    assert advice == "allow GetObject on it in the user's or the role's policy"
    assert {"plain-N", "lake-N.events"} <= names(walked, account)
    assert walked.sink.only(DeletionScope) == []


def test_a_file_that_may_not_be_read_is_one_failure(account: Account) -> None:
    lake = f"lake-{account.number}"
    walked = through(account, {f"GET /{lake}/events/2026/1.avro": DENIED})
    [(name, cause, _)] = told(walked)
    assert (name, "AccessDenied" in cause) == (f"svc.{lake}.events", True)
    assert "lake-N.events" in names(walked, account)


def test_a_file_that_vanishes_gives_way_to_the_next(own_account: Account) -> None:
    lake, s3 = f"lake-{own_account.number}", own_account.client("s3")
    s3.put_object(Bucket=lake, Key="sales/returns_eu/2027.csv", Body=b"other\n1\n")

    def gone(asked: Asked) -> Status:
        return Status(404, b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>")

    walked = through(own_account, {f"GET /{lake}/sales/returns_eu/2026.csv": gone})
    assert told(walked) == []
    found = walked.sink.by_fqn(CreateContainerRequest)[f"svc.{lake}.sales/returns_eu"]
    assert found.data_model is not None
    assert [column.name for column in found.data_model.columns] == ["other"]
    walked = through(own_account, {f"GET /{lake}/events/2026/1.avro": gone})
    [(_, cause, advice)] = told(walked)
    assert (cause, advice) == (
        f"s3://{lake}/events/2026/1.avro was deleted since it was listed",
        "the next run settles it",
    )


def test_without_cloudwatch_sizes_are_left_out(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    def denied_unless_sts(asked: Asked) -> Status:
        if b"AssumeRole" not in asked.raw:
            return Status(403, {"__type": "AccessDeniedException", "message": "no"})
        return Status(200, *sts(asked, account))

    walked = through(account, {"POST /": denied_unless_sts})
    assert told(walked) == []
    assert "sizes of buckets are left out" in caplog.text
    buckets = [each for each in walked.sink.only(CreateContainerRequest) if each.container is None]
    assert {each.size for each in buckets} == {None}


def sts(asked: Asked, account: Account) -> tuple[bytes, dict[str, str]]:
    kept = {key: asked.headers[key] for key in ("authorization", "content-type")}
    answer = httpx.post(account.endpoint, content=asked.raw, headers=kept, verify=NO_TLS)
    return answer.content, {"Content-Type": answer.headers["content-type"]}


@pytest.mark.parametrize("key", ["GET /", "GET /lake-{number}"])
@pytest.mark.parametrize("body", [b"<html>Welcome</html>", b"{}", b"<ListAllMyBucketsResult><Buckets>", UNNAMED])
def test_garbage_is_no_empty_account(account: Account, key: str, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LISTING_RETRY_SECONDS", 0.0)
    with pytest.raises(SourceUnavailable) as caught:
        through(account, {key.format(number=account.number): Status(200, body)})
    assert caught.value.advice


def test_keys_that_are_refused_end_the_run(account: Account) -> None:
    refused = Status(403, b"<Error><Code>InvalidAccessKeyId</Code><Message>who?</Message></Error>")
    with pytest.raises(FatalError) as caught:
        through(account, {"GET /": refused})
    assert caught.value.advice == "correct awsAccessKeyId, awsSecretAccessKey and awsSessionToken; they are refused"


def test_what_ends_the_run_is_asked_of_one_bucket() -> None:
    names = ["first", "second", "third"]
    refused = Status(403, b"<Error><Code>InvalidAccessKeyId</Code><Message>who?</Message></Error>")
    with Answering({f"GET /{name}": refused for name in names}) as server:
        aws = {"awsRegion": REGION, "endPointURL": server.address, "awsAccessKeyId": "a", "awsSecretAccessKey": "b"}
        config = parse(S3Config, {"awsConfig": aws, "bucketNames": names})
        with closing(AwsService(config.aws_config, "s3", Report(), Cancellation())) as service:
            assert [bucket.name for bucket in S3Store(service, config, service).buckets()] == names
        assert server.paths() == ["/first"]


def test_the_connection_test_says_what_is_missing(account: Account) -> None:
    with Answering({"GET /": DENIED}, upstream=account.endpoint) as server:
        written = connection(account, awsConfig=account.config(endPointURL=server.address))
        first, second = run_checks(registry.get("s3").checks, parse(S3Config, written))
        named = {**written, "bucketNames": [f"lake-{account.number}"]}
        third, _ = run_checks(registry.get("s3").checks, parse(S3Config, named))
    assert (first.name, first.status, second.status) == ("ListBuckets", "failed", "skipped")
    assert first.advice == "allow ListBuckets on it in the user's or the role's policy"
    assert (third.status, third.message) == ("passed", "1 buckets")


def test_pages_of_the_console() -> None:
    def page(**changes: Any) -> tuple[str | None, str | None]:
        config = parse(S3Config, {"awsConfig": {"awsRegion": REGION, **changes.pop("aws", {})}, **changes})
        store = S3Store(AwsService(config.aws_config, "s3", Report(), Cancellation()), config)
        return store.page("b"), store.page("b", "a/c d")

    console = "https://eu-west-1.console.aws.amazon.com/s3/buckets/b?region=eu-west-1"
    assert page() == (console, f"{console}&prefix=a/c%20d")
    assert page(aws={"endPointURL": "http://127.0.0.1:9"}) == (None, None)
    assert page(consoleEndpointURL="http://c:9/") == ("http://c:9/browser/b", "http://c:9/browser/b")


@pytest.mark.parametrize(
    ("model", "written", "path", "message"),
    [
        (S3Config, {"connectionOptions": {"a": "b"}}, "connectionOptions", "a is not supported"),
        (S3Config, {"consoleEndpointURL": "c"}, "consoleEndpointURL", "not an http or https address"),
        (S3Config, {"consoleEndpointURL": "https://u:p@c"}, "consoleEndpointURL", "it is not an http or https address"),
        (S3Config, {"bucketName": "b"}, "bucketName", "is not a known key"),
        (
            S3Metadata,
            {"storageMetadataConfigSource": {"manifestHttpPath": "http://m"}},
            "storageMetadataConfigSource",
            "manifestHttpPath is not supported",
        ),
        (
            S3Metadata,
            {"storageMetadataConfigSource": {"prefixConfig": {}}},
            "storageMetadataConfigSource.prefixConfig.containerName",
            "is required",
        ),
    ],
)
def test_what_is_refused(model: type[BaseModel], written: dict[str, Any], path: str, message: str) -> None:
    aws = {"awsConfig": {"awsRegion": REGION}} if model is S3Config else {}
    with pytest.raises(ConfigurationError) as caught:
        parse(model, {**aws, **written})
    [problem] = caught.value.problems
    assert problem.path == path
    assert message in problem.message
