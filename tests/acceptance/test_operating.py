"""What operators do before a service serves: settings, migrations, the embedded store; and what they may get wrong."""

import json
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.acceptance.api import Api, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.processes import headwater, is_alive, replica
from tests.acceptance.sources import Source
from tests.eventually import eventually
from tests.sharing import REPOSITORY, fast_folder


@pytest.fixture
def data_folder() -> Iterator[Path]:
    """A folder that the account of an embedded Postgres can reach."""
    folder = Path(tempfile.mkdtemp(prefix="hw-", dir=fast_folder()))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_the_embedded_store_keeps_everything_over_a_restart(
    data_folder: Path, shop: Source, catalogue: Catalogue
) -> None:
    settings = {"HEADWATER_DATA_DIR": str(data_folder)}
    with replica(settings, data_folder / "first.log") as first, Api(first.url) as api:
        api.create("shop", config_of(shop.connection(), catalogue))
        run = api.until(api.start("shop"), "succeeded")
        servers = postgres_of(data_folder)
        assert first.terminate() == 0
    eventually(lambda: not any(map(is_alive, servers)), "the embedded Postgres has ended")
    with replica(settings, data_folder / "second.log") as second, Api(second.url) as api:
        assert api.run(run["id"]) == run
        assert api.until(api.start("shop"), "succeeded")["counts"]["unchanged"] > 1
        servers = postgres_of(data_folder)
        second.kill()
    eventually(lambda: not any(map(is_alive, servers)), "no Postgres outlives its service")
    assert catalogue.names() == shop.golden_names()


def postgres_of(folder: Path) -> list[int]:
    """The server processes on the folder's store."""
    files = list(folder.rglob("postmaster.pid"))
    assert files
    return [int(file.read_text(encoding="ascii").splitlines()[0]) for file in files]


def test_a_store_is_migrated_before_it_is_served(empty_database_url: str, tmp_path: Path) -> None:
    settings = {"HEADWATER_DATABASE_URL": empty_database_url, "HEADWATER_DATA_DIR": str(tmp_path)}
    refused = headwater("serve", HEADWATER_PORT="0", **settings)
    assert refused.returncode != 0
    assert "headwater migrate" in refused.stderr
    assert "Traceback" not in refused.stderr
    migrated = headwater("migrate", **settings)
    assert (migrated.returncode, migrated.stderr) == (0, "")
    newest = max(path.name for path in (REPOSITORY / "migrations" / "versions").glob("0*.py")).partition("_")[0]
    assert f"the store is at revision {newest}" in migrated.stdout
    with replica(settings, tmp_path / "service.log") as running, Api(running.url) as api:
        assert api.get("/workflows") == {"data": [], "nextCursor": None}


def test_migrate_needs_a_server_that_answers(empty_database_url: str) -> None:
    unset = headwater("migrate")
    assert (unset.returncode, "HEADWATER_DATABASE_URL: is not set" in unset.stderr) == (2, True)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    away = make_url(empty_database_url).set(port=port).render_as_string(hide_password=False)
    refused = headwater("migrate", HEADWATER_DATABASE_URL=away)
    assert refused.returncode == 1
    assert "refused" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert (make_url(away).password or "") not in refused.stderr


def test_settings_shows_what_is_in_force(secret_key: str) -> None:
    given = {"HEADWATER_LEASE_SECONDS": "12", "HEADWATER_POOL_LIMITS": "slow=2", "HEADWATER_SECRET_KEY": secret_key}
    shown = headwater("settings", **given)
    assert shown.returncode == 0, shown.stderr
    settings = json.loads(shown.stdout)
    assert (settings["lease_seconds"], settings["heartbeat_seconds"]) == (12, 2)
    assert settings["pool_limits"] == {"slow": 2}
    assert secret_key not in shown.stdout
    schema = json.loads(headwater("settings", "--schema").stdout)
    assert set(schema["properties"]) == set(settings)


def test_every_wrong_setting_is_named_before_anything_starts() -> None:
    wrong = {
        "HEADWATER_PORT": ("eighty", "HEADWATER_PORT"),
        "HEADWATER_WORKER_SLOT": ("3", "did you mean HEADWATER_WORKER_SLOTS?"),
        "HEADWATER_HOST": ("headwater.example.org", "HEADWATER_AUTH: HEADWATER_HOST=headwater.example.org"),
        "HEADWATER_AUTH": ("none", "bind 127.0.0.1"),
        "HEADWATER_DATABASE_URL": ("mysql://db/x", "postgresql://"),
        "HEADWATER_SECRET_KEY": ("short", "32 bytes"),
    }
    for command in ("settings", "serve"):
        refused = headwater(command, **{variable: value for variable, (value, _) in wrong.items()})
        assert (refused.returncode, refused.stdout) == (2, "")
        assert [told for _, told in wrong.values() if told not in refused.stderr] == []
        assert "Traceback" not in refused.stderr
