"""Buckets and what lies in them through the whole service: nested containers and deletions."""

import json

import pytest

from tests.acceptance.api import Api, Json, config_of
from tests.acceptance.catalogues import Catalogue
from tests.amazon import Account
from tests.mariadb import PASSWORD
from tests.s3 import LAKE_MANIFEST, fill_s3

FOUND = 17


@pytest.fixture
def account(moto_server: str) -> Account:
    """An account with some buckets."""
    account = Account.new(moto_server)
    fill_s3(account)
    return account


def definition(account: Account, catalogue: Catalogue | None, sink: Json | None = None) -> Json:
    written = config_of({"type": "S3", "awsConfig": account.config()}, catalogue, sink=sink)
    options = {"type": "StorageMetadata", "threads": 4}
    written["source"] |= {"type": "s3", "sourceConfig": {"config": options}}
    return written


def test_containers_arrive_inside_of_each_other(api: Api, name: str, catalogue: Catalogue, account: Account) -> None:
    created = api.create(name, definition(account, catalogue))
    checked = api.post(f"/workflows/{name}/check")
    assert {step["status"] for step in checked["steps"]} == {"passed"}
    assert PASSWORD not in str(created) + str(checked)
    run = api.until(api.start(name), "succeeded")
    assert run["counts"]["byType"]["container"] == {"written": FOUND}
    lake = f"shop.lake-{account.number}"
    containers = catalogue.entities("containers")
    assert {f"{lake}.album.2026.may", f'{lake}.album.2026.may."c.PNG"'} <= set(containers)
    columns = containers[f"{lake}.sales/orders"]["dataModel"]["columns"]
    assert [column["name"] for column in columns] == ["day", "id", "price", "buyer", "marks"]
    album = [entry for entry in LAKE_MANIFEST["entries"] if entry["dataPath"] == "album"]
    text = json.dumps({"entries": [*LAKE_MANIFEST["entries"][:4], *album]})
    s3 = account.client("s3")
    s3.put_object(Bucket=lake.removeprefix("shop."), Key="openmetadata.json", Body=text.encode())
    s3.delete_object(Bucket=lake.removeprefix("shop."), Key="album/2026/may/c.PNG")
    run = api.until(api.start(name), "succeeded")
    assert run["counts"]["byType"]["container"]["deleted"] == 4
    gone = set(containers) - set(catalogue.entities("containers"))
    assert gone == {
        f'{lake}."stock.tsv.gz"',
        f"{lake}.album.2026",
        f"{lake}.album.2026.may",
        f'{lake}.album.2026.may."c.PNG"',
    }


def test_a_bucket_that_may_not_be_read_is_a_named_failure(
    api: Api, name: str, catalogue: Catalogue, account: Account
) -> None:
    account.client("s3").put_object(Bucket=f"plain-{account.number}", Key="openmetadata.json", Body=b"{}")
    api.create(name, definition(account, catalogue))
    run = api.ended(api.start(name))
    [failure] = api.failures(run["id"])
    assert (failure["entity"], failure["name"]) == ("container", f"shop.plain-{account.number}")
    assert "entries: is required" in failure["cause"]
    assert failure["advice"]
