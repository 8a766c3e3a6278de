"""Accounts at moto, each a test's own, and what they hold."""

import json
import random
import threading
from base64 import b64encode
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import httpx
import msgspec
import pytest
from botocore.loaders import Loader
from typing_extensions import override

from connectors.models.base import CreateRequest
from tests.in_memory import Walked
from tests.mariadb import PASSWORD
from tests.plain_http import NO_TLS

REGION = "eu-west-1"
KEY = "reader"
PRESTO_VIEW = b64encode(b'{"originalSql": "SELECT id FROM clicks", "catalog": "awsdatacatalog"}').decode()
DELTA_SCHEMA = """{"type": "struct", "fields": [
  {"name": "id", "type": "long", "nullable": false, "metadata": {"comment": "of the order"}},
  {"name": "lines", "type": {"type": "array", "elementType": {"type": "struct", "fields": [
    {"name": "unit price", "type": "decimal(10,2)", "nullable": true, "metadata": {}}]}}, "metadata": {}},
  {"name": "marks", "type": {"type": "map", "keyType": "string", "valueType": "integer"}, "metadata": {}}]}"""


@dataclass(frozen=True)
class Account:
    """An account that a role of it gives access to."""

    endpoint: str
    role: str

    @classmethod
    def new(cls, endpoint: str) -> "Account":
        """One that nobody has seen yet."""
        number = random.SystemRandom().randrange(10**11, 10**12)
        return cls(endpoint, f"arn:aws:iam::{number}:role/reader")

    @property
    def number(self) -> str:
        """What the account is called."""
        return self.role.split(":")[4]

    def config(self, **changes: Any) -> dict[str, Any]:
        """`awsConfig` of a definition."""
        return {
            "awsRegion": REGION,
            "awsAccessKeyId": KEY,
            "awsSecretAccessKey": PASSWORD,
            "endPointURL": self.endpoint,
            "assumeRoleArn": self.role,
            **changes,
        }

    def client(self, service: str) -> Any:
        """boto3's client for one of the services, to fill the account."""
        place: dict[str, Any] = {"region_name": REGION, "endpoint_url": self.endpoint}
        made: Any = boto3
        own = made.client("sts", aws_access_key_id=KEY, aws_secret_access_key=PASSWORD, **place)
        given = own.assume_role(RoleArn=self.role, RoleSessionName="tests")["Credentials"]
        keys = {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }
        return made.client(service, **place, **keys)


class KeptLoader(Loader):
    """What boto3 knows of Amazon's services, for all sessions: each adds its folder to the paths, which is the same."""

    @property
    @override
    def search_paths(self) -> list[str]:
        return [*super().search_paths]


@contextmanager
def models_kept() -> Generator[None]:
    """Boto3 reads the model of a service once, not for each client: that is nearly all that a client costs."""
    loader = KeptLoader()

    def kept(_path: str | None) -> Loader:
        return loader

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", kept)
        yield


def columns(**types: str) -> dict[str, Any]:
    """A storage descriptor with these columns."""
    return {"Columns": [{"Name": name, "Type": text} for name, text in types.items()]}


ORDERS = columns(order_id="bigint", lines="array<struct<sku:string,price:decimal(10,2)>>", odd="no such type")
ORDERS["Columns"][0]["Comment"] = "of the order"
ORDERS["Location"] = "s3://lake/orders/"
GLUE_TABLES: list[dict[str, Any]] = [
    {
        "Name": "orders",
        "TableType": "EXTERNAL_TABLE",
        "Owner": "ada",
        "Description": "One row for each",
        "StorageDescriptor": ORDERS,
        "PartitionKeys": [{"Name": "day", "Type": "date", "Comment": "when"}, {"Name": "shop", "Type": "string"}],
    },
    {
        "Name": "clicks",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"table_type": "ICEBERG", "metadata_location": "s3://b/m.json"},
        "StorageDescriptor": {
            "Columns": [
                {"Name": "id", "Type": "int", "Parameters": {"iceberg.field.current": "true"}},
                {"Name": "gone", "Type": "int", "Parameters": {"iceberg.field.current": "false"}},
            ]
        },
    },
    {
        "Name": "delta",
        "TableType": "EXTERNAL_TABLE",
        "Owner": "hadoop",
        "Parameters": {
            "spark.sql.sources.provider": "delta",
            "spark.sql.sources.schema.numParts": "2",
            "spark.sql.sources.schema.part.0": DELTA_SCHEMA[:100],
            "spark.sql.sources.schema.part.1": DELTA_SCHEMA[100:],
        },
        "StorageDescriptor": columns(col="array<string>"),
    },
    {"Name": "bare", "TableType": "MANAGED_TABLE", "Parameters": {"comment": "nothing is known of it"}},
    {
        "Name": "by_id",
        "TableType": "VIRTUAL_VIEW",
        "ViewOriginalText": f"/* Presto View: {PRESTO_VIEW} */",
        "StorageDescriptor": columns(id="int"),
    },
]


def fill_glue(account: Account) -> None:
    """Two databases, with a table in every way in which one gets there."""
    glue = account.client("glue")
    glue.create_database(DatabaseInput={"Name": "empty"})
    glue.create_database(DatabaseInput={"Name": "lake", "Description": "What comes in"})
    for table in GLUE_TABLES:
        glue.create_table(DatabaseName="lake", TableInput=table)


def fill_dynamodb(account: Account) -> None:
    """A table with one key and nested items, one with a key of two parts some with nothing in them."""
    dynamodb = account.client("dynamodb")
    make_table(dynamodb, "orders", id="N")
    make_table(dynamodb, "visits.2024", visitor="S", at="N")
    for number in range(3):
        make_table(dynamodb, f"empty_{number}", id="B")
    for number in range(3):
        item = {
            "id": {"N": str(number)},
            "paid": {"BOOL": True} if number else {"S": "no"},
            "customer": {"M": {"name": {"S": "Ada"}, "since": {"N": "1815"}}},
            "lines": {"L": [{"M": {"sku": {"S": "a"}}}, {"M": {"price": {"N": "1.5"}}}]},
            "marks": {"SS": ["a", "b"]},
            "photo": {"B": b"\\x00"},
            "note": {"NULL": True},
        }
        dynamodb.put_item(TableName="orders", Item=item)


def fill_kinesis(account: Account) -> None:
    """Streams with shards of their own, kept longer, encrypted, and one that gets its shards by itself."""
    kinesis = account.client("kinesis")
    kinesis.create_stream(StreamName="orders.v1", ShardCount=3)
    kinesis.increase_stream_retention_period(StreamName="orders.v1", RetentionPeriodHours=48)
    kinesis.create_stream(StreamName="payments", ShardCount=1)
    kinesis.start_stream_encryption(StreamName="payments", EncryptionType="KMS", KeyId="alias/aws/kinesis")
    kinesis.create_stream(StreamName="clicks", StreamModeDetails={"StreamMode": "ON_DEMAND"})


IMAGE = "1.dkr.ecr.eu-west-1.amazonaws.com/xgboost:1.7"


def fill_sagemaker(account: Account) -> None:
    """Models of one container, of several, of a package of the registry, and of none."""
    sagemaker = account.client("sagemaker")
    role = f"arn:aws:iam::{account.number}:role/runs-models"
    sagemaker.create_model_package_group(ModelPackageGroupName="churn")
    packed = sagemaker.create_model_package(
        ModelPackageGroupName="churn",
        ModelPackageDescription="Who will leave.",
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [
                {"Image": IMAGE, "ModelDataUrl": "s3://models/churn/3.tar.gz", "Framework": "XGBOOST"},
            ],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]
    one = {"Image": IMAGE, "ModelDataUrl": "s3://models/price.tar.gz", "Environment": {"TOKEN": PASSWORD}}
    tags = [{"Key": "team", "Value": "pricing"}, {"Key": "live", "Value": ""}]
    sagemaker.create_model(ModelName="price", ExecutionRoleArn=role, PrimaryContainer=one, Tags=tags)
    several = [{"Image": f"{IMAGE}-prepare"}, one]
    sagemaker.create_model(ModelName="steps", ExecutionRoleArn=role, Containers=several)
    sagemaker.create_model(ModelName="churn-3", ExecutionRoleArn=role, PrimaryContainer={"ModelPackageName": packed})


def make_table(dynamodb: Any, table: str, /, **keys: str) -> None:
    """A table with these parts of its key, by their types."""
    kinds = ["HASH", "RANGE"]
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, kinds, strict=False)],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in keys.items()],
        BillingMode="PAY_PER_REQUEST",
    )


Rule = Callable[[str, dict[str, Any]], str | None]


@contextmanager
def gate(endpoint: str, rule: Rule) -> Generator[str]:
    """An address before moto's. `rule` is asked with each operation and its query: an error's code, or None to pass."""

    class Gate(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            target = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            code = rule(target, json.loads(body)) if target else None
            if code is None:
                passed = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                answer = httpx.post(endpoint, content=body, headers=passed, verify=NO_TLS)
                status, text = answer.status_code, answer.content
            else:
                status, text = 400, json.dumps({"__type": code, "message": "refused"}).encode()
            self.send_response_only(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gate)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sent(walked: Walked, account: Account) -> list[Any]:
    """The requests as they go over the wire, without the number of the account."""
    requests = [msgspec.json.encode(record).decode() for record in walked.sink.only(CreateRequest)]
    return [json.loads(text.replace(account.number, "ACCOUNT")) for text in requests]
