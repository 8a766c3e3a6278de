"""Definitions and rules for tests of the store."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import psycopg
from cryptography.fernet import Fernet
from psycopg import sql
from pydantic import JsonValue
from sqlalchemy import text
from sqlalchemy.orm import Session

from service.database.engine import Database
from service.errors import Invalid, Problem
from service.workflows import operations
from service.workflows.documents import Json, value_at
from service.workflows.operations import CheckedDefinition, Rules, Stored
from service.workflows.schemas import WorkflowCreate
from service.workflows.vault import Vault

KEY = Fernet.generate_key().decode()
PASSWORD = ("source", "password")


class SmallChecker:
    """Knows two connectors with one secret, and fills in one default."""

    def check(self, config: Json) -> CheckedDefinition:
        kind = value_at(config, ("source", "type"))
        if kind not in {"postgres", "mysql"}:
            raise Invalid([Problem("source.type", f"there is no connector {kind!r}")])
        return CheckedDefinition(str(kind), {"threads": 1} | config, (PASSWORD,), ("checked",))


RULES = Rules(SmallChecker(), Vault([KEY]))


def config_of(**source: JsonValue) -> Json:
    return {"source": {"type": "postgres", "password": "hunter2", **source}}


def definition_of(**fields: object) -> WorkflowCreate:
    return WorkflowCreate.model_validate({"name": "shop", "config": config_of()} | fields)


def make_workflow(session: Session, name: str = "shop", **fields: object) -> Stored:
    return operations.create(session, definition_of(name=name, **fields), RULES)


@contextmanager
def hearing(database: Database, *channels: str) -> Generator[list[tuple[str, str]]]:
    """Fills the list, when the block ends, with what was announced meanwhile on these channels."""
    heard: list[tuple[str, str]] = []
    with psycopg.connect(database.url.replace("+psycopg", ""), autocommit=True) as connection:
        for channel in channels:
            connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
        yield heard
        connection.execute("select 1")
        heard += [(one.channel, one.payload) for one in connection.notifies(timeout=0)]


def ask(database: Database, statement: str, **values: object) -> list[tuple[Any, ...]]:
    """What the database answers to a statement in a transaction of its own."""
    with database.engine.begin() as connection:
        answer = connection.execute(text(statement), values)
        return [tuple(row) for row in answer] if answer.returns_rows else []
