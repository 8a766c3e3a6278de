"""Lineage of columns: dbt does not tell it, but the SQL that it compiled does."""

import importlib.util
import logging
import threading
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

from connectors.cancellation import Cancellation
from connectors.families.dbt.nodes import Relation
from connectors.families.dbt.project import Project
from connectors.families.dbt.query_columns import Answer, KnownTable, Question
from connectors.families.dbt.query_process import QueryProcess
from connectors.models.lineage import ColumnLineage
from connectors.models.names import child_fqn, encode_name
from connectors.report import Report

ENTITY = "columnLineage"
PARSER = "sqlglot"
MOST_CHARACTERS = 1_000_000
NOT_UNDERSTOOD = "what their SQL says of columns cannot be told; lines of the level INFO say why"
# The dialects of SQL, by the types of dbt's adapters.
DIALECTS: Mapping[str, str] = {
    "athena": "athena", "bigquery": "bigquery", "clickhouse": "clickhouse", "databricks": "databricks",
    "doris": "doris", "dremio": "dremio", "duckdb": "duckdb", "exasol": "exasol", "fabric": "fabric",
    "greenplum": "postgres", "hive": "hive", "mariadb": "mysql", "materialize": "materialize", "mysql": "mysql",
    "mysql5": "mysql", "oracle": "oracle", "postgres": "postgres", "redshift": "redshift",
    "risingwave": "risingwave", "singlestore": "singlestore", "snowflake": "snowflake", "spark": "spark",
    "sqlite": "sqlite", "sqlserver": "tsql", "starrocks": "starrocks", "synapse": "tsql", "teradata": "teradata",
    "trino": "trino",
}  # fmt: skip
logger = logging.getLogger(__name__)
ByTable = Mapping[str, tuple[ColumnLineage, ...]]


class ColumnOrigins:
    """One run's, used by several threads. What it cannot tell is counted, and fails nothing."""

    def __init__(self, project: Project, seconds: float, report: Report, cancellation: Cancellation) -> None:
        self._project = project
        self._seconds = seconds
        self._report = report
        self._process = QueryProcess(cancellation)
        self._adapter = project.artefacts.manifest.metadata.adapter_type or "unknown"
        self._installed = importlib.util.find_spec(PARSER) is not None
        self._lock = threading.Lock()
        self._left_out: Counter[str] = Counter()

    @contextmanager
    def telling(self) -> Generator[None]:
        """While inside, columns can be asked for; at the end, each reason for leaving any out is told once."""
        try:
            yield
        finally:
            self._process.close()
            for reason, count in self._left_out.items():
                logger.warning("lineage of columns is left out for %d tables: %s", count, reason)

    def of(self, unique_id: str, row: Relation) -> ByTable:
        """Of the columns of a node's table, by the fully qualified names of the tables that they are made of.

        Only columns that the warehouse has, as dbt's catalogue tells; empty where nothing can be told.

        Raises:
            RunCancelled: The run was told to stop.
        """
        columns, sql = self._columns(unique_id), row.compiled_code
        if not columns or not sql or row.language not in (None, "sql"):
            return {}
        reason = self._obstacle(sql)
        if reason is not None:
            return self._without(reason)
        origins = {
            each: KnownTable(relation, known)
            for each in self._project.behind(row.depends_on.nodes)
            if (known := self._columns(each)) and (relation := self._project.written(each))
        }
        asked = Question(sql, DIALECTS[self._adapter], tuple(origins.values()), columns, self._seconds)
        told = self._process.answer(asked)
        if told.error is not None:
            logger.info("the SQL of %s tells nothing of its columns: %s", unique_id, told.error)
            return self._without(NOT_UNDERSTOOD)
        return self._by_table(self._project.tables[unique_id].fqn, tuple(origins), told)

    def _obstacle(self, sql: str) -> str | None:
        """Why a query cannot be asked about."""
        if self._adapter not in DIALECTS:
            return f"the SQL of dbt's adapter {self._adapter} is not known"
        if not self._installed:
            return "nothing that reads SQL is installed: pip install 'headwater[dbt]'"
        return f"their SQL has more than {MOST_CHARACTERS:,} characters" if len(sql) > MOST_CHARACTERS else None

    def _without(self, reason: str) -> ByTable:
        self._report.counted(ENTITY, "filtered")
        with self._lock:
            self._left_out[reason] += 1
        return {}

    def _columns(self, unique_id: str) -> tuple[str, ...]:
        known = self._project.in_warehouse(unique_id)
        return () if known is None else tuple(known.columns)

    def _by_table(self, target: str, origins: Sequence[str], told: Answer) -> ByTable:
        found: dict[str, list[ColumnLineage]] = {}
        for column, made_of in told.columns.items():
            names: dict[str, list[str]] = {}
            for each in made_of:
                table = self._project.tables[origins[each.table]].fqn
                names.setdefault(table, []).append(child_fqn(table, encode_name(each.column)))
            for table, from_columns in names.items():
                to_column = child_fqn(target, encode_name(column))
                edge = ColumnLineage(from_columns=tuple(from_columns), to_column=to_column)
                found.setdefault(table, []).append(edge)
        return {table: tuple(edges) for table, edges in found.items()}
