"""Stand-ins of systems with so many entities, answered by arithmetic."""

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks import bigquery_api
from benchmarks.answering import Server

MOMENT = "2026-11-25T02:00:00Z"
SECONDS = 1795572000.0
TASKS = 5
Query = Mapping[str, list[str]]
Answer = dict[str, Any] | list[Any] | str | int
NUMBER = re.compile(r"\d+")
BOUND = re.compile(r"col:id,opr:(gt|lt),value:(\d+)")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    path: str
    query: Query
    body: Any


def last_number(text: str) -> int:
    """The last number in a name."""
    return int(NUMBER.findall(text)[-1])


def window(rows: Callable[[int], Any], size: int, first: int, most: int) -> list[Any]:
    """A page."""
    return [rows(n) for n in range(first, min(first + most, size))]


def airflow(asked: Asked, size: int) -> Answer:
    """Airflow 3: each DAG with five tasks and one run, and an asset that it writes."""
    path, query = asked.path.removeprefix("/api/v2"), asked.query
    first, most = (int(query.get(key, ["100"])[0]) for key in ("offset", "limit"))
    if path == "/version":
        return {"version": "3.3.2"}
    if path == "/dags":
        rows = window(lambda n: {"dag_id": f"d{n:06}", "owners": ["ada"], "tags": [{"name": "a"}]}, size, first, most)
        return {"dags": rows, "total_entries": size}
    if path.endswith("/tasks"):
        following = [[f"t{n + 1}"] if n + 1 < TASKS else [] for n in range(TASKS)]
        return {"tasks": [{"task_id": f"t{n}", "downstream_task_ids": each} for n, each in enumerate(following)]}
    if path == "/assets":
        return {
            "assets": window(airflow_asset, size, first, most),
            "total_entries": size,
        }
    begin, dags = asked.body["page_offset"], asked.body["dag_ids"]
    per_dag = TASKS if "taskInstances" in path else 1
    found = [(dags[n // per_dag], f"t{n % per_dag}") for n in range(begin, min(begin + 100, per_dag * len(dags)))]
    common = {"dag_run_id": "r", "state": "success", "start_date": MOMENT}
    key = "task_instances" if per_dag > 1 else "dag_runs"
    return {
        key: [{"dag_id": dag, "task_id": task, **common} for dag, task in found],
        "total_entries": per_dag * len(dags),
    }


def airflow_asset(n: int) -> dict[str, Any]:
    """What one DAG writes and the next one reads."""
    return {
        "id": n,
        "uri": f"postgres://db/shop/public/t{n}",
        "producing_tasks": [{"dag_id": f"d{n:06}"}],
        "consuming_tasks": [{"dag_id": f"d{n + 1:06}"}],
    }


def mlflow(asked: Asked, size: int) -> Answer:
    """MLflow: each model with three versions, each of its own run with ten parameters and metrics."""
    path = asked.path.removeprefix("/api/2.0/mlflow")
    first, most = (int(asked.query.get(key, ["0"])[0]) for key in ("page_token", "max_results"))
    if path == "/registered-models/search":
        return paged(
            "registered_models", lambda n: {"name": f"m{n:06}", "latest_versions": [version(3 * n)]}, size, first, most
        )
    if path == "/model-versions/search":
        return paged("model_versions", version, 3 * size, first, most)
    if path == "/version":
        return "3.17.2"
    if path == "/experiments/search":
        return {"experiments": [{"experiment_id": "0"}]}
    if path == "/runs/search":
        return {"runs": [mlflow_run(run) for run in re.findall(r"r\d+", asked.body["filter"])]}
    return "signature: {inputs: '[" + ",".join(f'{{"type": "double", "name": "f{n}"}}' for n in range(10)) + "]'}"


def paged(key: str, row: Callable[[int], Any], size: int, first: int, most: int) -> dict[str, Any]:
    """A page whose token is a place in the listing."""
    page = {key: window(row, size, first, most)}
    return {**page, "next_page_token": str(first + most)} if first + most < size else page


def version(n: int) -> dict[str, Any]:
    """The n-th version of all."""
    name, run = f"m{n // 3:06}", f"r{n}"
    return {"name": name, "version": str(3 - n % 3), "run_id": run, "source": f"runs:/{run}/model", "status": "READY"}


def mlflow_run(run: str) -> dict[str, Any]:
    """A run."""
    params = [{"key": f"p{n}", "value": "1"} for n in range(10)]
    metrics = [{"key": f"m{n}", "value": 0.5} for n in range(10)]
    return {"info": {"run_id": run, "user_id": "ada"}, "data": {"params": params, "metrics": metrics}}


def superset(asked: Asked, size: int) -> Answer:
    """Superset: as many data sets of ten columns as charts, and a dashboard for every ten of them."""
    path = asked.path.removeprefix("/api/v1")
    if path == "/security/login":
        return {"access_token": "token"}
    if path.endswith("/connection"):
        return {"result": {"sqlalchemy_uri": "postgresql://db/shop"}}
    if path.startswith("/dataset/") and path != "/dataset/":
        return {"result": {"columns": [{"column_name": f"c{n}", "type": "VARCHAR(40)"} for n in range(10)]}}
    [query] = asked.query["q"]
    most = int(NUMBER.findall(query)[1])
    bounds = {name: int(number) for name, number in BOUND.findall(query)}
    kinds: dict[str, tuple[Callable[[int], Any], int]] = {
        "/dataset/": (data_set, size),
        "/chart/": (chart, size),
        "/dashboard/": (lambda n: {"id": n, "dashboard_title": f"Board {n}", "published": True}, size // 10),
    }
    row, count = kinds[path]
    first, end = bounds.get("gt", -1) + 1, min(bounds.get("lt", count), count)
    return {"count": max(0, end - first), "result": window(row, end, first, most)}


def data_set(n: int) -> dict[str, Any]:
    """A table."""
    return {"id": n, "table_name": f"t{n}", "schema": "public", "database": {"id": 1}}


def chart(n: int) -> dict[str, Any]:
    """A chart of one data set on one dashboard."""
    of = {"datasource_id": n, "datasource_type": "table", "dashboards": [{"id": n // 10}]}
    return {"id": n, "slice_name": f"Chart {n}", "viz_type": "pie", **of}


def dagster(asked: Asked, size: int) -> Answer:
    """Dagster: repositories of a thousand jobs, each with five ops, one run and an asset that the next one reads."""
    query, variables = asked.body["query"], asked.body["variables"]
    if "workspaceOrError" in query:
        places = [f"l{n}" for n in range(-(-size // 1000))]
        loaded = {"__typename": "RepositoryLocation", "repositories": [{"name": "r"}]}
        entries = [{"name": place, "locationOrLoadError": loaded} for place in places]
        return {"data": {"workspaceOrError": {"__typename": "Workspace", "locationEntries": entries}}}
    if "__type(" in query:
        return {"data": {"__type": {"fields": [{"name": "owners"}]}}}
    if "repositoryOrError" in query:
        first = 1000 * last_number(variables["at"]["repositoryLocationName"])
        numbers = range(first, min(first + 1000, size))
        jobs = [{"name": f"j{n}"} for n in numbers]
        found = {"jobs": jobs} if "jobs {" in query else {"assetNodes": [asset(n) for n in numbers]}
        return {"data": {"repositoryOrError": {"__typename": "Repository", **found}}}
    ops = [{"handleID": f"o{n}", "solid": {"definition": {"__typename": "SolidDefinition"}}} for n in range(TASKS)]
    tags = [{"key": "team", "value": "a"}]
    steps = [{"stepKey": f"o{n}", "status": "SUCCESS", "startTime": SECONDS} for n in range(TASKS)]
    run = {"runId": "r", "status": "SUCCESS", "startTime": SECONDS, "stepStats": steps}
    asked_for = [key for key in variables if key.startswith("job")]
    runs = {
        key.replace("job", "runs"): {"__typename": "Runs", "results": [run]}
        for key in asked_for
        if "since" in variables
    }
    return {
        "data": {**{key: {"__typename": "Pipeline", "tags": tags, "solidHandles": ops} for key in asked_for}, **runs}
    }


def asset(n: int) -> dict[str, Any]:
    """What a job makes of what the one before made."""
    before = [{"path": ["shop", "public", f"t{n - 1}"]}] if n % 1000 else []
    return {"assetKey": {"path": ["shop", "public", f"t{n}"]}, "dependencyKeys": before, "jobNames": [f"j{n}"]}


def prefect(asked: Asked, size: int) -> Answer:
    """Prefect: each flow with a deployment and one run of five tasks."""
    path, body = asked.path.removeprefix("/api"), asked.body
    if path == "/admin/version":
        return '"3.8.8"'
    if path == "/flows/count":
        return size
    if path == "/flows/filter":
        return window(lambda n: {"id": f"f{n}", "name": f"flow {n:06}"}, size, body["offset"], body["limit"])
    if path == "/deployments/filter":
        return [{"id": f"d{of}", "name": "d", "flow_id": of, "tags": ["a"]} for of in body["flows"]["id"]["any_"]]
    if path == "/flow_runs/filter":
        [flow] = body["flows"]["id"]["any_"]
        return [{"id": f"r-{flow}", "flow_id": flow, "state_type": "COMPLETED", "start_time": MOMENT}]
    [run] = body["flow_runs"]["id"]["any_"]
    return [{"id": f"{run}-{n}", "flow_run_id": run, "task_key": f"t{n}", "start_time": MOMENT} for n in range(TASKS)]


def opensearch(asked: Asked, size: int) -> Answer:
    """OpenSearch: each index with twenty fields, a quarter of which are indexed in another way, too."""
    if asked.path == "/_resolve/index/*":
        return {"indices": [{"name": f"i{n:06}", "attributes": ["open"]} for n in range(size)], "data_streams": []}
    settings = {"index": {"number_of_shards": "1", "number_of_replicas": "1", "creation_date": "1795572000000"}}
    # Names of fields differ, or answers would be one like another.
    return {
        name: {"aliases": {}, "mappings": {"properties": index_fields(name)}, "settings": settings}
        for name in asked.path.removeprefix("/").split(",")
    }


def index_fields(index: str) -> dict[str, Any]:
    """The fields of one index."""
    raw = {"fields": {"raw": {"type": "keyword", "ignore_above": 256}}}
    fields: dict[str, Any] = {f"{index}_{n}": {"type": "text", **({} if n % 4 else raw)} for n in range(18)}
    return {**fields, "customer": {"properties": {"name": {"type": "keyword"}}}}


def bigquery(asked: Asked, size: int) -> Answer:
    """BigQuery: tables of twenty columns, some of them nested, half of them described."""
    return bigquery_api.answer(asked.path, asked.query, asked.body, size)


SYSTEMS: Mapping[str, Callable[[Asked, int], Answer]] = {
    "airflow": airflow,
    "bigquery": bigquery,
    "dagster": dagster,
    "mlflow": mlflow,
    "opensearch": opensearch,
    "prefect": prefect,
    "superset": superset,
}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    system: Callable[[Asked, int], Answer]
    size: int

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Quiet."""

    def do_GET(self) -> None:
        """A question."""
        parts = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        asked = Asked(parts.path, parse_qs(parts.query), json.loads(raw) if raw.startswith(b"{") else None)
        answer = type(self).system(asked, self.size)
        body = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """The same."""
        self.do_GET()


def main() -> None:
    """Serve until it is ended; the first line that it prints is its port."""
    parser = argparse.ArgumentParser("python -m benchmarks.services_api", description=__doc__)
    parser.add_argument("system", choices=sorted(SYSTEMS), help="whose API is answered")
    parser.add_argument("size", type=int, help="how many entities it has")
    given = parser.parse_args()
    handler = type("Bound", (Handler,), {"system": staticmethod(SYSTEMS[given.system]), "size": given.size})
    server = Server(handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
