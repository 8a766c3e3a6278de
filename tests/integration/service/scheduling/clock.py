"""A database whose clock can be set: its `now()` is ours, whatever asks for the time in SQL."""

from datetime import UTC, datetime, timedelta

import psycopg

from service.database.engine import Database
from tests.integration.service.workflows.makers import ask

INSTALLATION = """
    create schema settable;
    create table settable.clock (frozen timestamptz, shift interval not null default '0');
    insert into settable.clock default values;
    create function settable.now() returns timestamptz stable language sql as
        'select coalesce(frozen, pg_catalog.now() + shift) from settable.clock';
    alter table public.workflows alter tick_cursor set default settable.now();
    alter table public.runs alter available_at set default settable.now();
    do 'begin execute format(''alter database %I set search_path = settable, pg_catalog, public'', current_database());
        end'
"""


class DatabaseClock:
    """Installed before anybody else connects. It goes, `shift` away from the true time, until it is frozen."""

    def __init__(self, url: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(INSTALLATION)
        self._database = Database(url, pool_size=1)

    def freeze(self, instant: datetime) -> None:
        ask(self._database, "update settable.clock set frozen = :instant", instant=instant)

    def shift(self, seconds: float) -> None:
        ask(self._database, "update settable.clock set frozen = null, shift = :shift", shift=timedelta(seconds=seconds))

    def now(self) -> datetime:
        [(instant,)] = ask(self._database, "select now()")
        assert isinstance(instant, datetime)
        return instant.astimezone(UTC)

    def close(self) -> None:
        self._database.dispose()
