"""`headwater keys`: make, list and revoke API keys, on the store itself."""

import argparse
import getpass
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from service.access import operations, repository
from service.access.audit import Actor, Trail
from service.access.schemas import KeyCreate, KeyRead
from service.clock import now
from service.database.engine import Database
from service.database.opening import join_database
from service.errors import Invalid, Problem
from service.settings.environment import load_settings
from service.workflows.wire import validated

PAGE = 500
MOST_DAYS = 36500
COLUMNS = "{:<12} {:<9} {:<8} {:<20} {:<20} {}"


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Do what the sub-command says."""
    database, close = join_database(load_settings(environ))
    try:
        # What was changed is told when it is stored, and not before.
        if arguments.action == "create":
            _create(database, arguments)
        elif arguments.action == "revoke":
            _revoke(database, arguments.prefix)
        else:
            _list(database)
    finally:
        close()
    return 0


def actor() -> Actor:
    """Whoever runs this command."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # in a container whose user has a number only
        name = str(os.getuid())
    return Actor(f"{name}@{socket.gethostname()}", "command-line")


def _create(database: Database, arguments: argparse.Namespace) -> None:
    """The key alone goes to the standard output, so that it can be piped to where it belongs."""
    days: float | None = arguments.days
    if days is not None and not 0 < days <= MOST_DAYS:
        raise Invalid([Problem("--days", f"must be more than 0 and at most {MOST_DAYS}")])
    ends = None if days is None else (now() + timedelta(days=days)).isoformat()
    wanted = validated(KeyCreate, {"name": arguments.name, "role": arguments.role, "expiresAt": ends})
    with database.session() as session:
        made = operations.create(session, wanted, Trail(session, actor()))
    print(made.key)
    print(f"{made.prefix} is made, with the role {made.role}; it is not shown again", file=sys.stderr)


def _list(database: Database) -> None:
    print(COLUMNS.format("PREFIX", "ROLE", "STATE", "EXPIRES", "LAST USED", "NAME"))
    with database.reading() as session:
        for key in _all(session):
            ends, used = _day(key.expires_at), _day(key.last_used_at)
            print(COLUMNS.format(key.prefix, key.role, _state(key), ends, used, key.name))


def _revoke(database: Database, prefix: str) -> None:
    with database.session() as session:
        revoked = operations.revoke(session, prefix, Trail(session, actor()))
    print(f"{revoked.prefix} ({revoked.name}) is revoked")


def _all(session: Session) -> Iterator[KeyRead]:
    cursor: str | None = None
    while True:
        page = repository.list_keys(session, cursor, PAGE)
        yield from page.data
        cursor = page.next_cursor
        if cursor is None:
            return


def _state(key: KeyRead) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now() else "usable"


def _day(instant: datetime | None) -> str:
    return "never" if instant is None else f"{instant:%Y-%m-%dT%H:%M:%SZ}"
