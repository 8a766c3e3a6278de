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


@pytest.mark.parametrize(
    ("content", "told", "mend"),
    [
        (b"", "is empty", "give it a line of headings"),
        (b"id,\xff\n", "is no text in UTF-8: 'utf-8' codec can't decode byte 0xff in position 3", "save it in UTF-8"),
        (b'"' + b"x" * 200_000, "cannot be read: field larger than", "mend the file or its permissions"),
    ],
)
def test_a_file_that_cannot_be_read_fails_alone(
    site: Path, tmp_path: Path, content: bytes, told: str, mend: str
) -> None:
    (tmp_path / "warehouse" / "sales").mkdir(parents=True)
    for name in ("all", "orders"):
        (tmp_path / "warehouse" / "sales" / f"{name}.csv").write_text("id\n1\n")
    (tmp_path / "warehouse" / "sales" / "broken.csv").write_bytes(content)
    done = run(site, tmp_path)
    said = done.stdout + done.stderr
    assert f"broken.csv {told}" in said
    assert mend in said
    records = [msgspec.json.decode(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    names = {record.get("name") or record.get("request", {}).get("name") for record in records}
    assert {"all", "orders"} <= names
    assert "broken" not in names


def test_a_folder_that_is_missing_fails_the_run(site: Path, tmp_path: Path) -> None:
    done = run(site, tmp_path)
    assert done.returncode != 0
    assert "warehouse is not there" in done.stdout + done.stderr
