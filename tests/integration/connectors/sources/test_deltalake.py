"""The connector against tables that delta-rs made, in folders and in moto's S3."""

import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors import runner
from connectors.cancellation import Cancellation
from connectors.connector import RunContext, run_checks
from connectors.definition import parse
from connectors.errors import ConfigurationError, ConnectorError, FatalError, SourceUnavailable
from connectors.families.database_options import DatabaseMetadata
from connectors.families.database_source import Table
from connectors.families.deltalake.config import DeltaLakeConfig
from connectors.families.deltalake.tables import table_of
from connectors.models.database import CreateDatabaseSchemaRequest, CreateTableRequest, TableType
from connectors.models.records import DeletionScope
from connectors.report import Report
from connectors.runner import TopologyRunner
from connectors.source_files import SourceFiles
from connectors.sources.deltalake import CONNECTOR, open_source
from tests.amazon import Account
from tests.answering import Answering, Status
from tests.delta import in_folder, in_s3, make_tables, storage_options
from tests.in_memory import RecordingSink, Walked

NOBODY = 65534
GOLDEN = Path(__file__).parents[3] / "golden" / "deltalake.json"
LOG = "/b/t/_delta_log"
Context = RunContext[DeltaLakeConfig, DatabaseMetadata]


def context(given: dict[str, Any], **options: Any) -> Context:
    return RunContext(
        service="lake",
        service_type="DeltaLake",
        connection=DeltaLakeConfig.model_validate(given),
        options=DatabaseMetadata.model_validate(options),
        threads=1,
        report=Report(),
        cancellation=Cancellation(),
    )


def run(given: Context) -> Walked:
    walked = Walked(RecordingSink(), given.report)
    with CONNECTOR.topology(given) as root:
        TopologyRunner(given.report, given.cancellation, 1).run(root, walked.sink.write)
    return walked


def tables(walked: Walked) -> dict[str, dict[str, Any]]:
    assert [failure.cause for failure in walked.report.failures] == []
    return {table.name: json.loads(msgspec.json.encode(table)) for table in walked.sink.only(CreateTableRequest)}


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    make_tables(str(tmp_path / "sales.db"))
    make_tables(str(tmp_path))
    return tmp_path


def test_what_is_sent_is_what_it_was(tmp_path: Path) -> None:
    make_tables(str(tmp_path / "sales.db"))
    found = tables(run(context(in_folder(tmp_path))))
    for table in found.values():
        moments = table.pop("lifeCycle")
        assert 0 < moments["created"]["timestamp"] <= moments["updated"]["timestamp"]
        assert moments["updated"]["accessedByAProcess"].startswith("delta-rs")
        assert table.pop("locationPath").startswith(f"file://{tmp_path.resolve()}/sales.db/")
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_folders_are_schemas(warehouse: Path) -> None:
    (warehouse / "empty").mkdir()
    (warehouse / "elsewhere").symlink_to("/")
    walked = run(context(in_folder(warehouse), tableFilterPattern={"excludes": ["^old"]}))
    assert [schema.name for schema in walked.sink.only(CreateDatabaseSchemaRequest)] == [
        "default", "empty", "old", "sales",
    ]  # fmt: skip
    scopes = [each for each in walked.sink.records if isinstance(each, DeletionScope) and each.entity == "table"]
    assert {scope.fqn: len(scope.seen) for scope in scopes} == {
        "lake.default.default": 2, "lake.default.empty": 0, "lake.default.old": 1, "lake.default.sales": 3,
    }  # fmt: skip
    assert sorted(table.fqn for table in walked.sink.only(CreateTableRequest)) == [
        "lake.default.default.marks", "lake.default.default.orders", "lake.default.old.marks",
        "lake.default.sales.marks", "lake.default.sales.orders",
    ]  # fmt: skip


def test_two_folders_may_be_one_schema(tmp_path: Path) -> None:
    for folder in ("default.db", "default/inner", "sales", "sales-old", "sales.db"):
        make_tables(str(tmp_path / folder))
    shutil.rmtree(tmp_path / "sales.db" / "orders")
    walked = run(context(in_folder(tmp_path)))
    assert [schema.name for schema in walked.sink.only(CreateDatabaseSchemaRequest)] == [
        "default",
        "sales",
        "sales-old",
    ]
    names = [table.fqn for table in walked.sink.only(CreateTableRequest)]
    assert len(set(names)) == len(names)
    assert {"lake.default.default.orders", "lake.default.default.inner/orders", "lake.default.sales.orders"} < set(
        names
    )
    [first, *_] = walked.report.failures
    assert first.name == "lake.default.sales"
    assert "sales.db/marks" in first.cause
    assert "another table of the schema sales" in first.cause


def test_buckets_are_schemas(moto_server: str) -> None:
    account = Account.new(moto_server)
    bucket, other = (f"lake-{uuid.uuid4().hex[:8]}" for _ in range(2))
    for name in (bucket, other):
        account.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    make_tables(f"s3://{bucket}/warehouse", storage_options(account))
    walked = run(context(in_s3(account), markDeletedSchemas=True))
    [scope] = [scope for scope in walked.sink.only(DeletionScope) if scope.entity == "databaseSchema"]
    assert set(scope.seen) == {f"lake.default.{bucket}", f"lake.default.{other}"}
    assert set(tables(walked)) == {"warehouse/marks", "warehouse/old/marks", "warehouse/orders"}
    assert {schema.name for schema in walked.sink.only(CreateDatabaseSchemaRequest)} == {bucket, other}
    given = in_s3(account, bucketName=bucket, prefix="/warehouse/")
    walked = run(context(given, markDeletedSchemas=True))
    assert {scope.entity for scope in walked.sink.only(DeletionScope)} == {"storedProcedure"}, "there may be others"
    found = tables(walked)
    assert set(found) == {"marks", "old/marks", "orders"}
    assert found["orders"]["locationPath"] == f"s3://{bucket}/warehouse/orders"
    assert [column["name"] for column in found["orders"]["columns"]] == ["id", "day", "lines", "größe & co"]
    results = list(run_checks(CONNECTOR.checks, DeltaLakeConfig.model_validate(given)))
    assert [result.status for result in results] == ["passed", "passed"]
    gone = in_s3(account, bucketName="no-such-bucket-at-all")
    failure = run(context(gone)).report.failures[0]
    assert "NoSuchBucket" in failure.cause
    assert "correct configSource.bucketName" in str(failure.advice)


def test_a_log_that_makes_no_sense_is_its_tables_failure(tmp_path: Path) -> None:
    make_tables(str(tmp_path / "sales"))
    for name, text in (("garbage", "{{{"), ("empty", "")):
        log = tmp_path / "sales" / name / "_delta_log"
        log.mkdir(parents=True)
        (log / f"{0:020}.json").write_text(text)
    walked = run(context(in_folder(tmp_path)))
    assert {failure.name for failure in walked.report.failures} == {
        "lake.default.sales.garbage", "lake.default.sales.empty",
    }  # fmt: skip
    assert all(failure.advice and "\n" not in failure.cause for failure in walked.report.failures)
    assert {table.name for table in walked.sink.only(CreateTableRequest)} == {"marks", "old/marks", "orders"}


def test_what_vanishes_while_it_is_read(warehouse: Path) -> None:
    with open_source(context(in_folder(warehouse))) as source:
        listed = {table.name: table for table in source.tables("default", "sales")}
        (warehouse / "sales.db" / "marks").rename(warehouse / "moved")
        asked = listed["marks"].described
        assert asked is not None
        with pytest.raises(ConnectorError, match="no table any more"):
            asked()
        with pytest.raises(ConnectorError, match="schema nope was removed"):
            list(source.tables("default", "nope"))


@pytest.mark.parametrize(
    ("answers", "error", "advice"),
    [
        ({f"GET {LOG}/_last_checkpoint": Status(403)}, ConnectorError, "allow s3:GetObject"),
        ({}, ConnectorError, "next run settles it"),
        ({f"GET {LOG}/_last_checkpoint": Status(500)}, SourceUnavailable, "can be reached"),
    ],
)
def test_a_log_that_cannot_be_read(answers: dict[str, Any], error: type[Exception], advice: str) -> None:
    with Answering(answers) as store:
        quick = {"AWS_ALLOW_HTTP": "true", "max_retries": "0", "retry_timeout": "2s"}
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "the-key", "AWS_REGION": "eu-west-1"}
        options = {"AWS_ENDPOINT_URL": store.address, **keys, **quick}
        with pytest.raises(ConnectorError, match="s3://b/t: ") as caught:
            table_of(Table("t", TableType.REGULAR, ()), "s3://b/t", options)
    assert type(caught.value) is error
    assert advice in str(caught.value.advice)
    assert not {"\x1b", "\n", "↳"} & set(caught.value.message)
    assert "the-key" not in caught.value.message


@pytest.mark.parametrize("bucket", [None, "b"])
def test_what_is_no_store_is_no_empty_store(bucket: str | None) -> None:
    keys = {"awsRegion": "eu-west-1", "awsAccessKeyId": "a", "awsSecretAccessKey": "s"}
    with Answering({f"GET /{bucket or ''}": Status(200, b"<html><body>Welcome</body></html>")}) as stranger:
        where = {"securityConfig": {**keys, "endPointURL": stranger.address}}
        given = {"configSource": {"connection": where, "bucketName": bucket or ""}}
        with open_source(context(given)) as source, pytest.raises(SourceUnavailable) as caught:
            [list(source.tables("default", schema.name)) for schema in source.schemas("default")]
    assert "endPointURL" in str(caught.value.advice)


def test_a_folder_that_is_not_there_or_not_allowed(tmp_path: Path) -> None:
    with open_source(context(in_folder(tmp_path / "none"))) as source, pytest.raises(SourceUnavailable, match="none"):
        list(source.schemas("default"))
    allowed = SourceFiles((tmp_path / "allowed",))
    with pytest.raises(ConfigurationError, match=r"metastoreFilePath '/etc' does not lie below"):
        parse(DeltaLakeConfig, in_folder(Path("/etc")), files=allowed)
    (tmp_path / "allowed" / "lake").mkdir(parents=True)
    config = parse(DeltaLakeConfig, in_folder(Path("lake")), files=allowed)
    (tmp_path / "allowed" / "lake").rmdir()
    (tmp_path / "allowed" / "lake").symlink_to("/etc")
    given = RunContext("lake", "DeltaLake", config, DatabaseMetadata(), 1, Report(), Cancellation())
    with open_source(given) as source, pytest.raises(FatalError, match="does not lie below"):
        list(source.schemas("default"))


def test_tables_are_located_where_the_warehouse_really_lies(tmp_path: Path) -> None:
    (tmp_path / "real" / "lake").mkdir(parents=True)
    (tmp_path / "entrance").symlink_to(tmp_path / "real")
    config = parse(DeltaLakeConfig, in_folder(Path("lake")), files=SourceFiles((tmp_path / "entrance",)))
    assert config.folder() == tmp_path / "real" / "lake"


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder that everybody may go through, unlike those of pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="hw-d-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def nobody() -> Generator[None]:
    """As a user to whom rights mean something: root reads everything."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_folders_that_may_not_be_read_keep_no_others_back(outside: Path) -> None:
    make_tables(str(outside / "sales.db"))
    for closed in ("closed.db", "sales.db/inside", "sales.db/other"):
        (outside / closed).mkdir(mode=0)
    with nobody():
        walked = run(context(in_folder(outside)))
    assert {table.name for table in walked.sink.only(CreateTableRequest)} == {"marks", "old/marks", "orders"}
    failures = list(walked.report.failures)
    assert [failure.name for failure in failures] == ["lake.default.closed", "lake.default.sales"]
    for failure, closed in zip(failures, ("closed.db", "sales.db/inside"), strict=True):
        assert f"{outside / closed} may not be read" in failure.cause
        assert "let the service's user read" in str(failure.advice)
    assert f"{outside / 'sales.db/other'} may not be read" in failures[1].cause
    assert not any(scope.entity == "table" for scope in walked.sink.only(DeletionScope))


def assert_too_deep(walked: Walked, caplog: pytest.LogCaptureFixture, folder: str) -> None:
    [warning] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert f"what lies below {folder} is not looked at: it is over 16 folders deep" in warning
    assert list(walked.report.failures) == []
    assert "deep" not in "".join(walked.sink.names("table"))
    assert "orders" in {table.name for table in walked.sink.only(CreateTableRequest)}


def test_what_lies_too_deep_is_a_warning_and_holds_its_schemas_deletions_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for schema in ("sales", "other"):
        make_tables(str(tmp_path / schema))
    (tmp_path / "other" / "/".join(["dir"] * 17)).mkdir(parents=True)
    make_tables(str(tmp_path / "sales" / "/".join(["dir"] * 17) / "deep"))
    walked = run(context(in_folder(tmp_path)))
    assert_too_deep(walked, caplog, str(tmp_path / "sales" / "/".join(["dir"] * 17)))
    scopes = [scope.fqn for scope in walked.sink.only(DeletionScope) if scope.entity == "table"]
    assert scopes == ["lake.default.other"]


def test_what_lies_too_deep_in_a_bucket_is_a_warning_too(moto_server: str, caplog: pytest.LogCaptureFixture) -> None:
    account = Account.new(moto_server)
    bucket = f"b-{uuid.uuid4().hex[:12]}"
    account.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    make_tables(f"s3://{bucket}", storage_options(account))
    deep = "/".join(["dir"] * 16)
    account.client("s3").put_object(Bucket=bucket, Key=f"{deep}/deep/{LOG}/0.json", Body=b"{}")
    walked = run(context(in_s3(account, bucketName=bucket)))
    assert_too_deep(walked, caplog, f"s3://{bucket}/{deep}/")
    assert not any(scope.entity == "table" for scope in walked.sink.only(DeletionScope))


@pytest.mark.parametrize("path", ["/", "/b"])
def test_what_is_no_listing_is_not_taken_for_an_empty_one(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LISTING_RETRY_SECONDS", 0.0)
    buckets = b"<ListAllMyBucketsResult><Buckets><Bucket><Name>b</Name></Bucket></Buckets></ListAllMyBucketsResult>"
    answers = {"GET /": Status(200, buckets), f"GET {path}": Status(200, b"<Hello/>")}
    with Answering(answers) as store:
        keys = {"awsAccessKeyId": "a", "awsSecretAccessKey": "the-key", "awsRegion": "eu-west-1"}
        place = {"connection": {"securityConfig": {**keys, "endPointURL": store.address}}}
        given = context({"type": "DeltaLake", "configSource": place}, markDeletedSchemas=True)
        with pytest.raises(SourceUnavailable) as caught:
            run(given)
    assert "endPointURL" in str(caught.value.advice)
