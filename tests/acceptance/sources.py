"""Databases to ingest from, and how a definition says where they are."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from tests.postgres import SourceServer
from tests.sharing import REPOSITORY

GOLDEN = REPOSITORY / "tests" / "golden"
SERVICE = "shop"


@dataclass(frozen=True)
class Source:
    """One database of a real Postgres, and the role that reads it."""

    url: str
    user: str
    password: str

    @property
    def database(self) -> str:
        """Its name."""
        return make_url(self.url).database or ""

    @property
    def host_port(self) -> str:
        """Where its server answers."""
        parts = make_url(self.url)
        return f"{parts.host}:{parts.port}"

    def connection(self, **changes: Any) -> dict[str, Any]:
        """What a definition says of it."""
        written = {
            "type": "Postgres",
            "username": self.user,
            "authType": {"password": self.password},
            "hostPort": self.host_port,
            "database": self.database,
        }
        return written | changes

    def execute(self, statement: str) -> None:
        """Change it, as its owner."""
        with psycopg.connect(self.url) as connection:
            connection.execute(statement.encode())

    def golden_names(self) -> dict[str, set[str]]:
        """What OpenMetadata's own ingestion sends for the shop: the names by collection."""
        text = (GOLDEN / "shop.openmetadata-2.0.7.json").read_text(encoding="utf-8")
        golden = json.loads(text.replace('"shop.shop', f'"{SERVICE}.{self.database}'))
        return {collection: set(entities) for collection, entities in golden.items()}


def make_shop(server: SourceServer) -> Source:
    """The sample shop with a role that may look into all of its schemas."""
    url = server.make_database("shop", (GOLDEN / "shop.sql").read_text(encoding="utf-8"))
    return role_in(url, "sales", "Odd Names", "empty_one")


def role_in(url: str, *schemas: str) -> Source:
    """The database, for a new role that may look into these schemas and nothing else."""
    role, password = f"reader_{uuid.uuid4().hex[:8]}", "the-readers-password"
    create, grant = sql.SQL("create role {} login password {}"), sql.SQL("grant usage on schema {} to {}")
    with psycopg.connect(url) as connection:
        connection.execute(create.format(sql.Identifier(role), sql.Literal(password)))
        for schema in schemas:
            connection.execute(grant.format(sql.Identifier(schema), sql.Identifier(role)))
    return Source(url, role, password)
