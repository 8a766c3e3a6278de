"""An upgrade and the way back: a release works on the schema of the next one, unless that took something away."""

import shutil
import subprocess
from pathlib import Path

import pytest

from service.database import schema
from tests.acceptance.api import config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.conftest import ClientOf, StartReplica
from tests.acceptance.processes import HEADWATER, environment_with, headwater
from tests.acceptance.sources import Source
from tests.sharing import REPOSITORY

MIGRATION = '''"""What a next release might do."""

from alembic import op
import sqlalchemy as sa

revision = "next"
down_revision = {head!r}
contracts = {contracts}


def upgrade() -> None:
    op.add_column("runs", sa.Column("noted", sa.Text(), nullable=True))
    op.create_table("notes", sa.Column("id", sa.Integer(), primary_key=True))
'''


def migrate_as_the_next_release(url: str, folder: Path, *, contracts: bool) -> None:
    """Run the migrations of this code and one more."""
    shutil.copytree(REPOSITORY / "migrations", folder / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    head = schema.current(url)
    added = folder / "migrations" / "versions" / "next.py"
    added.write_text(MIGRATION.format(head=head, contracts=contracts))
    environment = environment_with({"HEADWATER_DATABASE_URL": url, "PYTHONPATH": f"{folder}:{REPOSITORY}"})
    command = [*HEADWATER, "migrate"]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "the store is at revision next\n"), result.stderr


def test_this_release_works_on_the_schema_of_the_next_one(
    *,
    database_url: str,
    start_replica: StartReplica,
    client_of: ClientOf,
    shop: Source,
    catalogue: Catalogue,
    tmp_path: Path,
) -> None:
    before = start_replica()
    api = client_of(before)
    api.create("shop", config_of(shop.connection(), catalogue))
    migrate_as_the_next_release(database_url, tmp_path / "next", contracts=False)
    api.until(api.start("shop"), "succeeded")

    again = headwater("migrate", HEADWATER_DATABASE_URL=database_url)
    assert (again.returncode, again.stdout) == (0, "the store is at revision next\n"), again.stderr
    rolled_back = client_of(start_replica())
    assert rolled_back.until(rolled_back.start("shop"), "succeeded")["counts"]["failed"] == 0


@pytest.mark.parametrize("command", ["migrate", "serve"])
def test_a_schema_that_took_something_away_is_refused(database_url: str, tmp_path: Path, command: str) -> None:
    migrate_as_the_next_release(database_url, tmp_path / "next", contracts=True)
    settings = {"HEADWATER_DATABASE_URL": database_url, "HEADWATER_DATA_DIR": str(tmp_path), "HEADWATER_PORT": "0"}
    result = headwater(command, **settings)
    assert result.returncode == 1
    assert "the database is at schema next, which this release of Headwater" in result.stderr
    assert "restore a backup" in result.stderr
