"""Databases on what speaks HiveServer2's protocol, and metastores, for tests to ingest from."""

import uuid
from contextlib import closing
from importlib import import_module
from typing import Any

from tests.sharing import REPOSITORY

GOLDEN = REPOSITORY / "tests" / "golden"
PASSWORD = "hive-pw"


def execute(address: str, *statements: str) -> None:
    """Change something."""
    host, _, port = address.partition(":")
    connect: Any = import_module("impala.dbapi").connect
    login = {"auth_mechanism": "PLAIN", "user": "maker", "password": "none", "timeout": 120}
    with closing(connect(host=host, port=int(port), **login)) as connection, closing(connection.cursor()) as cursor:
        for statement in statements:
            cursor.execute(statement)


def make_schema(address: str) -> str:
    """The sample shop in a database of its own; that database's name."""
    name = f"s_{uuid.uuid4().hex[:8]}"
    text = (GOLDEN / "shop.hive.sql").read_text(encoding="utf-8").replace("$schema", name)
    execute(address, *(statement for statement in text.split(";\n") if statement.strip()))
    return name


def connection(host_port: str, schema: str | None = None, **changes: Any) -> dict[str, Any]:
    """How to read one schema."""
    given = {"type": "Hive", "username": "reader", "password": PASSWORD, "auth": "LDAP", "hostPort": host_port}
    return given | {"databaseSchema": schema} | changes
