"""Superset: its server over one dashboard of two charts on two data sets."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.plain_http import NO_TLS
from tests.sharing import free_port
from tests.systems import FOLDER, program, running

USERNAME, PASSWORD = "reader", "superset-pw"
CONFIG = """
import os

SECRET_KEY = "a key that is long enough for a test, and no more than that"
SQLALCHEMY_DATABASE_URI = "sqlite:///" + os.environ["SUPERSET_HOME"] + "/superset.db?check_same_thread=false"
FEATURE_FLAGS = {"TAGGING_SYSTEM": True}
"""
CONTENT = """
import json

from superset.app import create_app

app = create_app()
with app.app_context():
    from superset import db, security_manager
    from superset.connectors.sqla.models import SqlaTable, SqlMetric, TableColumn
    from superset.models.core import Database
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice
    from superset.tags.models import Tag, TaggedObject

    reader = security_manager.find_user("reader")
    shop = Database(database_name="The shop", sqlalchemy_uri="postgresql://reader@db:5432/shop")
    orders = SqlaTable(
        table_name="orders", schema="public", database=shop, description="One row for each order.", owners=[reader],
        columns=[
            TableColumn(column_name="id", type="BIGINT"),
            TableColumn(column_name="note", type="VARCHAR(40)", description="What they said.", verbose_name="Note"),
            TableColumn(column_name="tags", type="MAP(VARCHAR, INTEGER)"),
            TableColumn(column_name="gross", type="NUMERIC(10, 2)", expression="net * 1.2"),
        ],
        metrics=[SqlMetric(metric_name="total", expression="sum(gross)", description="All money.")],
    )
    daily = SqlaTable(
        table_name="daily orders", schema="public", database=shop,
        sql="select created::date as day, count(*) as n from public.orders group by 1",
        columns=[TableColumn(column_name="day", type="DATE"), TableColumn(column_name="n", type="BIGINT")],
    )
    db.session.add_all([shop, orders, daily])
    db.session.flush()
    charts = [
        Slice(
            slice_name=name, viz_type=kind, datasource_id=table.id, datasource_type="table", owners=owners,
            description=text, params=json.dumps({"viz_type": kind}),
        )
        for name, kind, table, owners, text in (
            ("Orders by day", "echarts_timeseries_line", daily, [reader], "How many."),
            ("All orders", "table", orders, [], None),
            ("Nowhere", "big_number_total", orders, [], None),
        )
    ]
    for chart in charts:
        chart.datasource_name = chart.slice_name
    board = Dashboard(
        dashboard_title="Sales: all > of \\"it\\"", slug="sales", published=True, owners=[reader], slices=charts[:2],
    )
    draft = Dashboard(dashboard_title="A draft", published=False)
    db.session.add_all([*charts, board, draft])
    db.session.flush()
    tag = Tag(name="night.ly", type="custom")
    db.session.add(tag)
    db.session.flush()
    db.session.add(TaggedObject(tag_id=tag.id, object_id=board.id, object_type="dashboard"))
    db.session.commit()
"""


def prepare() -> Path:
    """A folder with the database, made once for each text of its content."""
    key = hashlib.sha256(f"{CONFIG}{CONTENT}".encode()).hexdigest()[:8]
    home = FOLDER / "superset" / f"home-{key}"
    if (home / "ready").exists():
        return home
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / "superset_config.py").write_text(CONFIG, encoding="utf-8")
    (home / "content.py").write_text(CONTENT, encoding="utf-8")
    person = ["--username", USERNAME, "--firstname", "Rea", "--lastname", "Der", "--email", "reader@shop.example"]
    superset = program("superset", "superset")
    for command in (
        [superset, "db", "upgrade"],
        [superset, "init"],
        [superset, "fab", "create-admin", *person, "--password", PASSWORD],
        [program("superset", "python"), str(home / "content.py")],
    ):
        done = subprocess.run(
            command, check=False, cwd=home, env=os.environ | _environment(home), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-2000:]
    (home / "ready").touch()
    return home


@contextmanager
def start(folder: Path) -> Generator[dict[str, str]]:
    """A server of this process's own; see tests.sharing."""
    home = folder / "home"
    shutil.copytree(prepare(), home)
    port = str(free_port())
    address = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            return httpx.get(f"{address}/health", verify=NO_TLS).is_success
        except httpx.TransportError:
            return False

    command = [program("superset", "superset"), "run", "-h", "127.0.0.1", "-p", port, "--with-threads"]
    with running(command, folder / "server", ready, _environment(home)):
        yield {"address": address, "username": USERNAME, "password": PASSWORD}


def _environment(home: Path) -> dict[str, str]:
    return {
        "FLASK_APP": "superset",
        "SUPERSET_HOME": str(home),
        "SUPERSET_CONFIG_PATH": str(home / "superset_config.py"),
        "PYTHONWARNINGS": "ignore",
    }
