"""Databases on Snowflake, as fakesnow plays it, for tests to ingest from."""

import uuid
from contextlib import closing
from typing import Any

from tests.sharing import REPOSITORY

SHOP = REPOSITORY / "tests" / "golden" / "shop.snowflake.sql"
PASSWORD = "snow-flake-pw"


def connection(port: int, database: str | None, **changes: Any) -> dict[str, Any]:
    """How to read one database of the server at this port; what the emulator records lies in it, too."""
    given = {
        "type": "Snowflake",
        "username": "READER",
        "password": PASSWORD,
        "account": "fakesnow",
        "warehouse": "SMALL",
        "database": database,
        "accountUsageSchema": f"{database}.RECORDED",
        "schemaFilterPattern": {"excludes": ["^information_schema$", "^recorded$"]},
        "connectionArguments": {"host": "127.0.0.1", "port": port, "protocol": "http", "login_timeout": 60},
    }
    return given | changes


def execute(port: int, *statements: str) -> None:
    """Change something."""
    from snowflake.connector import SnowflakeConnection

    place: dict[str, Any] = {"host": "127.0.0.1", "port": port, "protocol": "http"}
    login: dict[str, Any] = {"user": "ADMIN", "password": PASSWORD, "account": "fakesnow"}
    with closing(SnowflakeConnection(**place, **login, platform_detection_timeout_seconds=0)) as session:
        for statement in statements:
            session.cursor().execute(statement)


def make_database(port: int) -> str:
    """The sample shop in a database of its own; that database's name."""
    name = f"S_{uuid.uuid4().hex[:8].upper()}"
    text = SHOP.read_text(encoding="utf-8").replace("$database", name)
    execute(port, *(statement for statement in text.split(";\n") if statement.strip()))
    return name
