"""A real Apache Airflow whose DAG of docs/airflow.md runs workflows here and waits for their ends."""

import json
import re
import secrets
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import systems
from tests.acceptance.api import Api, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.conftest import ClientOf, StartReplica
from tests.acceptance.processes import environment_with
from tests.acceptance.sources import Source
from tests.eventually import eventually
from tests.sharing import REPOSITORY
from tests.systems import airflow

DOCUMENT = REPOSITORY / "docs" / "airflow.md"
DAG = re.compile(r"```python\n(.+?)```", re.DOTALL)
EVERY, OFTEN = "poke_interval=10,", "poke_interval=0.2,"
PATIENCE, LIMIT = 200, 600
pytestmark = pytest.mark.timeout(LIMIT)


@dataclass(frozen=True)
class DagRun:
    """One run of the DAG, and what Airflow has logged of it."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """So far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def says(self, text: str) -> None:
        """Wait for a text."""

        def look() -> bool:
            said = self.said()
            assert text in said or self.process.poll() is None, f"no {text!r} in {said[-5000:]}"
            return text in said

        eventually(look, f"Airflow says {text!r}", PATIENCE)


@pytest.fixture
def api(start_replica: StartReplica, client_of: ClientOf) -> Api:
    """A service that asks for keys, as its administrator sees it."""
    systems.require("airflow")
    key = secrets.token_hex(16)
    client = client_of(start_replica(admin_key=key))
    client.http.headers["Authorization"] = f"Bearer {key}"
    return client


@contextmanager
def dag_run(api: Api, workflow: str, home: Path) -> Generator[DagRun]:
    """`airflow dags test`, with an operator's key: a whole run of the DAG, without the process of a scheduler."""
    [source] = DAG.findall(DOCUMENT.read_text(encoding="utf-8"))
    assert source.count(EVERY) == 1
    airflow.copy_to(home)
    (home / "dags" / "shop.py").unlink()
    (home / "dags" / "headwater_dag.py").write_text(source.replace(EVERY, OFTEN), encoding="utf-8")
    key = api.post("/keys", {"name": "airflow", "role": "operator"})["key"]
    connection = json.dumps({"conn_type": "http", "host": api.url, "password": key})
    settings = environment_with({**airflow.environment(home), "AIRFLOW_CONN_HEADWATER": connection})
    program = systems.program("airflow", "airflow")
    command = [program, "dags", "test", "headwater", "--conf", json.dumps({"workflow": workflow})]
    log = home / "output.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=home, env=settings, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            yield DagRun(process, log)
        finally:
            process.kill()
    assert key not in log.read_text(encoding="utf-8", errors="replace")


def test_a_dag_starts_a_workflow_and_waits_for_its_end(
    api: Api, name: str, shop: Source, catalogue: Catalogue, tmp_path: Path
) -> None:
    catalogue.hold()
    api.create(name, config_of(shop.connection(), catalogue))
    with dag_run(api, name, tmp_path / "airflow") as dag:
        dag.says("is running")
        [run] = api.runs(name)
        assert run["state"] == "running"
        catalogue.release()
        dag.says(f"Run {run['id']} is succeeded")
        assert dag.process.wait(PATIENCE) == 0, dag.said()[-5000:]
    assert api.run(run["id"])["state"] == "succeeded"
    assert [row["actor"] for row in api.get("/audit", resource=f"runs/{run['id']}")["data"]] == ["airflow"]


def test_a_run_that_fails_fails_the_dag(
    api: Api, name: str, shop: Source, catalogue: Catalogue, tmp_path: Path
) -> None:
    wrong = shop.connection(authType={"password": "not-the-password"})
    api.create(name, config_of(wrong, catalogue), policy={"maxAttempts": 1})
    with dag_run(api, name, tmp_path / "airflow") as dag:
        dag.says("password authentication failed")
        assert dag.process.wait(PATIENCE) != 0
    [run] = api.runs(name)
    assert (run["state"], f"run {run['id']} is failed" in dag.said()) == ("failed", True)
