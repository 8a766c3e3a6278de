"""docs/openmetadata.md leaves out no key and no route, and names a test for each of its rows."""

import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel

from connectors.definition import OpenMetadataConnection, Source, WorkflowConfig, WorkflowDefinition
from connectors.families.api import ApiMetadata
from connectors.families.dashboard_options import DashboardMetadata
from connectors.families.database_options import DatabaseMetadata, OwnerConfig
from connectors.families.dbt.config import DbtArtefacts, DbtMetadata
from connectors.families.messaging import MessagingMetadata
from connectors.families.mlmodel import MlModelMetadata
from connectors.families.pipeline_options import LineageInformation, PipelineMetadata
from connectors.families.search import SearchMetadata
from connectors.models.kinds import REQUESTS
from connectors.sources.s3 import ManifestPlace, ManifestSource, S3Metadata
from service.api.pipeline_client import probes, routes
from service.api.pipeline_client.pipelines import AirflowConfig, IngestionPipeline
from tests.architecture.test_documents import TEST
from tests.sharing import REPOSITORY
from tests.unit.connectors.test_connection_keys import KEYS

PAGE = (REPOSITORY / "docs" / "openmetadata.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([^`\n]+)`")
WORDS = {word for code in CODE.findall(PAGE) for word in re.split(r"\W+", code)}
# They stand there as `supports…` and `.include…`.
GROUPED = re.compile(r"supports\w+|include[A-Z]\w+")
MODELS: list[type[BaseModel]] = [
    WorkflowDefinition, Source, WorkflowConfig, OpenMetadataConnection, DatabaseMetadata, OwnerConfig, PipelineMetadata,
    LineageInformation, SearchMetadata, AirflowConfig, IngestionPipeline, DbtArtefacts, DbtMetadata, ApiMetadata,
    DashboardMetadata, MessagingMetadata, MlModelMetadata, S3Metadata, ManifestSource, ManifestPlace,
]  # fmt: skip


def untested_rows() -> Iterator[str]:
    """Rows of tables with a column for tests that name none."""
    within = False
    for line in PAGE.splitlines():
        within = line.endswith("| test |") or (within and line.startswith("|"))
        if within and not line.endswith("| test |") and set(line) - set("|-") and not TEST.search(line):
            yield line


def test_every_row_names_its_test() -> None:
    assert list(untested_rows()) == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_of_a_definition_is_there(model: type[BaseModel]) -> None:
    keys = {info.alias or name for name, info in model.model_fields.items()}
    if model is OpenMetadataConnection:
        keys = {key for key in keys if not GROUPED.fullmatch(key)}
    assert sorted(keys - WORDS) == []


@pytest.mark.parametrize("kind", KEYS)
def test_every_key_of_a_connection_is_there(kind: str) -> None:
    names = {re.sub(r"[(=].*", "", name) for path in KEYS[kind] for name in path.split(".")}
    assert sorted(name for name in names - WORDS if not name.startswith("supports")) == []


def test_every_collection_is_there() -> None:
    named = "\n".join(CODE.findall(PAGE))
    assert [kind.collection for kind in REQUESTS if not kind.joins and kind.collection not in named] == []


def test_every_route_of_the_contract_is_there() -> None:
    offered = {
        f"{method} {route.path}"
        for router in (probes.everybody, probes.router, routes.router)
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert (len(offered), sorted(offered - set(CODE.findall(PAGE)))) == (14, [])
