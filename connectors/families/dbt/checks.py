"""The steps of a test: each of the artefacts can be read, and is of a version that is known."""

from connectors.cancellation import Cancellation
from connectors.families.dbt.artefacts import Catalog, Reader, RunResults, SourceResults
from connectors.families.dbt.config import DbtArtefacts
from connectors.families.dbt.project import WITH_TABLES
from connectors.families.whole_files import AT_ONCE
from connectors.report import Report

STEP_SECONDS = 60.0


def check_manifest(config: DbtArtefacts) -> str:
    """Read the manifest, and count what is in it."""
    manifest = _reader(config).manifest()
    models = sum(each.partition(".")[0] in WITH_TABLES for each in manifest.nodes)
    tests = sum(each.startswith("test.") for each in manifest.nodes)
    by = f"by dbt {manifest.metadata.dbt_version}"
    return f"{models} models, {len(manifest.sources)} sources, {tests} tests, {len(manifest.exposures)} exposures, {by}"


def check_catalog(config: DbtArtefacts) -> str:
    """Read the catalogue, if there is one."""
    catalog = _reader(config).other("catalog", Catalog)
    if catalog is None:
        return "none is given: names of tables are those of the manifest"
    return f"{len(catalog.nodes) + len(catalog.sources)} tables"


def check_run_results(config: DbtArtefacts) -> str:
    """Read the results, if there are any."""
    results = _reader(config).other("run_results", RunResults)
    return "none are given: tests have no results" if results is None else f"{len(results.results)} results"


def check_sources(config: DbtArtefacts) -> str:
    """Read the ages of sources, if there are any."""
    sources = _reader(config).other("sources", SourceResults)
    return "none are given: the age of sources is not told" if sources is None else f"{len(sources.results)} sources"


def _reader(config: DbtArtefacts) -> Reader:
    return Reader(config, Report(), Cancellation(STEP_SECONDS), AT_ONCE)
