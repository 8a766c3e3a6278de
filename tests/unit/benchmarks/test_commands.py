"""What the benchmarks' own commands say before they measure."""

import importlib
import sys
import tempfile
from pathlib import Path

import pytest

from benchmarks import documents
from tests.sharing import REPOSITORY

FILES = (REPOSITORY / "benchmarks").glob("*.py")
COMMANDS = sorted(file.stem for file in FILES if "def main()" in file.read_text(encoding="utf-8"))


class Measuring(Exception):
    """It began to measure."""


def measure(*_arguments: object) -> None:
    raise Measuring


@pytest.mark.parametrize("name", COMMANDS)
def test_who_asks_for_help_is_helped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    command = importlib.import_module(f"benchmarks.{name}")
    for begins in ("mkdtemp", "TemporaryDirectory"):
        monkeypatch.setattr(tempfile, begins, measure)
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 0
    assert "show this help message" in capsys.readouterr().out


def test_documents_are_named_before_they_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(documents, "cost", measure)
    monkeypatch.setattr(documents.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["benchmarks.documents", "rest"])
    with pytest.raises(Measuring):
        documents.main()
    assert "rest: a document of 2,000 and of 20,000 entities" in capsys.readouterr().out
