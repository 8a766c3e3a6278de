"""Rows as Snowflake shows them, by what the statements look like that they answer; a float is a moment."""

from typing import Any

EARLIER, LATER = 1_700_000_000.0, 4_000_000_000.0


def listed(name: str, kind: str = "BASE TABLE", **marks: Any) -> dict[str, Any]:
    plain = {"IS_DYNAMIC": "NO", "IS_ICEBERG": "NO", "IS_TRANSIENT": "NO", "CLUSTERING_KEY": None, "COMMENT": None}
    return {"TABLE_NAME": name, "TABLE_TYPE": kind, "LAST_DDL": EARLIER, "LAST_ALTERED": LATER} | plain | marks


def column(table: str, name: str = "A", kind: str = "NUMBER", **more: Any) -> dict[str, Any]:
    row = {"TABLE_NAME": table, "COLUMN_NAME": name, "IS_NULLABLE": "YES", "DATA_TYPE": kind, "LENGTH": None}
    return row | {"PRECISION": None, "SCALE": None, "COMMENT": None, "DTD_IDENTIFIER": None} | more


KEY = {"SCHEMA_NAME": "S", "TABLE_NAME": "FACT", "CONSTRAINT_NAME": "K"}
SHOP: dict[str, Any] = {
    "SHOW DATABASES": [{"name": "SHOP", "comment": "all of it", "owner": "SYSADMIN"}],
    r"COUNT\(\*\) FROM .*SCHEMATA": [{"N": 1}],
    "SCHEMATA": [{"NAME": "S", "COMMENT": "sales", "OWNER": "LOADER"}],
    r"COUNT\(\*\)": [],
    "SHOW PRIMARY KEYS": [
        {**KEY, "COLUMN_NAME": "B", "KEY_SEQUENCE": 2},
        {**KEY, "COLUMN_NAME": "A", "KEY_SEQUENCE": 1},
    ],
    "SHOW UNIQUE KEYS": [{**KEY, "CONSTRAINT_NAME": "U", "COLUMN_NAME": "AT", "KEY_SEQUENCE": 1}],
    "DESCRIBE TABLE": [{"name": "DOC", "type": "OBJECT(street VARCHAR(10), geo ARRAY(FLOAT NOT NULL))"}],
    r"INFORMATION_SCHEMA.COLUMNS": [
        column("CLONED", PRECISION=38, SCALE=0, COMMENT="how many"),
        column("FACT", "A"), column("FACT", "B"), column("FACT", "AT", "TIMESTAMP_NTZ"), column("HIDING", "A", "TEXT"),
        column("LAKE", "DOC", "OBJECT", DTD_IDENTIFIER="1"),
        column("NEWLY", "A", "FILE"),
        column("OUTSIDE", "A", "TEXT", LENGTH=5),
        column("PARTS"),
        column("TOP"),
    ],
    r"INFORMATION_SCHEMA.TABLES": [
        listed("CLONED", IS_TRANSIENT="YES"),
        listed("FACT", CLUSTERING_KEY="LINEAR(to_date(AT), A)"),
        listed("LAKE", IS_ICEBERG="YES", LAST_DDL=LATER),
        listed("NEWLY", IS_DYNAMIC="YES", LAST_DDL=None),
        listed("OUTSIDE", "EXTERNAL TABLE"),
        listed("PARTS", CLUSTERING_KEY="LINEAR(A)"),
        listed("TOP", "MATERIALIZED VIEW"),
    ],
    r"INFORMATION_SCHEMA.VIEWS": [
        {**listed("HIDING", "VIEW"), "VIEW_DEFINITION": "create secure view HIDING as select 1", "IS_SECURE": "YES"}
    ],
}  # fmt: skip
