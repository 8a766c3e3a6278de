"""Amazon SageMaker: the models of an account in a region, and the packages of its registry that they come from."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Literal
from urllib.parse import quote

import msgspec

from connectors.connector import Capability, Check, Connector, RunContext
from connectors.families.aws import AwsCredentials, AwsService, Gone, check_described, named
from connectors.families.aws_failures import converted
from connectors.families.mlmodel import (
    Details,
    MlModel,
    MlModelConnection,
    MlModelMetadata,
    Version,
    mlmodel_topology,
)
from connectors.families.partial_failures import attempted

PAGE = 100
GONE = Gone("ValidationException", "Could not find model")
GRANTS = """{
  "Effect": "Allow",
  "Action": ["sagemaker:ListModels", "sagemaker:DescribeModel", "sagemaker:DescribeModelPackage",
             "sagemaker:ListTags"],
  "Resource": "*"
}"""


class SageMakerConfig(MlModelConnection):
    """Which account and region to read."""

    type: Literal["SageMaker"] = "SageMaker"
    aws_config: AwsCredentials


class DataSource(msgspec.Struct, frozen=True, rename="pascal"):
    """Where a model's files are, as newer models say it."""

    s3_uri: str | None = None


class ModelDataSource(msgspec.Struct, frozen=True, rename="pascal"):
    """The kinds of places there are."""

    s3_data_source: DataSource = DataSource()


class Container(msgspec.Struct, frozen=True, rename="pascal"):
    """What runs a model, without its environment, which may hold secrets."""

    image: str | None = None
    model_data_url: str | None = None
    model_data_source: ModelDataSource = ModelDataSource()
    model_package_name: str | None = None
    framework: str | None = None

    @property
    def storage(self) -> str | None:
        """Where its files are."""
        return self.model_data_url or self.model_data_source.s3_data_source.s3_uri


class Inference(msgspec.Struct, frozen=True, rename="pascal"):
    """How a package is run."""

    containers: tuple[Container, ...] = ()


class Package(msgspec.Struct, frozen=True, rename="pascal"):
    """A package of the registry as DescribeModelPackage tells it."""

    model_package_version: int | None = None
    model_package_group_name: str | None = None
    model_approval_status: str = ""
    inference_specification: Inference = Inference()


class Description(msgspec.Struct, frozen=True, rename="pascal"):
    """A model as DescribeModel tells it."""

    model_arn: str
    primary_container: Container | None = None
    containers: tuple[Container, ...] = ()


class SageMakerSource:
    """A MlModelSource; models are described one by one, as SageMaker describes no more than one at a time."""

    classification = "SageMakerTags"

    def __init__(self, service: AwsService, credentials: AwsCredentials) -> None:
        self._service = service
        self._credentials = credentials

    def models(self, _wanted: Callable[[str], bool], /) -> Iterator[MlModel]:
        """See MlModelSource."""
        for name in self.names():
            page = self._credentials.page("sagemaker", f"models/{quote(name)}")
            yield MlModel(name, partial(self.described, name), url=page)

    def names(self) -> Iterator[str]:
        """The names of all models, in order."""
        rows = self._service.pages("list_models", "Models", SortBy="Name", SortOrder="Ascending", MaxResults=PAGE)
        return named(rows, "ModelName", "list_models")

    def described(self, name: str) -> Details:
        """What a model is made of.

        Raises:
            SkipEntity: It is gone since it was listed.
            ConnectorError: It may not be described, or the answer is not what SageMaker tells.
        """
        answer = self._service.described("describe_model", GONE, ModelName=name)
        found = converted(answer, Description, "SageMaker", f"describe_model {name}")
        made = (found.primary_container, *found.containers)
        parts = [each for each in made if each is not None]
        tags, no_tags = attempted(partial(self._tags, found.model_arn), ())
        packages = [each.model_package_name for each in parts if each.model_package_name]
        package, no_package = attempted(partial(self._package, packages[0]), None) if packages else (None, None)
        if package is not None:
            parts += package.inference_specification.containers
        # Of several in a row, the one that has the files is the model; the others prepare what it gets.
        parts.sort(key=lambda each: each.storage is None)
        return Details(
            algorithm=next((each.framework.lower() for each in parts if each.framework), "mlmodel"),
            versions=() if package is None else (_version(package),),
            storage=next((each.storage for each in parts if each.storage), None),
            image=next((each.image for each in parts if each.image), None),
            tags=tags,
            problem=no_tags or no_package,
        )

    def _tags(self, arn: str) -> tuple[str, ...]:
        rows = self._service.pages("list_tags", "Tags", ResourceArn=arn)
        return tuple(f"{row['Key']}={row['Value']}" if row.get("Value") else row["Key"] for row in rows)

    def _package(self, name: str) -> Package | None:
        answer = self._service.call("describe_model_package", ModelPackageName=name)
        return converted(answer, Package, "SageMaker", f"describe_model_package {name}")


def _version(package: Package) -> Version:
    parts = (package.model_package_group_name, package.model_package_version)
    return Version(" ".join(str(part) for part in parts if part is not None), status=package.model_approval_status)


@contextmanager
def open_source(context: RunContext[SageMakerConfig, MlModelMetadata]) -> Generator[SageMakerSource]:
    """The source of one run."""
    credentials = context.connection.aws_config
    with closing(AwsService(credentials, "sagemaker", context.report, context.cancellation)) as service:
        yield SageMakerSource(service, credentials)


def check_models(config: SageMakerConfig) -> str:
    """List the models, and describe the first."""
    credentials = config.aws_config
    return check_described(credentials, "sagemaker", "models", lambda service: SageMakerSource(service, credentials))


CONNECTOR = Connector(
    name="sagemaker",
    service_type="SageMaker",
    config=SageMakerConfig,
    options=MlModelMetadata,
    capabilities=frozenset({Capability.ML_MODELS, Capability.TAGS, Capability.DELETIONS}),
    checks=(Check("GetModels", "The models can be listed and described", check_models, gate=True, mandatory=True),),
    topology=mlmodel_topology(open_source),
    driver="boto3",
    grants=GRANTS,
    tested="moto 5.2",
)
