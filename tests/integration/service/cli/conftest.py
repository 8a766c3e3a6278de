"""The command `headwater` called in this process."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from service.cli import main
from tests.plugins import installed_in


class Said(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    installed_in(tmp_path / "plugins")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "plugins"), *sys.path])
    for name in [name for name in os.environ if name.startswith("HEADWATER_")]:
        monkeypatch.delenv(name)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    own = {name: logging.getLogger(name).level for name in ("service", "connectors")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    for name, former in own.items():
        logging.getLogger(name).setLevel(former)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command."""

    def call(*arguments: object) -> Said:
        try:
            code = main(list(map(str, arguments)))
        except SystemExit as end:  # argparse
            code = end.code if isinstance(end.code, int) else 1
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call


def definition(folder: Path, behaviour: str = "list", name: str = "shop.yaml", **fields: Any) -> Path:
    """A definition of the misbehaving connector that writes to a file."""
    connection = {"behaviour": behaviour, "folder": str(folder), **fields}
    source = {"type": "misbehaving", "serviceName": "svc", "serviceConnection": {"config": connection}}
    sink = {"type": "file", "config": {"filename": str(folder / "out.jsonl")}}
    file = folder / name
    file.write_text(yaml.safe_dump({"source": source, "sink": sink}))
    return file
