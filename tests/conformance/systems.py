"""A real system for every connector: what a new one adds to have the conformance tests run for it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.postgres import SourceServer

SHOP = Path(__file__).parents[1] / "golden" / "shop.sql"
MORE_OF_POSTGRES = """
    create schema "a.b > ""c"" :: d";
    create table "a.b > ""c"" :: d"."t.1 > ::" ("c.1 > ""::" int primary key, "c & '" text);
    create view "a.b > ""c"" :: d"."größe" as select 1 as x;
    create function "a.b > ""c"" :: d"."f.1"() returns int language sql as 'select 1';
    create policy own_rows on sales.customer using (name = current_user);
    alter table sales.customer enable row level security;
"""


@dataclass(frozen=True)
class System:
    """A system that is up and holds something of everything its connector claims to find.

    `connection_to` is the same connection at another address; `secrets` are texts that must show nowhere.
    """

    connection: dict[str, Any]
    connection_to: Callable[[str, int], dict[str, Any]]
    secrets: tuple[str, ...]
    options: dict[str, Any]


def postgres(request: pytest.FixtureRequest) -> System:
    """The sample database and names that no one should use, on the server that all tests share."""
    server = request.getfixturevalue("source_server")
    assert isinstance(server, SourceServer)
    url = server.make_database("conformance", SHOP.read_text(encoding="utf-8") + MORE_OF_POSTGRES)
    parts = conninfo_to_dict(url)

    def connection_to(host: str, port: int) -> dict[str, Any]:
        return {
            "type": "Postgres",
            "username": parts["user"],
            "authType": {"password": parts["password"]},
            "hostPort": f"{host}:{port}",
            "database": parts["dbname"],
        }

    everything = {"includeOwners": True, "includeDDL": True, "markDeletedSchemas": True, "markDeletedDatabases": True}
    connection = connection_to(str(parts["host"]), int(str(parts["port"])))
    return System(connection, connection_to, (str(parts["password"]),), everything)


SYSTEMS: dict[str, Callable[[pytest.FixtureRequest], System]] = {"postgres": postgres}
