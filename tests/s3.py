"""Buckets at moto with files of every structure that is read."""

import gzip
import json
from importlib import import_module
from io import BytesIO
from typing import Any, cast

import fastavro

from tests.amazon import REGION, Account

ORDER_SCHEMA = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "id", "type": "long", "doc": "Its number."},
        {"name": "lines", "type": {"type": "array", "items": {
            "type": "record", "name": "Line", "fields": [{"name": "sku", "type": ["null", "string"]}]}}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}  # fmt: skip
LAKE_MANIFEST = {
    "entries": [
        {"dataPath": "sales/orders", "structureFormat": "parquet", "isPartitioned": True,
         "partitionColumns": [{"name": "day", "dataType": "DATE", "description": "Of the sale."}]},
        {"dataPath": "sales/returns_*/", "structureFormat": "csv", "separator": ";"},
        {"dataPath": "exports", "structureFormat": "json", "depth": 1},
        {"dataPath": "events", "structureFormat": "avro"},
        {"dataPath": "stock.tsv.gz", "structureFormat": "tsv"},
        {"dataPath": "album", "unstructuredFormats": ["png", "zip"]},
    ]
}  # fmt: skip
RETURNS = b"id;why;paid\n1;torn;true\n2;;false\n"


def parquet_file() -> bytes:
    """A row with a nested type of every kind."""
    arrow, file = import_module("pyarrow"), BytesIO()
    columns = {
        "id": arrow.array([1], arrow.int64()),
        "price": arrow.array([None], arrow.decimal128(10, 2)),
        "buyer": arrow.array([{"name": "Ada", "emails": ["a@b"]}]),
        "marks": arrow.array([[("new", 1)]], arrow.map_(arrow.string(), arrow.int32())),
    }
    import_module("pyarrow.parquet").write_table(arrow.table(columns), file)
    return file.getvalue()


def avro_file() -> bytes:
    """One record."""
    file = BytesIO()
    cast("Any", fastavro).writer(file, ORDER_SCHEMA, [{"id": 1, "lines": [], "at": 0}])
    return file.getvalue()


def files() -> dict[str, bytes]:
    """What lies in the lake, by key."""
    return {
        "openmetadata.json": json.dumps(LAKE_MANIFEST).encode(),
        "sales/orders/_SUCCESS": b"",
        "sales/orders/_temporary/0/half.parquet": b"half",
        "sales/orders/day=2026-01-01/part-0.parquet": parquet_file(),
        "sales/returns_eu/2026.csv": RETURNS,
        "sales/returns_us/2026.csv": RETURNS,
        "exports/customers/1.json": b'{"id": 1, "tags": ["a"]}\n{"id": 2, "since": {"year": 1815}}\n',
        "exports/visits/1.json": b'[{"at": "2026-01-01", "who": 1.5}]',
        "events/2026/1.avro": avro_file(),
        "stock.tsv.gz": gzip.compress(b"sku\tcount\nA\t3\n", mtime=0),
        "album/2025/a.png": b"png",
        "album/2025/b.jpg": b"jpg",
        "album/2026/may/c.PNG": b"png",
        "album/all.zip": b"zip",
    }


def make_bucket(account: Account, name: str, content: dict[str, bytes]) -> str:
    """A bucket with these files; its name has the account's number, as all accounts share the names of buckets."""
    s3, bucket = account.client("s3"), f"{name}-{account.number}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    for key, body in content.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    return bucket


def fill_s3(account: Account) -> None:
    """A bucket with a manifest, one with nothing, and one with a file that nobody tells of; some have tags."""
    lake, s3 = make_bucket(account, "lake", files()), account.client("s3")
    s3.put_bucket_tagging(Bucket=lake, Tagging={"TagSet": [{"Key": "team", "Value": "sales"}]})
    for key, value in (("album/2025/a.png", ""), ("stock.tsv.gz", "a.b")):
        s3.put_object_tagging(Bucket=lake, Key=key, Tagging={"TagSet": [{"Key": "kept", "Value": value}]})
    make_bucket(account, "empty", {})
    make_bucket(account, "plain", {"a.txt": b"a"})
