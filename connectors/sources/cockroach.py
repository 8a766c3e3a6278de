"""CockroachDB 22.2 and newer: what it has of Postgres's catalogue, its own column types, and its statements."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import ClassVar, Literal

from connectors.connector import OF_DATABASES, Capability, Connector, RunContext
from connectors.families.database import database_topology
from connectors.families.database_options import DatabaseMetadata
from connectors.families.postgres.by_name import ByNameSource, Catalogue, composed, open_by_name
from connectors.families.postgres.checks_by_name import checks_of
from connectors.families.postgres.config import ServerConfig
from connectors.families.postgres.dialect import Dialect
from connectors.families.postgres.keys_by_name import KEYS

OWN = """substr(n.nspname, 1, 3) <> 'pg_' AND n.nspname NOT IN ('information_schema', 'crdb_internal')"""
DATABASES = """
    SELECT d.datname, shobj_description(d.oid, 'pg_database'), pg_get_userbyid(d.datdba),
           NOT d.datallowconn OR d.datistemplate OR NOT has_database_privilege(d.oid, 'CONNECT')
    FROM pg_database d WHERE """
# Of what texts depend on, what there is to be set: dates are ISO's whatever is said.
SETTINGS = ("BEGIN READ ONLY", "SET LOCAL intervalstyle = 'postgres'", "SET LOCAL timezone = 'UTC'")
NAMED = "n.nspname = %s AND c.relname BETWEEN %s AND %s"
CATALOGUE = Catalogue(
    databases=DATABASES + "d.datname <> 'system' ORDER BY d.datname",
    database=DATABASES + "d.datname = current_database()",
    schemas=composed(
        """
        SELECT n.nspname, obj_description(n.oid, 'pg_namespace'), pg_get_userbyid(n.nspowner)
        FROM pg_namespace n WHERE $own ORDER BY n.nspname""",
        own=OWN,
    ),
    schema="SELECT has_schema_privilege(n.oid, 'USAGE') FROM pg_namespace n WHERE n.nspname = %s",
    counts=(
        composed(
            """
        SELECT n.nspname, coalesce(t.tables, 0), coalesce(r.routines, 0) FROM pg_namespace n
        LEFT JOIN (SELECT c.relnamespace, count(*) AS tables FROM pg_class c WHERE c.relkind IN ('r', 'v', 'm')
                   GROUP BY 1) t ON t.relnamespace = n.oid
        LEFT JOIN (SELECT p.pronamespace, count(*) AS routines FROM pg_proc p GROUP BY 1) r ON r.pronamespace = n.oid
        WHERE $own""",
            own=OWN,
        ),
    ),
    tables="""
        SELECT c.relname, c.relkind, pg_get_userbyid(c.relowner), obj_description(c.oid, 'pg_class')
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relkind IN ('r', 'v', 'm') ORDER BY c.relname""",
    # Without the column `rowid` of a table that has no key.
    columns="""
        SELECT c.table_name, c.column_name, c.crdb_sql_type, c.is_nullable = 'YES', c.column_comment,
               c.data_type = 'USER-DEFINED'
        FROM information_schema.columns c
        WHERE c.table_schema = %s AND c.table_name BETWEEN %s AND %s AND c.is_hidden = 'NO'
        ORDER BY c.table_name, c.ordinal_position""",
    keys=KEYS,
    views=composed(
        """
        SELECT c.relname, pg_get_viewdef(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE $named AND c.relkind IN ('v', 'm') ORDER BY c.relname""",
        named=NAMED,
    ),
    routines="""
        SELECT p.proname, p.prokind, l.lanname, p.prosrc, obj_description(p.oid, 'pg_proc'),
               pg_get_userbyid(p.proowner), oidvectortypes(p.proargtypes)
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace LEFT JOIN pg_language l ON l.oid = p.prolang
        WHERE n.nspname = %s ORDER BY p.proname, p.oid""",
    statements="""
        SELECT s.descriptor_name, s.create_statement FROM crdb_internal.create_statements s
        WHERE s.database_name = current_database() AND s.descriptor_type = 'table' AND s.schema_name = %s
          AND s.descriptor_name BETWEEN %s AND %s ORDER BY s.descriptor_name""",
    statements_advice="set includeDDL to false or, since 25.4, ALTER ROLE <username> SET allow_unsafe_internals = on",
)


class CockroachConfig(ServerConfig):
    """A CockroachDB cluster, and which of its databases to read.

    `connectionOptions` and `connectionArguments` hold keywords of libpq.
    """

    dialect: ClassVar[Dialect] = Dialect("CockroachDB", settings=SETTINGS)

    type: Literal["Cockroach"] = "Cockroach"
    scheme: Literal["cockroachdb+psycopg2"] = "cockroachdb+psycopg2"
    database_schema: str | None = None


@contextmanager
def open_source(context: RunContext[CockroachConfig, DatabaseMetadata]) -> Generator[ByNameSource]:
    """The source of one run."""
    with open_by_name(context, CATALOGUE, context.connection.database_schema) as source:
        yield source


CONNECTOR = Connector(
    name="cockroach",
    service_type="Cockroach",
    config=CockroachConfig,
    options=DatabaseMetadata,
    capabilities=OF_DATABASES - {Capability.TAGS},
    checks=checks_of(CATALOGUE),
    topology=database_topology(open_source),
    driver="psycopg",
    grants="GRANT CONNECT ON DATABASE <database> TO <username>;\nGRANT USAGE ON SCHEMA <schema> TO <username>;\n"
    "GRANT SELECT ON <schema>.* TO <username>;  -- columns are shown to those who may read them",
    tested="PostgreSQL 18 for what the two have in common, rows made by hand of crdb_internal and of the columns that "
    "information_schema.columns has more; not on CockroachDB itself. Partitions and row-level-security policies are "
    "not read",
)
