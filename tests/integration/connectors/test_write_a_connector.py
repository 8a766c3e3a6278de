"""Follows docs/write-a-connector.md to the letter: what it says is built, installed in a folder, and run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.sharing import REPOSITORY

PAGE = (REPOSITORY / "docs" / "write-a-connector.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The one block of the page in this language."""
    [found] = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the package was installed in."""
    package, site = tmp_path_factory.mktemp("package"), tmp_path_factory.mktemp("site")
    (package / "csv_folder.py").write_text(block("python"), encoding="utf-8")
    (package / "pyproject.toml").write_text(block("toml"), encoding="utf-8")
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*install, "--target", site, package], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return site


def run(site: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    (folder / "workflow.yaml").write_text(block("yaml"), encoding="utf-8")
    command = [sys.executable, "-m", "service", "run", "-c", "workflow.yaml"]
    environment = os.environ | {"PYTHONPATH": f"{site}:{REPOSITORY}"}
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)


def test_a_run_finds_the_files(site: Path, tmp_path: Path) -> None:
    (tmp_path / "warehouse" / "sales").mkdir(parents=True)
    (tmp_path / "warehouse" / "sales" / "orders.csv").write_text("id,customer name\n1,x\n")
    done = run(site, tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out.jsonl").read_text()
    assert "customer name" in text
    assert "files.warehouse.sales" in text
    assert all(msgspec.json.decode(line) for line in text.splitlines())


def test_a_folder_that_is_missing_fails_the_run(site: Path, tmp_path: Path) -> None:
    done = run(site, tmp_path)
    assert done.returncode != 0
    assert "warehouse is not there" in done.stdout + done.stderr
