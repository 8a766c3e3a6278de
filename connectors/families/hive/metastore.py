"""What the family asks, answered by the tables of Hive's metastore, as they are since Hive 2.

`$NAME` is a table of the metastore, `"NAME"` a column, `$own` what OWN is. Details are asked for a range of the tables'
ids, ordered by them in their first column.
"""

import logging
import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol

from connectors.cancellation import Cancellation
from connectors.definition import CONNECTION_CONFIG
from connectors.errors import ConnectorError
from connectors.families.certificates import certificate_files
from connectors.families.database_source import Database, Routine, Schema, Table, Tag
from connectors.families.hidden_tables import refuse_hidden
from connectors.families.hive.config import HiveConfig
from connectors.families.hive.tables import Described, Row
from connectors.families.mysql import session as mysql
from connectors.families.mysql.config import MysqlConfig
from connectors.families.mysql.source import quoted as in_mysql
from connectors.families.postgres import session as postgres
from connectors.families.postgres.config import PostgresConfig
from connectors.report import Report

PIECE_TABLES = 500
logger = logging.getLogger(__name__)
PATH = f"{CONNECTION_CONFIG}.metastoreConnection."
# Metastores since Hive 3 may have other catalogues, whose schemas may have the same names. Those before have no
# CTLG_NAME: there it is the one of `o`, which stands further outside.
OWN = """(
    SELECT a.* FROM $DBS a CROSS JOIN (SELECT 'hive' AS "CTLG_NAME") o
    WHERE EXISTS (SELECT 1 FROM $DBS i WHERE i."DB_ID" = a."DB_ID" AND "CTLG_NAME" = 'hive')
)"""
ALL = "SELECT COUNT(*) FROM $DBS"
SCHEMAS = 'SELECT "NAME", "DESC", "OWNER_NAME" FROM $own d ORDER BY "NAME"'
SCHEMA = 'SELECT COUNT(*) FROM $own d WHERE "NAME" = %s'
COUNTS = 'SELECT d."NAME", COUNT(*) FROM $TBLS t JOIN $own d ON d."DB_ID" = t."DB_ID" GROUP BY d."NAME"'
TABLES = """
    SELECT t."TBL_ID", t."TBL_NAME" FROM $TBLS t JOIN $own d ON d."DB_ID" = t."DB_ID"
    WHERE d."NAME" = %s ORDER BY t."TBL_ID"
"""
OF_PIECE = """
    FROM $TBLS t JOIN $own d ON d."DB_ID" = t."DB_ID" {}
    WHERE d."NAME" = %s AND t."TBL_ID" BETWEEN %s AND %s
"""
KINDS = f"""
    SELECT t."TBL_ID", t."TBL_TYPE", t."OWNER", t."VIEW_ORIGINAL_TEXT" {OF_PIECE.format("")} ORDER BY t."TBL_ID"
"""
COLUMNS = f"""
    SELECT t."TBL_ID", c."COLUMN_NAME", c."TYPE_NAME", c."COMMENT"
    {OF_PIECE.format('JOIN $SDS s ON s."SD_ID" = t."SD_ID" JOIN $COLUMNS_V2 c ON c."CD_ID" = s."CD_ID"')}
    ORDER BY t."TBL_ID", c."INTEGER_IDX"
"""
PARTITIONS = f"""
    SELECT t."TBL_ID", k."PKEY_NAME", k."PKEY_TYPE", k."PKEY_COMMENT"
    {OF_PIECE.format('JOIN $PARTITION_KEYS k ON k."TBL_ID" = t."TBL_ID"')} ORDER BY t."TBL_ID", k."INTEGER_IDX"
"""
PARAMETERS = f"""
    SELECT t."TBL_ID", p."PARAM_KEY", p."PARAM_VALUE"
    {OF_PIECE.format('JOIN $TABLE_PARAMS p ON p."TBL_ID" = t."TBL_ID"')}
      AND (p."PARAM_KEY" IN ('comment', 'table_type') OR p."PARAM_KEY" LIKE 'spark.sql.sources.%%')
    ORDER BY t."TBL_ID"
"""


class Store(Protocol):
    """The database that the metastore lies in."""

    def rows(self, subject: str, query: str, *parameters: object) -> list[Row]:
        """All rows of one question; `subject` says in errors what was being read."""
        ...


class PostgresStore:
    """A metastore in Postgres, in the schema `public`."""

    def __init__(self, config: PostgresConfig, sessions: postgres.Sessions) -> None:
        self._database = config.database
        self._sessions = sessions

    def rows(self, subject: str, query: str, *parameters: object) -> list[Row]:
        """See Store."""
        with self._sessions.snapshot(self._database, subject) as snapshot:
            return snapshot.rows(re.sub(r"\$(\w+)", r'public."\1"', query.replace("$own", OWN)), parameters or None)


class MysqlStore:
    """A metastore in MySQL or MariaDB."""

    def __init__(self, config: MysqlConfig, sessions: mysql.Sessions) -> None:
        self._schema = in_mysql(str(config.database_schema))
        self._sessions = sessions

    def rows(self, subject: str, query: str, *parameters: object) -> list[Row]:
        """See Store."""
        quoted = query.replace("$own", OWN).replace('"', "`")
        own = re.sub(r"\$(\w+)", lambda found: f"{self._schema}.`{found[1]}`", quoted)
        return self._sessions.rows(subject, own, parameters)


class MetastoreSource:
    """One run's view of a metastore; of one schema it holds the names, and of some tables all there is."""

    lists_all_databases = False

    def __init__(self, config: HiveConfig, store: Store) -> None:
        self._config = config
        self._store = store

    def databases(self) -> Iterable[Database]:
        """The one database, once the metastore has answered."""
        own = len(self._store.rows("the list of schemas", SCHEMAS))
        [(count,)] = self._store.rows("the list of schemas", ALL)
        if count > own:
            logger.warning("%d schemas of other catalogues than hive are left out of the metastore", count - own)
        return [Database(self._config.database_name, in_part=self._config.database_schema is not None)]

    def counts(self, database: str) -> Mapping[str, Mapping[str, int]]:
        """How many tables lie in each schema."""
        found = {str(name): int(count) for name, count in self._store.rows("the counts of tables", COUNTS)}
        return {schema.name: {"table": found.get(schema.name, 0)} for schema in self.schemas(database)}

    def tags(self, _database: str) -> Iterable[Tag]:
        """There are none."""
        return ()

    def schemas(self, _database: str) -> list[Schema]:
        """The schemas, or the one of the definition."""
        only = self._config.database_schema
        rows = self._store.rows("the list of schemas", SCHEMAS)
        found = [Schema(str(name), comment or None, owner or None) for name, comment, owner in rows]
        if only is None:
            return found
        if not any(schema.name == only.lower() for schema in found):
            message = f"there is no schema {only} in the metastore"
            raise ConnectorError(message, "correct databaseSchema")
        return [schema for schema in found if schema.name == only.lower()]

    def tables(self, _database: str, schema: str) -> Iterator[Table]:
        """The tables and views of one schema."""
        subject = f"the tables of schema {schema}"
        [(there,)] = self._store.rows(subject, SCHEMA, schema)
        if not there:
            message = f"schema {schema} was dropped during the run"
            raise ConnectorError(message)
        listed = [(int(number), str(name)) for number, name in self._store.rows(subject, TABLES, schema)]
        hidden: list[str] = []
        for first in range(0, len(listed), PIECE_TABLES):
            piece = listed[first : first + PIECE_TABLES]
            found = self._piece(subject, schema, piece)
            for number, name in piece:
                described = found.get(number)
                if described is None:
                    continue  # it was dropped since it was listed
                if described.columns:
                    yield described.table(schema, name)
                else:
                    hidden.append(name)
        refuse_hidden(schema, hidden, "GRANT SELECT on all tables of the metastore to the user of metastoreConnection")

    def routines(self, _database: str, _schema: str) -> Iterable[Routine]:
        """There are none that have a text."""
        return ()

    def _piece(self, subject: str, schema: str, piece: Sequence[tuple[int, str]]) -> dict[int, Described]:
        about = (schema, piece[0][0], piece[-1][0])

        def ask(query: str) -> Mapping[int, list[Row]]:
            rows = self._store.rows(subject, query, *about)
            return {int(number): list(group) for number, group in groupby(rows, key=itemgetter(0))}

        kinds, columns, keys, parameters = ask(KINDS), ask(COLUMNS), ask(PARTITIONS), ask(PARAMETERS)
        found: dict[int, Described] = {}
        for number, [(_, kind, owner, query)] in kinds.items():
            parts = _fields(keys.get(number, []))
            found[number] = Described(
                kind=str(kind),
                columns=_fields(columns.get(number, [])) + parts,
                partitioned=[name for name, _, _ in parts],
                owner=owner or None,
                query=query or None,
                parameters={str(key): str(value or "") for _, key, value in parameters.get(number, [])},
            )
        return found


def _fields(rows: Iterable[tuple[Any, ...]]) -> list[tuple[str, str, str | None]]:
    return [(str(name), str(kind), comment or None) for _, name, kind, comment in rows]


@contextmanager
def opened_store(
    given: PostgresConfig | MysqlConfig, threads: int, report: Report, cancellation: Cancellation
) -> Generator[Store]:
    """The store that `metastoreConnection` leads to; one session for each thread and one for the listings above."""
    if isinstance(given, MysqlConfig):
        with certificate_files(given.certificates, PATH) as files:
            sessions = mysql.Sessions(given, files, report, cancellation)
            try:
                yield MysqlStore(given, sessions)
            finally:
                sessions.close()
        return
    with certificate_files(given.ssl_config, PATH) as files:
        of_postgres = postgres.Sessions(given, files, threads + 1, report, cancellation)
        try:
            yield PostgresStore(given, of_postgres)
        finally:
            of_postgres.close()
