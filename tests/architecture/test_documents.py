"""What the documents name is there."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from service.settings import Settings
from service.settings.environment import variable
from tests.sharing import REPOSITORY

DOCUMENTS = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")])
TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+)")
LINK = re.compile(r"\]\(([\w./-]+)\)")


def name_of(document: Path) -> str:
    return document.name


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_test_that_is_named_exists(document: Path) -> None:
    missing = [f"{path}::{name}" for path, name in TEST.findall(document.read_text()) if name not in defined_in(path)]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_file_that_is_linked_exists(document: Path) -> None:
    links: list[str] = LINK.findall(document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_readme_has_every_setting() -> None:
    text = (REPOSITORY / "README.md").read_text()
    assert [name for name in map(variable, Settings.model_fields) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("package", ["service", "connectors"])
def test_the_architecture_has_the_layers_of_the_contracts(package: str) -> None:
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract.get("containers") == [package]]
    text = " ".join((REPOSITORY / "docs" / "architecture.md").read_text().split())
    assert f"{package}: {' > '.join(layers)}" in text


@cache
def defined_in(path: str) -> set[str]:
    file = REPOSITORY / path
    tree = ast.parse(file.read_text()) if file.is_file() else ast.Module([], [])
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
