"""A place for workers to work at."""

import sys
from pathlib import Path

import pytest

from service.database.engine import Database
from tests.integration.service.execution.replicas import Site, own_environ
from tests.plugins import installed_in


@pytest.fixture
def site(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A store and a folder, and the misbehaving connector installed."""
    path = installed_in(tmp_path / "plugins")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "plugins"), *sys.path])
    return Site(database, tmp_path, own_environ(PYTHONPATH=path))
