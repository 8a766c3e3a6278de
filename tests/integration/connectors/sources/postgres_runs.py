"""Runs of the connector against a real server, and what they sent."""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec
from psycopg.conninfo import conninfo_to_dict

from connectors.cancellation import Cancellation
from connectors.connector import RunContext
from connectors.families.database_options import DatabaseMetadata
from connectors.families.postgres.config import PostgresConfig
from connectors.families.postgres.source import PostgresSource, open_source
from connectors.models.base import CreateRequest
from connectors.models.records import DeletionScope, Record
from connectors.report import Report
from connectors.runner import TopologyRunner
from connectors.sources.postgres import CONNECTOR

Context = RunContext[PostgresConfig, DatabaseMetadata]


def connection(url: str, **changes: object) -> dict[str, Any]:
    """A service connection to the database that `url` names, as users write it."""
    parts = conninfo_to_dict(url)
    written = {
        "type": "Postgres",
        "username": parts["user"],
        "authType": {"password": parts["password"]},
        "hostPort": f"{parts['host']}:{parts['port']}",
        "database": parts["dbname"],
    }
    return written | changes


def as_role(url: str, role: str) -> str:
    """The same database, for another role, whose password is `pw`."""
    parts = conninfo_to_dict(url)
    return f"postgresql://{quote(role)}:pw@{parts['host']}:{parts['port']}/{parts['dbname']}"


def context(
    url: str,
    options: Mapping[str, Any] | None = None,
    threads: int = 1,
    cancellation: Cancellation | None = None,
    **changes: object,
) -> Context:
    """What a run of the service `shop` gives its connector."""
    return RunContext(
        service="shop",
        service_type=CONNECTOR.service_type,
        connection=PostgresConfig.model_validate(connection(url, **changes)),
        options=DatabaseMetadata.model_validate(options or {}),
        threads=threads,
        report=Report(),
        cancellation=cancellation or Cancellation(),
    )


@dataclass
class Sent:
    """What a run handed to its sink, and its report."""

    report: Report
    records: list[Record] = field(default_factory=list[Record])

    def requests(self, collection: str) -> dict[str, dict[str, Any]]:
        """The requests to one collection as they go over the wire, by qualified name."""
        return {
            record.fqn: json.loads(msgspec.json.encode(record))
            for record in self.records
            if isinstance(record, CreateRequest) and record.collection == collection
        }

    def tables(self) -> dict[str, dict[str, Any]]:
        """The tables by name; for databases whose table names are unique."""
        return {request["name"]: request for request in self.requests("tables").values()}

    def columns(self, table: str) -> dict[str, dict[str, Any]]:
        """The columns of one table by name."""
        return {column["name"]: column for column in self.tables()[table]["columns"]}

    def deletions(self) -> list[DeletionScope]:
        """The scopes that were listed completely."""
        return [record for record in self.records if isinstance(record, DeletionScope)]


def run(given: Context) -> Sent:
    """Walk the whole source."""
    sent = Sent(given.report)
    with CONNECTOR.topology(given) as root:
        TopologyRunner(given.report, given.cancellation, given.threads).run(root, sent.records.append)
    return sent


def ingest(url: str, options: Mapping[str, Any] | None = None, threads: int = 1, **changes: Any) -> Sent:
    """Run over the database that `url` names."""
    return run(context(url, options, threads, **changes))


@contextmanager
def opened(given: Context) -> Generator[PostgresSource]:
    """The source alone."""
    with open_source(given) as source:
        yield source
