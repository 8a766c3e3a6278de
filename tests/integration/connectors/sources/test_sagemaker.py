"""The connector against moto's SageMaker: models, packages, filters, deletions, and what goes wrong."""

import json
from contextlib import closing
from typing import Any

import pytest

from connectors import registry
from connectors.cancellation import Cancellation
from connectors.connector import run_checks
from connectors.definition import parse
from connectors.errors import ConfigurationError, ConnectorError, FatalError, SourceUnavailable
from connectors.families.aws import AwsCredentials, AwsService
from connectors.models.mlmodel import CreateMlModelRequest
from connectors.models.records import DeletionScope
from connectors.report import Report
from connectors.sources.sagemaker import SageMakerConfig, SageMakerSource
from tests.amazon import REGION, Account, fill_sagemaker, gate, sent
from tests.answering import Answering
from tests.mariadb import PASSWORD
from tests.sharing import REPOSITORY
from tests.whole_runs import walk

GOLDEN = REPOSITORY / "tests" / "golden" / "sagemaker.json"


@pytest.fixture(scope="module")
def account(moto_server: str) -> Account:
    """An account with some models, which nobody changes."""
    account = Account.new(moto_server)
    fill_sagemaker(account)
    return account


def connection(account: Account, **changes: Any) -> dict[str, Any]:
    return {"type": "SageMaker", "awsConfig": account.config(**changes)}


@pytest.mark.parametrize("threads", [1, 4])
def test_what_is_sent(account: Account, threads: int) -> None:
    walked = walk("sagemaker", connection(account), threads=threads)
    assert list(walked.report.failures) == []
    found = sorted(sent(walked, account), key=lambda request: request["name"])
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert PASSWORD not in str(found)  # it stands in a container's environment


def test_filters_come_before_questions(account: Account) -> None:
    asked: list[str] = []

    def note(operation: str, query: dict[str, Any]) -> None:
        asked.append(f"{operation} {query.get('ModelName', '')}".rstrip())

    with gate(account.endpoint, note) as address:
        written = {**connection(account, endPointURL=address), "mlModelFilterPattern": {"excludes": ["steps"]}}
        walked = walk("sagemaker", written, mlModelFilterPattern={"includes": ["^price$", "steps"]})
    assert walked.sink.names("mlmodel") == {"svc.price"}
    assert set(asked) == {"ListModels", "DescribeModel price", "ListTags"}
    assert len(walked.sink.deletions()["svc", "mlmodel"].seen) == 3


def test_more_than_a_page(moto_server: str) -> None:
    account = Account.new(moto_server)
    sagemaker = account.client("sagemaker")
    for number in range(105):
        role = f"arn:aws:iam::{account.number}:role/r"
        sagemaker.create_model(ModelName=f"m{number:03}", ExecutionRoleArn=role, PrimaryContainer={"Image": "i"})
    with closing(AwsService(parse(AwsCredentials, account.config()), "sagemaker", Report(), Cancellation())) as service:
        names = list(SageMakerSource(service, parse(AwsCredentials, account.config())).names())
    assert names == [f"m{number:03}" for number in range(105)]


@pytest.mark.parametrize(
    ("denied", "name", "left"),
    [
        ("DescribeModel", "svc.price", False),
        ("ListTags", "svc.price", True),
        ("DescribeModelPackage", "svc.churn-3", True),
    ],
)
def test_a_part_that_may_not_be_read_is_one_failure(account: Account, denied: str, name: str, left: bool) -> None:
    def deny(operation: str, query: dict[str, Any]) -> str | None:
        of = query.get("ModelName") or query.get("ResourceArn") or query.get("ModelPackageName") or ""
        meant = name.removeprefix("svc.").removesuffix("-3") in of
        return "AccessDeniedException" if operation == denied and meant else None

    with gate(account.endpoint, deny) as address:
        walked = walk("sagemaker", connection(account, endPointURL=address))
    [failure] = walked.report.failures
    assert (failure.entity, failure.name) == ("mlmodel", name)
    assert failure.advice == f"allow {denied} on it in the user's or the role's policy"
    assert (name in walked.sink.names("mlmodel")) is left
    assert walked.sink.only(DeletionScope) == []


def test_a_model_that_is_deleted_while_it_is_read_is_left_out(moto_server: str) -> None:
    account = Account.new(moto_server)
    fill_sagemaker(account)
    sagemaker = account.client("sagemaker")

    def drop(operation: str, query: dict[str, Any]) -> None:
        if operation == "DescribeModel" and query["ModelName"] == "price":
            sagemaker.delete_model(ModelName="price")

    with gate(account.endpoint, drop) as address:
        walked = walk("sagemaker", connection(account, endPointURL=address))
    assert list(walked.report.failures) == []
    assert walked.sink.names("mlmodel") == {"svc.steps", "svc.churn-3"}
    [deletion] = walked.sink.only(DeletionScope)
    assert "svc.price" in deletion.seen


def test_keys_that_are_refused_end_the_run(account: Account) -> None:
    def refuse(_operation: str, _query: dict[str, Any]) -> str:
        return "UnrecognizedClientException"

    with gate(account.endpoint, refuse) as address:
        config = connection(account, endPointURL=address, assumeRoleArn=None)
        with pytest.raises(FatalError) as caught:
            walk("sagemaker", config)
        [result] = run_checks(registry.get("sagemaker").checks, parse(SageMakerConfig, config))
    assert (result.status, result.advice) == ("failed", caught.value.advice)


def source_at(address: str | None) -> SageMakerSource:
    written = {"awsRegion": REGION, "awsAccessKeyId": "k", "awsSecretAccessKey": "s", "endPointURL": address}
    credentials = parse(AwsCredentials, written)
    return SageMakerSource(AwsService(credentials, "sagemaker", Report(), Cancellation()), credentials)


def test_garbage_about_a_model() -> None:
    told = pytest.raises(ConnectorError, match="not what SageMaker tells")
    with Answering({"POST /": {"ModelArn": 3}}) as server, told as caught:
        source_at(server.address).described("price")
    assert caught.value.advice == "see whether endPointURL is the address of SageMaker"


def test_a_listing_without_names_is_no_listing() -> None:
    told = pytest.raises(SourceUnavailable, match="list_models: the answer lists something without ModelName")
    with Answering({"POST /": {"Models": [{"ModelArn": "a"}]}}) as server, told as caught:
        list(source_at(server.address).names())
    assert "endPointURL" in str(caught.value.advice)


def test_models_of_amazon_itself_have_a_page_in_its_console(monkeypatch: pytest.MonkeyPatch) -> None:
    with Answering({"POST /": {"Models": [{"ModelName": "a"}]}}) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
        [model] = source_at(None).models(lambda _name: True)
    assert model.url == "https://eu-west-1.console.aws.amazon.com/sagemaker/home?region=eu-west-1#/models/a"


def test_files_of_newer_models_have_a_place_too() -> None:
    place = {"S3DataSource": {"S3Uri": "s3://m/a/", "S3DataType": "S3Prefix", "CompressionType": "None"}}
    answer: dict[str, Any] = {"ModelArn": "a", "PrimaryContainer": {"Image": "i", "ModelDataSource": place}, "Tags": []}
    with Answering({"POST /": answer}) as server:
        found = source_at(server.address).described("a")
    assert (found.storage, found.image, found.algorithm) == ("s3://m/a/", "i", "mlmodel")


def test_bad_connections() -> None:
    with pytest.raises(ConfigurationError, match="awsConfig: is required"):
        parse(SageMakerConfig, {"type": "SageMaker"})


def test_versions_stand_in_the_description(account: Account) -> None:
    models = walk("sagemaker", connection(account)).sink.by_fqn(CreateMlModelRequest)
    assert "| churn 1 |  | Approved |" in (models["svc.churn-3"].description or "")
