"""Manifests with entries that cannot be used, against moto's S3."""

from typing import Any

import pytest

from connectors.models.records import DeletionScope
from tests.amazon import Account
from tests.integration.connectors.sources.s3_runs import connection, manifest, names, told
from tests.s3 import RETURNS, fill_s3, make_bucket
from tests.whole_runs import walk


@pytest.fixture
def own_account(moto_server: str) -> Account:
    """One that the test may change."""
    account = Account.new(moto_server)
    fill_s3(account)
    return account


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        (
            {"dataPath": "a/*", "structureFormat": "zip"},
            (
                "openmetadata.json of the bucket plain-N: the entry of dataPath 'a/*' is left out: "
                "entries.1.structureFormat: 'zip' is not read; use csv, tsv, json, parquet, avro"
            ),
        ),
        ({"dataPath": "a.*"}, "the manifest of plain-N names a.txt more than once"),
    ],
)
def test_a_wrong_entry_of_a_manifest_fails_alone(own_account: Account, wrong: dict[str, Any], cause: str) -> None:
    bucket, s3 = f"plain-{own_account.number}", own_account.client("s3")
    for key in ("a.txt", "b.txt"):
        s3.put_object(Bucket=bucket, Key=key, Body=RETURNS)
    text = manifest({"dataPath": "a.txt"}, wrong, {"dataPath": "b.txt"})
    s3.put_object(Bucket=bucket, Key="openmetadata.json", Body=text)
    walked = walk("s3", connection(own_account, bucketNames=[bucket]))
    [(name, told_cause, advice)] = told(walked)
    assert name.startswith(f"svc.{bucket}.")
    assert told_cause.replace(own_account.number, "N") == cause
    assert advice
    assert {'plain-N."a.txt"', 'plain-N."b.txt"'} <= names(walked, own_account)
    assert walked.sink.only(DeletionScope) == []


def test_a_wrong_entry_of_no_bucket_hides_none_of_the_others(own_account: Account) -> None:
    plain, lake = f"plain-{own_account.number}", f"lake-{own_account.number}"
    make_bucket(own_account, "config", {"m.json": manifest(
        {"dataPath": "a.txt"},
        {"containerName": plain, "dataPath": "a.txt", "depth": -1},
        {"containerName": lake, "dataPath": "events", "structureFormat": "avro"},
    )})  # fmt: skip
    prefix = {"containerName": f"config-{own_account.number}", "objectPrefix": "m.json"}
    walked = walk("s3", connection(own_account), storageMetadataConfigSource={"prefixConfig": prefix})
    causes = {name: cause for name, cause, _ in told(walked)}
    assert causes.keys() == {"svc", f'svc.{plain}."a.txt"'}
    assert "entries.0.containerName: is required" in causes["svc"]
    assert "entries.1.depth: " in causes[f'svc.{plain}."a.txt"']
    assert "lake-N.events" in names(walked, own_account)
    assert walked.sink.only(DeletionScope) == []
