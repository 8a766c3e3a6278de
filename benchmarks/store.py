"""A store of its own for measurements, with as many workflows or runs in it as are wanted, made inside the server."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psycopg
from sqlalchemy.engine import make_url

from service.database import migrate

WORKFLOWS = """
    with made as (
        insert into workflows (id, name, description, labels, enabled, schedule, policy, config, connector, revision,
                               tick_cursor)
        select gen_random_uuid(), %(name)s || '-' || n, '', '{}', true, cast(%(schedule)s as jsonb),
            w.policy || cast(%(policy)s as jsonb),
            jsonb_set(w.config, '{sink,config,filename}', to_jsonb(%(name)s || '-' || n || '.jsonl')), w.connector, 1,
            now()
        from workflows w cross join generate_series(1, %(count)s) n where w.name = %(pattern)s
        returning *
    ), kept as (
        insert into workflow_revisions (workflow_id, revision, snapshot)
        select m.id, 1, v.snapshot || jsonb_build_object('config', m.config)
        from made m join workflows w on w.name = %(pattern)s
        join workflow_revisions v on v.workflow_id = w.id and v.revision = w.revision
    )
    select pg_notify('headwater_workflows', '')"""
# A run a minute over all workflows, one in fifty failed; nothing else of theirs is kept.
RUNS = """
    insert into runs (id, workflow_id, workflow, connector, revision, trigger, scheduled_for, state, overlap, priority,
                      pool, policy, queued_at, available_at, started_at, finished_at, worker, attempt, token, counts)
    select gen_random_uuid(), w.id, w.name, w.connector, 1, 'schedule', t.at,
        case when n %% 50 = 0 then 'failed' else 'succeeded' end, 'skip', 0, 'default', w.policy, t.at, t.at,
        t.at, t.at + interval '20 seconds', 'bench', 1, 1,
        '{"written": 812, "unchanged": 0, "filtered": 3, "failed": 0, "deleted": 0,
          "byType": {"table": {"written": 800}}}'
    from (select *, row_number() over (order by id) - 1 as place, count(*) over () as total from workflows) w
    join generate_series(1, %(count)s) n on n %% w.total = w.place
    cross join lateral (select now() - n * interval '2 seconds' as at) t"""

LINE_CHARACTERS = 80
LINES = """
    insert into run_logs (run_id, attempt, at, level, logger, message)
    select id, 1, now(), 'INFO', 'connectors.runner', rpad('table shop.public.orders_' || n, %(characters)s, '.')
    from (select id from runs limit %(count)s / 20) r cross join generate_series(1, 20) n"""


def make_store(server: str, name: str) -> str:
    """The URL of a new, migrated store on that server."""
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"create database {name}".encode())
    url = make_url(server).set(database=name).render_as_string(hide_password=False)
    migrate.upgrade(url)
    return url


def empty_job(folder: Path) -> dict[str, Any]:
    """The config of a run that finds nothing but an empty SQLite database, and writes its few records to a file."""
    path = folder / "sources" / "empty.sqlite"
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as made:
        made.execute("pragma user_version = 1")  # without it the file has no byte, which is no database
    connection = {"type": "SQLite", "databaseMode": str(path)}
    return {
        "source": {
            "type": "sqlite",
            "serviceName": "empty",
            "serviceConnection": {"config": connection},
            "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
        },
        "sink": {"type": "file", "config": {"filename": "pattern.jsonl"}},
        "workflowConfig": {"loggerLevel": "WARN"},
    }


def add_pattern(api: httpx.Client, folder: Path) -> None:
    """The workflow `pattern`, which others are copies of."""
    api.post("/api/v1/workflows", json={"name": "pattern", "config": empty_job(folder)}).raise_for_status()


def add_workflows(
    store: str, name: str, count: int, schedule: Mapping[str, Any] | None, policy: Mapping[str, Any] | None = None
) -> None:
    """So many copies of the pattern with this schedule; the replicas are told."""
    values = {
        "name": name,
        "count": count,
        "pattern": "pattern",
        "schedule": None if schedule is None else json.dumps(schedule),
        "policy": json.dumps(policy or {}),
    }
    with psycopg.connect(store) as connection:
        connection.execute(WORKFLOWS, values)


def add_runs(store: str, count: int) -> None:
    """So many ended runs, dealt out to the workflows there are."""
    with psycopg.connect(store, autocommit=True) as connection:
        connection.execute(RUNS, {"count": count})
        connection.execute("vacuum analyze runs")


def add_lines(store: str, count: int) -> None:
    """So many log lines, twenty to a run."""
    with psycopg.connect(store, autocommit=True) as connection:
        connection.execute(LINES, {"count": count, "characters": LINE_CHARACTERS})
        connection.execute("vacuum analyze run_logs")
