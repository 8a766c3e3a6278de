"""Tables of Delta Lake for tests to ingest from, made by delta-rs."""

from pathlib import Path
from typing import Any

from tests.amazon import Account


def make_tables(root: str, options: dict[str, str] | None = None) -> None:
    """The sample: orders with nested columns and partitions, marks beside it, and one in a folder further below."""
    from arro3.core import DataType, Field, Schema, Table
    from deltalake import write_deltalake

    line = DataType.struct([Field("sku", DataType.utf8(), True), Field("price", DataType.decimal128(10, 2), True)])
    comment = {"comment": "of the order"}
    schema = Schema(
        [
            Field("id", DataType.int64(), False, metadata=comment),
            Field("day", DataType.date32(), True),
            Field("lines", DataType.list(Field("element", line, True)), True),
            Field("größe & co", DataType.utf8(), True),
        ]
    )
    empty = Table.from_batches([], schema=schema)
    about: dict[str, Any] = {"description": "what was ordered", "configuration": {"delta.appendOnly": "true"}}
    write_deltalake(f"{root}/orders", empty, partition_by=["day"], storage_options=options, **about)
    plain = Table.from_batches([], schema=Schema([Field("mark", DataType.int32(), True)]))
    for name in ("marks", "old/marks"):
        write_deltalake(f"{root}/{name}", plain, storage_options=options)


def storage_options(account: Account) -> dict[str, str]:
    """How delta-rs writes to an account at moto."""
    given = account.client("sts").assume_role(RoleArn=account.role, RoleSessionName="makes")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": account.endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_S3_ALLOW_UNSAFE_RENAME": "true",
    }


def in_folder(folder: Path) -> dict[str, Any]:
    """How to read a warehouse's folder."""
    return {"type": "DeltaLake", "configSource": {"connection": {"metastoreFilePath": str(folder)}}}


def in_s3(account: Account, **place: Any) -> dict[str, Any]:
    """How to read an account's buckets."""
    return {"type": "DeltaLake", "configSource": {"connection": {"securityConfig": account.config()}, **place}}
