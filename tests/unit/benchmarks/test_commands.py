"""What the benchmarks' own commands say before they measure."""

import sys
from pathlib import Path

import pytest

from benchmarks import documents, start


class Measuring(Exception):
    """It began to measure."""


def measure(*_arguments: object) -> None:
    raise Measuring


def test_who_asks_for_help_is_helped(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(start, "source", measure)
    monkeypatch.setattr(sys, "argv", ["benchmarks.start", "--help"])
    with pytest.raises(SystemExit) as ended:
        start.main()
    assert ended.value.code == 0
    assert "Measure starts" in capsys.readouterr().out


def test_documents_are_named_before_they_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(documents, "cost", measure)
    monkeypatch.setattr(documents.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["benchmarks.documents", "rest"])
    with pytest.raises(Measuring):
        documents.main()
    assert "rest: a document of 2,000 and of 20,000 entities" in capsys.readouterr().out
