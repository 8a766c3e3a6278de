"""A Postgres catalogue of a given size, made inside the server so that making it takes seconds."""

from dataclasses import asdict, dataclass

import psycopg

# Commits now and then: the locks of a thousand new tables would not fit into one transaction.
TABLES = """
DO $build$
DECLARE
    schemas int := current_setting('bench.schemas');
    prefix text := current_setting('bench.prefix');
    columns int := current_setting('bench.columns');
    types text[] := '{text,varchar(80),integer,bigint,"numeric(12,2)",boolean,date,timestamptz,jsonb,uuid}';
    place text;
    listed text;
BEGIN
    FOR number IN 1 .. schemas LOOP
        EXECUTE format('CREATE SCHEMA %s_%s', prefix, to_char(number, 'FM0000'));
    END LOOP;
    FOR number IN 1 .. current_setting('bench.tables')::int LOOP
        place := format('%s_%s.table_%s', prefix, to_char((number - 1) % schemas + 1, 'FM0000'),
                        to_char(number, 'FM000000'));
        SELECT string_agg(format('column_%s %s%s', to_char(c, 'FM000'), types[c % 10 + 1],
                                 CASE WHEN c % 3 = 0 THEN ' NOT NULL' ELSE '' END), ', ' ORDER BY c)
        INTO listed FROM generate_series(3, columns) c;
        EXECUTE format('CREATE TABLE %s (id bigint PRIMARY KEY, parent_id bigint, %s)', place, listed);
        EXECUTE format('COMMENT ON TABLE %s IS %L', place, 'Table number ' || number);
        EXECUTE format('COMMENT ON COLUMN %s.parent_id IS %L', place, 'The one before');
        IF number > schemas AND number % 5 = 0 THEN
            EXECUTE format('ALTER TABLE %s ADD FOREIGN KEY (parent_id) REFERENCES %s_%s.table_%s (id)', place, prefix,
                           to_char((number - 2) % schemas + 1, 'FM0000'), to_char(number - 1, 'FM000000'));
        END IF;
        IF number % 50 = 0 THEN
            COMMIT;
        END IF;
    END LOOP;
END
$build$
"""
VIEWS = """
DO $build$
DECLARE
    schemas int := current_setting('bench.schemas');
    prefix text := current_setting('bench.prefix');
    place text;
BEGIN
    FOR number IN 1 .. least(current_setting('bench.views')::int, current_setting('bench.tables')::int) LOOP
        place := to_char((number - 1) % schemas + 1, 'FM0000');
        EXECUTE format('CREATE VIEW %3$s_%1$s.view_%2$s AS SELECT t.*, upper(t.id::text) AS shown '
                       'FROM %3$s_%1$s.table_%2$s t', place, to_char(number, 'FM000000'), prefix);
        IF number % 50 = 0 THEN
            COMMIT;
        END IF;
    END LOOP;
END
$build$
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is; `columns` is at least 3. The schemas are called `prefix` and a number."""

    tables: int = 1000
    columns: int = 20
    views: int = 100
    schemas: int = 10
    prefix: str = "bench"

    @property
    def schema_names(self) -> list[str]:
        """What the schemas are called, as in TABLES."""
        return [f"{self.prefix}_{number:04}" for number in range(1, self.schemas + 1)]


def build(conninfo: str, size: Size) -> None:
    """Add this much to a database: the tables and views are dealt out evenly to the schemas.

    Every table has a key and two comments, every fifth a foreign key.
    """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        for name, value in asdict(size).items():
            connection.execute("SELECT set_config(%s, %s, false)", (f"bench.{name}", str(value)))
        connection.execute(TABLES)
        connection.execute(VIEWS)
        connection.execute("ANALYZE pg_catalog.pg_class, pg_catalog.pg_attribute, pg_catalog.pg_constraint")
