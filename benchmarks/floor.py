"""What the same catalogue rows cost at the least: fetched with psycopg, at once, and dumped as JSON."""

import json
import resource
import time
from dataclasses import dataclass
from statistics import median
from string import Template

import psycopg

OWN = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
RELATIONS = """
    pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND $own
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition"""

# All that a run with includeDDL reads of the measured catalogue, and nothing that can be made of what it read.
SCHEMAS = """
    SELECT n.oid, n.nspname, obj_description(n.oid, 'pg_namespace'), pg_get_userbyid(n.nspowner)
    FROM pg_namespace n WHERE $own"""
TABLES = """
    SELECT c.oid, c.relnamespace, c.relname, c.relkind, obj_description(c.oid, 'pg_class'),
           pg_get_userbyid(c.relowner), c.reloptions, c.relpersistence, c.oid::regclass::text
    FROM $relations"""
COLUMNS = """
    SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull
    FROM pg_attribute a JOIN $relations ON c.oid = a.attrelid WHERE a.attnum > 0 AND NOT a.attisdropped"""
DEFAULTS = """
    SELECT a.attrelid, a.attnum, pg_get_expr(d.adbin, d.adrelid), a.attgenerated, a.attidentity
    FROM pg_attribute a JOIN $relations ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND (a.atthasdef OR a.attidentity <> '')"""
TYPES = """
    SELECT DISTINCT a.atttypid, a.atttypmod, format_type(a.atttypid, a.atttypmod)
    FROM pg_attribute a JOIN $relations ON c.oid = a.attrelid WHERE a.attnum > 0 AND NOT a.attisdropped"""
COMMENTS = """
    SELECT d.objoid, d.objsubid, d.description FROM pg_description d JOIN $relations ON c.oid = d.objoid
    WHERE d.classoid = 'pg_class'::regclass AND d.objsubid > 0"""
CONSTRAINTS = """
    SELECT k.conrelid, k.conname, k.contype, k.conkey, f.relnamespace, f.relname,
           ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = f.oid AND a.attnum = ANY (k.confkey)),
           pg_get_constraintdef(k.oid)
    FROM pg_constraint k JOIN $relations ON c.oid = k.conrelid LEFT JOIN pg_class f ON f.oid = k.confrelid
    WHERE k.contype IN ('p', 'u', 'x', 'c', 'f')"""
VIEWS = "SELECT c.oid, pg_get_viewdef(c.oid, true) FROM $relations WHERE c.relkind IN ('v', 'm')"
TIMES = 3
FLOOR = (SCHEMAS, TABLES, COLUMNS, DEFAULTS, TYPES, COMMENTS, CONSTRAINTS, VIEWS)


@dataclass(frozen=True, slots=True)
class Floor:
    """Seconds: `cpu` of this process, without the server's; `wall` with what the server takes to answer."""

    cpu: float
    wall: float


def floor_of(url: str) -> Floor:
    """What fetching and dumping cost: the middle of a few, as one of less than a second is off by a third."""
    measured = [_measured(url) for _ in range(TIMES)]
    return Floor(median(each.cpu for each in measured), median(each.wall for each in measured))


def _measured(url: str) -> Floor:
    """One; it holds everything at once, as no run may."""
    before, began = _own_cpu_seconds(), time.monotonic()
    with psycopg.connect(url) as connection:
        connection.execute("SET search_path = ''")
        json.dumps([_rows(connection, query) for query in FLOOR], default=str)
    return Floor(_own_cpu_seconds() - before, time.monotonic() - began)


def _rows(connection: psycopg.Connection, query: str) -> list[tuple[object, ...]]:
    for fragments in ({"relations": RELATIONS}, {"own": OWN}):
        query = Template(query).safe_substitute(fragments)
    return connection.execute(query.encode()).fetchall()


def _own_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
