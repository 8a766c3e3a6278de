"""Ticks that came while no replica was up: made up for as the workflow's policy says."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from tests.acceptance.api import config_of
from tests.acceptance.conftest import ClientOf, StartReplica
from tests.acceptance.sources import Source

POLICIES: Mapping[str, dict[str, Any]] = {
    "latest": {},
    "latest-too-late": {"misfireGraceSeconds": 60},
    "all": {"misfire": "all"},
    "all-bounded": {"misfire": "all", "catchUpLimit": 2},
    "none": {"misfire": "skip"},
}


def an_hour_passes(store: str) -> None:
    """Make the store as if nobody had looked at the schedules for an hour."""
    with psycopg.connect(store) as connection:
        connection.execute("update workflows set tick_cursor = tick_cursor - interval '1 hour'")


def test_missed_ticks_are_made_up_for_by_policy(
    start_replica: StartReplica, client_of: ClientOf, shop: Source, database_url: str
) -> None:
    first = start_replica(roles="api")
    api = client_of(first)
    now = datetime.now(UTC)
    config = config_of(shop.connection(), sink={"type": "file", "config": {"filename": "records.jsonl"}})
    schedule = {"intervalSeconds": 600, "anchor": (now - timedelta(seconds=2100)).isoformat()}
    for name, policy in POLICIES.items():
        api.create(name, config, schedule=schedule, policy=policy)
    api.create("once", config, schedule={"at": (now + timedelta(seconds=5)).isoformat()})
    first.kill()
    an_hour_passes(database_url)

    api = client_of(start_replica())
    wanted = {"latest": [300], "latest-too-late": [], "all": [2100, 1500, 900, 300], "all-bounded": [900, 300]}
    for name, ages in (wanted | {"once": [-5]}).items():
        runs = [api.until(run["id"], "succeeded") for run in api.some_runs(name, len(ages))]
        assert [(now - datetime.fromisoformat(run["scheduledFor"])).total_seconds() for run in runs] == ages
        assert {run["trigger"] for run in runs} <= {"schedule"}
    assert api.runs("none") == []
