"""dbt: what its artefacts say of the tables of a database service that is in the catalogue."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from connectors.connector import Capability, Check, Connector, RunContext
from connectors.families.dbt.artefacts import Reader
from connectors.families.dbt.checks import (
    STEP_SECONDS,
    check_catalog,
    check_manifest,
    check_run_results,
    check_sources,
)
from connectors.families.dbt.config import CONNECTION_PATH, DbtArtefacts, DbtMetadata
from connectors.families.dbt.walk import DbtWalk
from connectors.families.whole_files import LIMITS
from connectors.topology import Node


@contextmanager
def topology(context: RunContext[DbtArtefacts, DbtMetadata]) -> Generator[Node[None, Any]]:
    """The tree of one run over artefacts that are read at once, so that they belong together."""
    reader = Reader(context.connection, context.report, context.cancellation, LIMITS)
    walk = DbtWalk(context, reader.all())
    with walk.origins.telling():
        yield walk.topology()


CONNECTOR = Connector(
    name="dbt",
    service_type="Dbt",
    config=DbtArtefacts,
    options=DbtMetadata,
    capabilities=frozenset(
        {
            Capability.COMMENTS,
            Capability.DATA_MODELS,
            Capability.DATA_TESTS,
            Capability.LINEAGE,
            Capability.OWNERS,
            Capability.TAGS,
            Capability.TEST_RESULTS,
        }
    ),
    checks=tuple(
        Check(name, description, run, gate=gate, mandatory=True, timeout_seconds=STEP_SECONDS)
        for name, description, run, gate in (
            ("CheckAccess", "The manifest can be read", check_manifest, True),
            ("GetCatalog", "What the warehouse said of tables can be read", check_catalog, False),
            ("GetRunResults", "Results of tests can be read", check_run_results, False),
            ("GetSources", "Ages of sources can be read", check_sources, False),
        )
    ),
    topology=topology,
    connection_path=CONNECTION_PATH,
    grants="# to GET the artefacts, or for S3: s3:GetObject on them, s3:ListBucket to be told which are not there",
    tested="dbt Core 1.11 with dbt-duckdb (manifest v12, catalog v1, run results v6, sources v3); S3 by moto",
)
