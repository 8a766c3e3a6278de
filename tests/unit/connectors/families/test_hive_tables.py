"""What DESCRIBE FORMATTED and DESCRIBE DATABASE tell, as Hive words it; Spark's words are tested on Spark."""

from collections.abc import Mapping
from importlib import import_module

import pytest

from connectors.cancellation import Cancellation
from connectors.errors import ConnectorError, FatalError, SourceUnavailable
from connectors.families.database_source import Schema
from connectors.families.hive.config import HiveConfig
from connectors.families.hive.failures import connect_failure, query_failure
from connectors.families.hive.server import OF_DATABASE, HiveServerSource
from connectors.families.hive.session import Sessions
from connectors.families.hive.tables import first_of, formatted
from connectors.families.spark_schema import Told, spark_columns
from connectors.models.database import TableType
from connectors.report import Report


class Answers(Sessions):
    """Answers by hand; where it has none, the server refuses."""

    def __init__(self, answers: Mapping[str, list[tuple[str, ...]]]) -> None:
        super().__init__(HiveConfig.model_validate({"hostPort": "hive:10000"}), {}, Report(), Cancellation())
        self._answers = answers

    def rows(self, subject: str, query: str) -> list[tuple[str, ...]]:
        if query not in self._answers:
            message = f"{subject}: permission denied"
            raise ConnectorError(message)
        return self._answers[query]


PARTITIONED = [
    ("# col_name            ", "data_type           ", "comment             "),
    ("", None, None),
    ("id", "int", ""),
    ("doc", "struct<a:int,b:array<string>>", "from deserializer"),
    ("", None, None),
    ("# Partition Information", None, None),
    ("# col_name            ", "data_type           ", "comment             "),
    ("day", "date", "when"),
    ("", None, None),
    ("# Detailed Table Information", None, None),
    ("Database:           ", "shop                ", None),
    ("OwnerType:          ", "USER                ", None),
    ("Owner:              ", "ada                 ", None),
    ("Table Type:         ", "MANAGED_TABLE       ", None),
    ("Table Parameters:", None, None),
    ("", "comment             ", "what happened       "),
    ("", "transient_lastDdlTime", "1700000000          "),
    ("", None, None),
    ("# Storage Information", None, None),
    ("Compressed:         ", "No                  ", None),
]
VIEW = [
    ("# col_name", "data_type", "comment"),
    ("id", "bigint", ""),
    ("", None, None),
    ("# Detailed Table Information", None, None),
    ("Table Type:", "VIRTUAL_VIEW", None),
    ("", None, None),
    ("# View Information", None, None),
    ("View Original Text:", "select id from customer", None),
    ("View Expanded Text:", "select `customer`.`id` from `shop`.`customer`", None),
]


def test_a_schema_that_may_not_be_looked_at_keeps_no_other_back() -> None:
    told = {"SHOW DATABASES": [("a",), ("b",)], "DESCRIBE DATABASE EXTENDED `b`": [("b", "the second", "", "ada")]}
    source = HiveServerSource(HiveConfig.model_validate({"hostPort": "hive:10000"}), Answers(told))
    assert list(source.schemas("default")) == [Schema("a"), Schema("b", "the second", "ada")]
    with pytest.raises(ConnectorError, match="the tables of schema a: permission denied"):
        list(source.tables("default", "a"))


SPARK = {"spark.sql.sources.schema": '{"fields":[{"name":"id","type":"long"}]}'}


@pytest.mark.parametrize(
    ("provider", "told", "columns"),
    [
        ("delta", [("id", "int", None)], [("id", "long", None)]),
        ("json", [("col", "array<string>", "from deserializer")], [("id", "long", None)]),
        ("parquet", [("id", "bigint", None), ("new", "int", None)], [("id", "bigint", None), ("new", "int", None)]),
        ("", [("col", "array<string>", None)], [("col", "array<string>", None)]),
    ],
)
def test_columns_that_hive_cannot_read_are_as_spark_wrote_them(
    provider: str, told: list[Told], columns: list[Told]
) -> None:
    assert spark_columns({**SPARK, "spark.sql.sources.provider": provider}, told) == columns
    assert spark_columns({"spark.sql.sources.provider": provider}, told) == told, "nothing was written"


def test_a_partitioned_table() -> None:
    found = formatted(PARTITIONED)
    assert found.columns == [
        ("id", "int", None),
        ("doc", "struct<a:int,b:array<string>>", None),
        ("day", "date", "when"),
    ]
    table = found.table("shop", "event", lambda: "CREATE TABLE event")
    assert (table.type, table.owner, table.description) == (TableType.PARTITIONED, "ada", "what happened")
    assert table.partition is not None
    assert [part.column_name for part in table.partition.columns] == ["day"]
    assert table.ddl is not None
    assert [child.name for child in table.columns[1].children or ()] == ["a", "b"]


def test_a_view() -> None:
    table = formatted(VIEW).table("shop", "big`view")
    assert table.type is TableType.VIEW
    assert table.definition == "CREATE VIEW `shop`.`big``view` AS select id from customer"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("EXTERNAL_TABLE", TableType.EXTERNAL), ("MATERIALIZED_VIEW", TableType.MATERIALIZED_VIEW),
        ("MANAGED", TableType.REGULAR), ("SOMETHING_NEW", TableType.REGULAR),
    ],
)  # fmt: skip
def test_kinds(kind: str, expected: TableType) -> None:
    assert (
        formatted([("a", "int", ""), ("# Detailed Table Information", "", ""), ("Table Type:", kind, "")]).type
        is expected
    )


def test_iceberg_is_named() -> None:
    rows = [("# Detailed Table Information", "", ""), ("Table Parameters:", None, None), ("", "table_type", "ICEBERG")]
    assert formatted([("a", "int", ""), *rows]).type is TableType.ICEBERG


def test_databases() -> None:
    hive = [("shop", "the shop", "hdfs://nn/wh", "ada", "USER", "")]
    spark = [("Comment", "the shop"), ("Owner", "ada")]
    expected = {"Comment": "the shop", "Owner": "ada"}
    assert first_of(hive, OF_DATABASE) == first_of(spark, OF_DATABASE) == expected


CONFIG = HiveConfig.model_validate({"hostPort": "hive:10000", "username": "reader"})


@pytest.mark.parametrize(
    ("text", "kind", "advice"),
    [
        ("Error validating the login", FatalError, "correct username, password and auth"),
        ("Could not connect to any of [('10.0.0.1', 10000)]", SourceUnavailable, "see whether hostPort hive:10000"),
    ],
)
def test_failed_connections(text: str, kind: type[ConnectorError], advice: str) -> None:
    failure = connect_failure(OSError(text), CONFIG)
    assert type(failure) is kind
    assert advice in str(failure.advice)


@pytest.mark.parametrize(
    ("text", "kind", "advice"),
    [
        ("SemanticException Table not found event", ConnectorError, "next run settles it"),
        ("HiveAccessControlException Permission denied: user [reader]\n  at trace", ConnectorError, "GRANT SELECT"),
        ("Invalid SessionHandle: SessionHandle [1]", SourceUnavailable, "tried again"),
        ("ParseException line 1", ConnectorError, "None"),
    ],
)
def test_failed_questions(text: str, kind: type[ConnectorError], advice: str) -> None:
    refusal: type[Exception] = import_module("impala.error").OperationalError
    failure = query_failure(refusal(text), "table a.b", CONFIG)
    assert type(failure) is kind
    assert advice in str(failure.advice)
    assert "trace" not in failure.message


def test_a_line_that_breaks() -> None:
    assert type(query_failure(EOFError(), "table a.b", CONFIG)) is SourceUnavailable
