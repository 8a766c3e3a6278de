"""A stand-in of BigQuery with so many tables in one dataset, answered by arithmetic."""

import re
from collections.abc import Callable, Mapping
from typing import Any

COLUMNS = 20
TYPES = ("INT64", "STRING(20)", "STRUCT<a INT64, b ARRAY<STRING>>", "TIMESTAMP")
PAGE_OF_TABLES = 1000
PROJECT, DATASET = "bench", "s"
BASE = f"/bigquery/v2/projects/{PROJECT}"
VIEW = re.compile(r"INFORMATION_SCHEMA\.(\w+)")
SqlRow = list[Any]


def table(n: int) -> str:
    """A table's name."""
    return f"t{n:07}"


def column(n: int) -> SqlRow:
    """A row of COLUMNS."""
    place = n % COLUMNS
    return [table(n // COLUMNS), f"c{place}", TYPES[place % len(TYPES)], "YES" if place else "NO"]


def field(n: int) -> SqlRow:
    """A row of COLUMN_FIELD_PATHS: half of the columns are described."""
    return [table(n // (COLUMNS // 2)), f"c{2 * (n % (COLUMNS // 2))}", "what it is", []]


# How many rows there are for each table, and what they are.
VIEWS: Mapping[str, tuple[int, Callable[[int], SqlRow]]] = {
    "TABLES": (1, lambda n: [table(n), None]),
    "COLUMNS": (COLUMNS, column),
    "COLUMN_FIELD_PATHS": (COLUMNS // 2, field),
    "TABLE_OPTIONS": (1, lambda n: [table(n), "description", '"a table"']),
    "KEY_COLUMN_USAGE": (1, lambda n: [table(n), "k", "PRIMARY KEY", "c0", None, None, None, None]),
}


def answer(path: str, query: Mapping[str, list[str]], body: Mapping[str, Any] | None, size: int) -> dict[str, Any]:
    """What is said to one request."""
    first = int(query.get("pageToken", ["0"])[0])
    if path == "/token":
        return {"access_token": "token", "expires_in": 3600, "token_type": "Bearer"}
    if path == f"{BASE}/datasets":
        datasets = [{"datasetReference": {"datasetId": DATASET}, "location": "US"}]
        return {"kind": "bigquery#datasetList", "datasets": datasets}
    if path.endswith("/tables"):
        rows = [listed(n) for n in range(first, min(first + PAGE_OF_TABLES, size))]
        page = {"kind": "bigquery#tableList", "tables": rows, "totalItems": size}
        return page | following("nextPageToken", first + PAGE_OF_TABLES, size)
    if "/queries" not in path:
        return {}
    found = VIEW.search(body["query"] if body else "")
    view = found[1] if found else path.rpartition("/")[2]
    per_table, row = VIEWS[view]
    most = int(body["maxResults"] if body else query["maxResults"][0])
    rows = [{"f": [{"v": value} for value in row(n)]} for n in range(first, min(first + most, per_table * size))]
    job = {"projectId": PROJECT, "jobId": view, "location": "US"}
    return {"jobComplete": True, "jobReference": job, "rows": rows} | following(
        "pageToken", first + most, per_table * size
    )


def listed(n: int) -> dict[str, Any]:
    """A table in the list."""
    return {
        "tableReference": {"projectId": PROJECT, "datasetId": DATASET, "tableId": table(n)},
        "type": "TABLE",
        "creationTime": "1795572000000",
        "labels": {"team": f"team{n % 10}"},
        "timePartitioning": {"type": "DAY", "field": "c3"},
    }


def following(key: str, begin: int, size: int) -> dict[str, str]:
    """The token of the next page, if there is one."""
    return {key: str(begin)} if begin < size else {}
