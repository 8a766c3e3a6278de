"""Databases on ClickHouse for tests to ingest from."""

import uuid

import httpx

from tests.plain_http import NO_TLS
from tests.sharing import REPOSITORY

SHOP = REPOSITORY / "tests" / "golden" / "shop.clickhouse.sql"


def execute(address: str, statement: str) -> None:
    """Change something."""
    answer = httpx.post(f"http://{address}/", content=statement.encode(), timeout=60, trust_env=False, verify=NO_TLS)
    assert answer.is_success, answer.text


def make_schema(address: str) -> str:
    """The sample shop in a database of its own; that database's name."""
    name = f"s_{uuid.uuid4().hex[:8]}"
    for statement in SHOP.read_text(encoding="utf-8").replace("$schema", name).split(";\n"):
        if statement.strip():
            execute(address, statement)
    return name
