"""The session scope and the pool, against a real server."""

import threading
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from service.database import engine
from service.database.engine import Database
from service.errors import Invalid, Unavailable, Undecided


def count(database: Database) -> int:
    with database.session() as session:
        return session.connection().execute(text("select count(*) from thing")).scalar_one()


@pytest.fixture
def things(empty_database_url: str) -> Iterator[Database]:
    database = Database(empty_database_url, pool_size=2, pool_timeout_seconds=0.2)
    with database.session() as session:
        session.connection().execute(text("create table thing (id int primary key)"))
    yield database
    database.dispose()


def test_a_session_commits_at_its_end(things: Database) -> None:
    with things.session() as session:
        session.connection().execute(text("insert into thing values (1)"))
    assert count(things) == 1


def test_a_session_rolls_back_when_it_raises(things: Database) -> None:
    def insert_and_fail() -> None:
        with things.session() as session:
            session.connection().execute(text("insert into thing values (1)"))
            raise LookupError

    with pytest.raises(LookupError):
        insert_and_fail()
    assert count(things) == 0


def test_a_question_begins_no_transaction_and_leaves_none_behind(things: Database) -> None:
    state = text("select state from pg_stat_activity where pid = :pid")
    with things.reading() as asking:
        pid = asking.connection().execute(text("select pg_backend_pid()")).scalar_one()
        with things.session() as session:
            assert session.connection().execute(state, {"pid": pid}).scalar_one() == "idle"


def test_a_connection_that_was_asked_has_transactions_again(things: Database) -> None:
    with things.reading() as asking:
        pid = asking.connection().execute(text("select pg_backend_pid()")).scalar_one()
    with things.session() as session:
        assert session.connection().execute(text("select pg_backend_pid()")).scalar_one() == pid
        session.connection().execute(text("insert into thing values (1)"))
        assert count(things) == 0
    assert count(things) == 1


def test_a_question_that_no_server_hears_is_unavailable() -> None:
    database = Database("postgresql://headwater@127.0.0.1:1/headwater")
    with pytest.raises(Unavailable), database.reading() as session:
        session.connection()


def test_a_broken_invariant_stays_what_it_is(things: Database) -> None:
    with pytest.raises(IntegrityError), things.session() as session:
        session.connection().execute(text("insert into thing values (1), (1)"))


def test_times_come_in_utc_under_a_known_name(things: Database) -> None:
    with things.session() as session:
        zone, name = (
            session.connection()
            .execute(text("select current_setting('timezone'), current_setting('application_name')"))
            .one()
        )
    assert (zone, name) == ("UTC", "headwater")


def test_a_connection_lost_while_idle_is_not_noticed(things: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "PING_AFTER_SECONDS", 0)
    things.ping()
    with psycopg.connect(things.url.replace("+psycopg", "")) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and application_name = 'headwater'"
        )
    things.ping()


def test_a_connection_lost_in_use_is_unavailable(things: Database) -> None:
    with pytest.raises(Unavailable, match=r"terminat\w+ connection[^;]*$"), things.session() as session:
        session.connection().execute(text("select pg_terminate_backend(pg_backend_pid())"))


def test_a_connection_lost_while_it_commits_leaves_open_what_was_done(things: Database) -> None:
    ending = """
        create function ends() returns trigger language plpgsql as
        $$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$;
        create constraint trigger ends after insert on thing deferrable initially deferred
        for each row execute function ends()
    """
    with things.session() as session:
        session.connection().execute(text(ending))
    with (
        pytest.raises(Undecided, match=r"terminat.*; what was asked may have been done"),
        things.session() as session,
    ):
        session.connection().execute(text("insert into thing values (1)"))


def test_what_is_given_up_while_it_commits_is_not_done(things: Database) -> None:
    giving_up = """
        create function gives_up() returns trigger language plpgsql as
        $$ begin raise exception 'no' using errcode = '40001'; end $$;
        create constraint trigger gives_up after insert on thing deferrable initially deferred
        for each row execute function gives_up()
    """
    with things.session() as session:
        session.connection().execute(text(giving_up))
    with pytest.raises(Unavailable, match=r"not available: no$"), things.session() as session:
        session.connection().execute(text("insert into thing values (1)"))
    assert count(things) == 0


def test_an_exhausted_pool_is_unavailable(things: Database) -> None:
    holding, done = threading.Barrier(4), threading.Event()

    def hold() -> None:
        with things.session() as session:
            session.connection().execute(text("select 1"))
            holding.wait()
            done.wait()

    holders = [threading.Thread(target=hold) for _ in range(3)]  # one of the four is the event loop's
    for holder in holders:
        holder.start()
    holding.wait()
    with pytest.raises(Unavailable, match="free in time"):
        things.ping()
    done.set()
    for holder in holders:
        holder.join()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    database = Database("postgres://nobody@127.0.0.1:1/none")
    with pytest.raises(Unavailable, match="not available"):
        database.ping()


@pytest.mark.parametrize("url", ["mysql://u:hidden@h/d", "hidden", "postgresql://u:hidden@h:port/d"])
def test_a_url_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(Invalid, match="HEADWATER_DATABASE_URL") as refusal:
        Database(url)
    assert "hidden" not in str(refusal.value)


def test_a_store_that_became_read_only_is_not_available_for_now(things: Database) -> None:
    with things.session() as session:
        session.connection().execute(text("set session characteristics as transaction read only"))
    with pytest.raises(Unavailable, match="read-only"), things.session() as session:
        session.connection().execute(text("insert into thing values (1)"))
