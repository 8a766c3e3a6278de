"""What the same catalogue rows cost at the least: fetched with psycopg, at once, and dumped as JSON."""

import json
import resource

import psycopg

FLOOR = (
    """select c.oid, n.nspname, c.relname, c.relkind, obj_description(c.oid, 'pg_class')
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname like 'bench%' and c.relkind in ('r', 'v')""",
    """select a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           col_description(a.attrelid, a.attnum)
       from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
       where n.nspname like 'bench%' and a.attnum > 0 and c.relkind in ('r', 'v')""",
    "select conrelid, conname, pg_get_constraintdef(oid) from pg_constraint where conrelid <> 0",
    """select c.oid, pg_get_viewdef(c.oid) from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname like 'bench%' and c.relkind = 'v'""",
)


def floor_cpu_seconds(url: str) -> float:
    """CPU of fetching and dumping, without the server's; it holds everything at once, as no run may."""
    before = _own_cpu_seconds()
    with psycopg.connect(url) as connection:
        json.dumps([connection.execute(query).fetchall() for query in FLOOR], default=str)
    return _own_cpu_seconds() - before


def _own_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
