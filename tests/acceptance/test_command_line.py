"""The command `headwater` without a service, with good and with bad input: exit codes and what it says."""

import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.api import Api, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.processes import HEADWATER, environment_with, headwater
from tests.acceptance.sources import Source
from tests.sharing import REPOSITORY

UNKNOWN_TYPE = json.dumps(config_of({"type": "Oracle"}, sink={"type": "file"})).replace('"postgres"', '"oracel"')


def write(file: Path, document: Any) -> Path:
    """A definition in a file, as JSON, which is YAML too."""
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def test_run_fills_the_catalogue(shop: Source, catalogue: Catalogue, tmp_path: Path) -> None:
    connection = shop.connection(authType={"password": "secret:shop-pg"}, username="$READER")
    definition = write(tmp_path / "shop.yaml", config_of(connection, catalogue))
    done = headwater("run", "-c", definition, HEADWATER_SECRET_SHOP_PG=shop.password, READER=shop.user)
    assert done.returncode == 0, done.stderr
    assert catalogue.names() == shop.golden_names()
    assert done.stdout.splitlines()[-1] == "succeeded"
    [tables] = [line.split() for line in done.stdout.splitlines() if line.startswith("table ")]
    assert tables[1] == str(len(shop.golden_names()["tables"]))
    assert "table 20/20" in done.stderr
    assert shop.password not in done.stdout + done.stderr


def test_run_fails_when_the_source_does(shop: Source, catalogue: Catalogue, tmp_path: Path) -> None:
    wrong = shop.connection(authType={"password": "not-the-password"})
    done = headwater("run", "-c", write(tmp_path / "shop.json", config_of(wrong, catalogue)))
    assert done.returncode == 1
    assert "password authentication failed" in done.stderr
    assert "correct username and authType.password" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_run_fails_below_the_threshold(shop: Source, catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.poison["customer"] = 400
    config = config_of(shop.connection(), catalogue)
    config["workflowConfig"]["successThreshold"] = 100
    letters = tmp_path / "lost.jsonl"
    done = headwater("run", "-c", write(tmp_path / "shop.json", config), "--dead-letters", letters)
    assert (done.returncode, done.stdout.splitlines()[-1].partition(";")[0]) == (1, "failed")
    assert "customer" in done.stdout
    assert "customer" in letters.read_text(encoding="utf-8")


def test_ctrl_c_ends_a_run(shop: Source, catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.hold()
    definition = write(tmp_path / "shop.json", config_of(shop.connection(), catalogue))
    command = [*HEADWATER, "run", "-c", str(definition), "--dead-letters", str(tmp_path / "lost.jsonl")]
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment_with({}), stderr=subprocess.PIPE) as process:
        catalogue.wait_until_held()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=40)
    assert process.returncode == 130
    assert b"interrupted by SIGINT" in said


@pytest.mark.parametrize(
    ("command", "name", "text", "told"),
    [
        (["run", "-c"], "absent.yaml", None, "No such file"),
        (["run", "-c"], "type.json", UNKNOWN_TYPE, "source.type: 'oracel' is not a connector"),
        (["validate"], "broken.yaml", "source: [\n", "broken YAML at line 2"),
        (["validate"], "definition.toml", "[source]", "unknown suffix; use .yaml, .yml, .json"),
    ],
)
def test_a_wrong_definition_is_exit_code_2(
    tmp_path: Path, command: list[str], name: str, text: str | None, told: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = headwater(*command, tmp_path / name)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_validate_names_every_fault(shop: Source, catalogue: Catalogue, tmp_path: Path) -> None:
    config = config_of(shop.connection(), catalogue)
    good = headwater("validate", write(tmp_path / "good.yaml", {"name": "shop", "config": config}))
    assert (good.returncode, "valid for postgres, service 'shop'" in good.stdout) == (0, True)
    assert catalogue.count.total() == 0

    config["source"]["serviceConnection"]["config"]["hostPort"] = "http://db"
    config["source"]["sourceConfig"]["config"] |= {"tables": True, "tableFilterPattern": {"includes": ["("]}}
    bad = headwater("validate", write(tmp_path / "bad.yaml", config))
    assert bad.returncode == 2
    for path in ("serviceConnection.config.hostPort", "sourceConfig.config.tables", "tableFilterPattern.includes"):
        assert path in bad.stderr
    assert "is not a known key" in bad.stderr


def test_apply_makes_the_folder_true(api: Api, name: str, shop: Source, catalogue: Catalogue, tmp_path: Path) -> None:
    config = config_of(shop.connection(), catalogue)
    good = write(tmp_path / "a.yaml", {"name": name, "config": config})
    assert f"{good}: created" in headwater("apply", "-f", tmp_path, "--url", api.url).stdout
    bad = write(tmp_path / "0.json", {"name": f"{name}-bad", "config": config, "schedule": {"cron": "61 * * * *"}})
    write(good, {"name": name, "config": config, "description": "applied again"})
    applied = headwater("apply", "-f", tmp_path, "--url", api.url)
    assert applied.returncode == 2
    assert f"{bad}: refused" in applied.stderr
    assert "schedule.cron: '61 * * * *' is not a cron expression" in applied.stderr
    assert f"{good}: revision 2" in applied.stdout
    assert api.get(f"/workflows/{name}")["description"] == "applied again"
    api.http.delete(f"/api/v1/workflows/{name}")


def test_apply_needs_a_service_and_workflows(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", {"name": "a", "config": {}})
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    away = headwater("apply", "-f", tmp_path, "--url", url)
    assert (away.returncode, f"no service answers at {url}" in away.stderr) == (1, True)
    nowhere = headwater("apply", "-f", tmp_path / "nowhere")
    assert (nowhere.returncode, "is neither a folder nor a file" in nowhere.stderr) == (2, True)
