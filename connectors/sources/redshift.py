"""Amazon Redshift: its SVV views, and what it has kept of Postgres 8's catalogue."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, ClassVar, Literal

from connectors.connector import OF_DATABASES, Capability, Connector, RunContext
from connectors.definition import FilterPattern, Unused
from connectors.families.database import database_topology
from connectors.families.database_options import DatabaseMetadata
from connectors.families.postgres.by_name import ByNameSource, Catalogue, composed, open_by_name
from connectors.families.postgres.checks_by_name import checks_of
from connectors.families.postgres.config import MainstreamConfig
from connectors.families.postgres.dialect import Dialect
from connectors.families.postgres.keys_by_name import KEYS

OWN = "substr(n.nspname, 1, 3) <> 'pg_' AND n.nspname NOT IN ('information_schema', 'catalog_history')"
DATABASES = """
    SELECT d.datname, NULL, u.usename, NOT d.datallowconn OR d.datistemplate
    FROM pg_database d LEFT JOIN pg_user u ON u.usesysid = d.datdba WHERE """
# What the constants in views are written by.
SETTINGS = ("BEGIN READ ONLY", "SET LOCAL datestyle = 'ISO, MDY'", "SET LOCAL timezone = 'UTC'")
# No question mixes the SVV views with others: what of them runs on the leader alone, and what not, is not told.
CATALOGUE = Catalogue(
    databases=DATABASES + "d.datname NOT IN ('padb_harvest', 'sys:internal') ORDER BY d.datname",
    database=DATABASES + "d.datname = current_database()",
    schemas=composed(
        """
        SELECT n.nspname, obj_description(n.oid, 'pg_namespace'), u.usename
        FROM pg_namespace n LEFT JOIN pg_user u ON u.usesysid = n.nspowner WHERE $own ORDER BY n.nspname""",
        own=OWN,
    ),
    schema="SELECT has_schema_privilege(n.nspname, 'USAGE') FROM pg_namespace n WHERE n.nspname = %s",
    counts=(
        composed("SELECT n.nspname, 0, 0 FROM pg_namespace n WHERE $own", own=OWN),
        """
        SELECT t.table_schema, count(*), 0 FROM svv_tables t
        WHERE t.table_type IN ('BASE TABLE', 'VIEW', 'EXTERNAL TABLE') AND substr(t.table_schema, 1, 3) <> 'pg_'
          AND t.table_schema NOT IN ('information_schema', 'catalog_history')
        GROUP BY t.table_schema""",
        composed(
            """
        SELECT n.nspname, 0, count(*) FROM pg_proc_info p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE $own GROUP BY n.nspname""",
            own=OWN,
        ),
    ),
    tables="""
        SELECT t.table_name,
               CASE t.table_type WHEN 'VIEW' THEN 'v' WHEN 'EXTERNAL TABLE' THEN 'f' ELSE 'r' END, NULL, t.remarks
        FROM svv_tables t
        WHERE t.table_schema = %s AND t.table_type IN ('BASE TABLE', 'VIEW', 'EXTERNAL TABLE') ORDER BY t.table_name""",
    owners="""
        SELECT c.relname, u.usename FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_user u ON u.usesysid = c.relowner WHERE n.nspname = %s""",
    materialized="""
        SELECT m.name FROM svv_mv_info m WHERE m.database_name = current_database() AND m.schema_name = %s""",
    # With the columns of views that are bound late.
    columns="""
        SELECT c.table_name, c.column_name,
               CASE WHEN c.character_maximum_length IS NOT NULL
                    THEN c.data_type || '(' || c.character_maximum_length || ')'
                    WHEN c.data_type IN ('numeric', 'decimal') AND c.numeric_precision IS NOT NULL
                    THEN c.data_type || '(' || c.numeric_precision || ',' || c.numeric_scale || ')'
                    ELSE c.data_type END,
               coalesce(c.is_nullable, 'YES') <> 'NO', c.remarks
        FROM svv_columns c WHERE c.table_schema = %s AND c.table_name BETWEEN %s AND %s
        ORDER BY c.table_name, c.ordinal_position""",
    external_columns="""
        SELECT e.tablename, e.columnname, e.external_type, coalesce(e.is_nullable, '') <> 'false', NULL, false,
               e.part_key > 0
        FROM svv_external_columns e WHERE e.schemaname = %s AND e.tablename BETWEEN %s AND %s
        ORDER BY e.tablename, e.columnnum""",
    keys=KEYS,
    views="""
        SELECT c.relname, pg_get_viewdef(c.oid, true) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relname BETWEEN %s AND %s AND c.relkind IN ('v', 'm') ORDER BY c.relname""",
    routines="""
        SELECT p.proname, i.prokind, l.lanname, p.prosrc, obj_description(p.oid, 'pg_proc'), u.usename,
               oidvectortypes(p.proargtypes)
        FROM pg_proc p JOIN pg_proc_info i ON i.prooid = p.oid JOIN pg_namespace n ON n.oid = p.pronamespace
        JOIN pg_language l ON l.oid = p.prolang LEFT JOIN pg_user u ON u.usesysid = p.proowner
        WHERE n.nspname = %s ORDER BY p.proname, p.oid""",
)


class RedshiftConfig(MainstreamConfig):
    """A Redshift cluster or workgroup, and which of its databases to read.

    `connectionOptions` and `connectionArguments` hold keywords of libpq.
    """

    dialect: ClassVar[Dialect] = Dialect("Redshift", oldest=0, settings=SETTINGS, binary=False)

    type: Literal["Redshift"] = "Redshift"
    scheme: Literal["redshift+psycopg2"] = "redshift+psycopg2"
    database_filter_pattern: FilterPattern = FilterPattern.all_but("^template1$")
    schema_filter_pattern: FilterPattern = FilterPattern.all_but("^information_schema$")
    # What stores a materialized view's rows.
    table_filter_pattern: FilterPattern = FilterPattern.all_but(r"^(?:.*\.)?mv_tbl__.*__\d+$")
    cluster_identifier: Annotated[str | None, Unused()] = None
    workgroup_name: Annotated[str | None, Unused()] = None
    supports_incremental_metadata_extraction: Annotated[bool, Unused()] = True
    supports_system_profile: Annotated[bool, Unused()] = False


@contextmanager
def open_source(context: RunContext[RedshiftConfig, DatabaseMetadata]) -> Generator[ByNameSource]:
    """The source of one run."""
    with open_by_name(context, CATALOGUE) as source:
        yield source


CONNECTOR = Connector(
    name="redshift",
    service_type="Redshift",
    config=RedshiftConfig,
    options=DatabaseMetadata,
    capabilities=OF_DATABASES - {Capability.TAGS, Capability.DDL},
    checks=checks_of(CATALOGUE),
    topology=database_topology(open_source),
    driver="psycopg",
    grants="GRANT USAGE ON SCHEMA <schema> TO <username>;\nALTER USER <username> SYSLOG ACCESS UNRESTRICTED;\n"
    "GRANT SELECT ON ALL TABLES IN SCHEMA <schema> TO <username>;  -- the SVV views show what a user may read:\n"
    "-- the rest is not listed, as if it were gone. With fewer rights set markDeletedTables to false.",
    tested="PostgreSQL 18 for what the two have in common, rows made by hand of the SVV views and of pg_proc_info; not "
    "on Redshift itself. Datashares of other clusters, DDL of tables and incremental reading are left out",
)
