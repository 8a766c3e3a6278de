"""Incremental runs through the whole service: with recorded answers, so that they run on every machine."""

from typing import Any

import pytest

from tests.acceptance.api import Api, Json
from tests.acceptance.catalogues import TOKEN, Catalogue
from tests.eventually import eventually
from tests.golden.snowflake_answers import EARLIER, LATER, SHOP
from tests.recorded_snowflake import Recorded, recorded
from tests.snowflake import PASSWORD, connection

PIPELINE = "wh.nightly"


def config_of(port: int, catalogue: Catalogue, pipeline: str | None = PIPELINE) -> Json:
    options = {"type": "DatabaseMetadata", "includeTags": False, "incremental": {"enabled": True}}
    config: Json = {
        "source": {
            "type": "snowflake",
            "serviceName": "wh",
            "serviceConnection": {"config": connection(port, "SHOP", accountUsageSchema="SNOWFLAKE.ACCOUNT_USAGE")},
            "sourceConfig": {"config": options},
        },
        "sink": {"type": "metadata-rest", "config": {}},
        "workflowConfig": {
            "openMetadataServerConfig": {"hostPort": catalogue.host_port, "securityConfig": {"jwtToken": TOKEN}}
        },
    }
    return config | ({"ingestionPipelineFQN": pipeline} if pipeline else {})


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_later_run_takes_what_changed(api: Api, name: str, catalogue: Catalogue, isolation: str) -> None:
    tables = next(rows for pattern, rows in SHOP.items() if pattern.endswith("TABLES"))
    told = Recorded(dict(SHOP))
    catalogue.api.pipelines.add(PIPELINE)
    with recorded(told) as port:
        created = api.create(name, config_of(port, catalogue), policy={"isolation": isolation})
        assert (created["notes"], PASSWORD in str(created)) == ([], False)
        first = api.start(name)
        assert api.until(first, "succeeded")["counts"]["byType"]["table"] == {"written": 8}
        runs = catalogue.api.pipelines.of(PIPELINE, first)
        eventually(lambda: runs.states[-1:] == ["success"], "the server knows that it succeeded")
        changes: dict[str, dict[str, Any]] = {"PARTS": {"LAST_DDL": LATER}, "LAKE": {"LAST_DDL": EARLIER}}
        kept = [row | changes.get(row["TABLE_NAME"], {}) for row in tables if row["TABLE_NAME"] != "CLONED"]
        told.answers = {key: kept if key.endswith("TABLES") else said for key, said in SHOP.items()}
        second = api.until(api.start(name), "succeeded")
        [asked] = [each for each in told.asked if "COALESCE" in each]
        told.asked.clear()
        narrowed = {"source": {"sourceConfig": {"config": {"includeViews": False}}}}
        api.until(api.start(name, overrides=narrowed), "succeeded")
        fourth = api.until(api.start(name), "succeeded")
    assert not any("COALESCE" in each for each in told.asked), "nobody knows of what the third one left out"
    assert "by this definition: everything is read" in api.log(fourth["id"])
    counts = second["counts"]["byType"]["table"]
    assert (counts["unchanged"], counts["deleted"]) == (7, 1)
    assert "wh.SHOP.S.CLONED" not in catalogue.contents()["tables"]
    assert "what has not changed since" in api.log(second["id"])
    assert "TIMESTAMP_TZ" in asked


def test_without_a_pipeline_every_run_takes_everything(api: Api, name: str, catalogue: Catalogue) -> None:
    told = Recorded(SHOP)
    with recorded(told) as port:
        created = api.create(name, config_of(port, catalogue, None))
        assert created["notes"] == ["source.sourceConfig.config.incremental has no effect without ingestionPipelineFQN"]
        api.until(api.start(name), "succeeded")
        api.until(api.start(name), "succeeded")
    assert not any("COALESCE" in each for each in told.asked)
