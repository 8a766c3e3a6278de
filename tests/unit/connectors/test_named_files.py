"""Each key that names a file or a folder of this machine says so of a path that can be nobody's."""

from pathlib import Path
from typing import Any

import pytest

from connectors import registry
from connectors.definition import parse
from connectors.errors import ConfigurationError
from connectors.families.dbt.config import DbtArtefacts
from connectors.source_files import EVERY_FILE, SourceFiles

FEDERATED = {"audience": "a", "subjectTokenType": "b", "tokenURL": "https://sts.googleapis.com/v1/token"}
KEYS = ["databaseMode", "metastoreFilePath", "path", "credentialSource.file", "openAPISchemaFilePath",
        "dbtCatalogFilePath"]  # fmt: skip


def parsed(key: str, path: str, files: SourceFiles) -> object:
    """A connection with the path at that key."""
    connections: dict[str, tuple[str, dict[str, Any]]] = {
        "databaseMode": ("sqlite", {"databaseMode": path}),
        "metastoreFilePath": ("deltalake", {"configSource": {"connection": {"metastoreFilePath": path}}}),
        "path": ("bigquery", {"credentials": {"gcpConfig": {"path": path}}}),
        "credentialSource.file": (
            "bigquery",
            {"credentials": {"gcpConfig": {**FEDERATED, "credentialSource": {"file": path}}}},
        ),
        "openAPISchemaFilePath": ("rest", {"openAPISchemaConnection": {"openAPISchemaFilePath": path}}),
    }
    if key not in connections:
        given = {"dbtConfigType": "local", "dbtManifestFilePath": "manifest.json", key: path}
        return parse(DbtArtefacts, given, files=files)
    name, connection = connections[key]
    return parse(registry.usable(name).config, connection, files=files)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("path", ["x" * 5000, "a/" * 3000, "a\0b", "circle"], ids=["name", "whole", "null", "circle"])
def test_what_cannot_be_a_path_names_its_key_and_the_mend(key: str, path: str, tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for files in (SourceFiles((tmp_path,)), EVERY_FILE):
        with pytest.raises(ConfigurationError) as caught:
            parsed(key, f"{tmp_path}/{path}", files)
        [problem] = caught.value.problems
        assert key in str(problem)
        assert "is not a path that can be followed" in problem.message
        assert problem.message.endswith("; correct it")
        assert len(problem.message) < 500


@pytest.mark.parametrize("key", KEYS)
def test_a_path_of_nothing_is_left_to_the_run(key: str, tmp_path: Path) -> None:
    assert parsed(key, "not-there-yet", SourceFiles((tmp_path,)))
