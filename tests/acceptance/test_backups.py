"""The backup that docs/operations.md describes, taken and restored."""

import subprocess

from service.database.embedded.binaries import find_binaries
from tests.acceptance.api import config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.conftest import ClientOf, StartReplica
from tests.acceptance.sources import Source


def test_a_restored_backup_has_workflows_history_and_secrets(
    *,
    database_url: str,
    empty_database_url: str,
    start_replica: StartReplica,
    client_of: ClientOf,
    shop: Source,
    catalogue: Catalogue,
) -> None:
    first = start_replica()
    api = client_of(first)
    connection = shop.connection()
    api.http.put("/api/v1/secrets/reader", json={"value": shop.password}).raise_for_status()
    by_name = {**connection, "authType": {"password": "secret:reader"}}
    api.create("shop", config_of(by_name, catalogue))
    run = api.until(api.start("shop"), "succeeded")
    first.terminate()

    programs = find_binaries().bindir
    dump = subprocess.run([programs / "pg_dump", "--format=custom", database_url], check=True, capture_output=True)
    restore = [programs / "pg_restore", "--no-owner", "--exit-on-error", f"--dbname={empty_database_url}"]
    subprocess.run(restore, input=dump.stdout, check=True, capture_output=True)

    restored = client_of(start_replica(database_url=empty_database_url))
    assert restored.run(run["id"])["counts"] == run["counts"]
    restored.until(restored.start("shop"), "succeeded")
