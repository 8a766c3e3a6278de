"""The job that is measured: all of a Postgres database, to a stand-in of the catalogue."""

import time
from typing import Any

import httpx
from psycopg.conninfo import conninfo_to_dict

from benchmarks.running import PATIENCE_SECONDS

LOOK_SECONDS = 1.0  # looks are answered by the process that is measured: at five a second they were 6 % of its CPU


def definition(name: str, url: str, catalogue: str, threads: int) -> dict[str, Any]:
    """What is run: all of a database, to the stand-in."""
    place = conninfo_to_dict(url)
    connection = {
        "type": "Postgres",
        "username": place["user"],
        "authType": {"password": place["password"]},
        "hostPort": f"{place['host']}:{place.get('port', 5432)}",
        "database": place["dbname"],
    }
    return {
        "source": {
            "type": "postgres",
            "serviceName": name,
            "serviceConnection": {"config": connection},
            "sourceConfig": {"config": {"type": "DatabaseMetadata", "includeDDL": True, "threads": threads}},
        },
        "sink": {"type": "metadata-rest", "config": {}},
        "workflowConfig": {
            "openMetadataServerConfig": {
                "hostPort": catalogue,
                "authProvider": "openmetadata",
                "securityConfig": {"jwtToken": "bench"},
            }
        },
    }


def ended(api: httpx.Client, workflow: str) -> dict[str, Any]:
    """Run a workflow now; the run when it has succeeded."""
    run_path = api.post(f"/api/v1/workflows/{workflow}/runs", json={}).raise_for_status().headers["Location"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (run := api.get(run_path).json())["finishedAt"] is None and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    if run["state"] != "succeeded":
        message = f"the figures would be those of another job: {run['state']} {run['error'] or ''}"
        raise SystemExit(message)
    return run
