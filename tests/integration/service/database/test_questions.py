"""What the event loop asks by itself, of a real server."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import psycopg
import pytest

from service.database.questions import Question, Questions, Row
from service.errors import Unavailable
from tests.eventually import eventually

T = TypeVar("T")

PID = b"select pg_backend_pid()"
OURS = "pg_stat_activity where datname = current_database() and application_name = 'asking'"
KILL = f"select pg_terminate_backend(pid) from {OURS}"
SLEEPING = f"select count(*) from {OURS} and state = 'active' and query = 'select pg_sleep(60)'".encode()


def question(query: bytes, *values: object) -> Question[list[Row]]:
    """Of which the rows are asked."""
    return Question(query, values, list)


@asynccontextmanager
async def asking(url: str, most: int = 2, patience_seconds: float = 30) -> AsyncGenerator[Questions]:
    questions = Questions(url, "asking", most, patience_seconds)
    try:
        yield questions
    finally:
        await questions.close()


def ask(url: str, work: Callable[[Questions], Awaitable[T]], most: int = 2, patience_seconds: float = 30) -> T:
    """What comes of it."""

    async def run() -> T:
        async with asking(url, most, patience_seconds) as questions:
            return await work(questions)

    return asyncio.run(run())


async def at_last(questions: Questions) -> list[Row]:
    """The answer to a question, when these that have little patience wait long enough for a busy machine."""
    for _ in range(20):
        with suppress(Unavailable):
            return await questions.ask(question(b"select 1"))
    return []


def count(url: str) -> int:
    """The connections that are there."""
    with psycopg.connect(url) as connection:
        row = connection.execute(f"select count(*) from {OURS}").fetchone()
    return row[0] if row else 0


def kill(url: str) -> None:
    with psycopg.connect(url) as connection:
        assert connection.execute(KILL).fetchall()


def test_rows_come_as_values_and_instants_in_utc(empty_database_url: str) -> None:
    query = b"select %s::int, '{\"a\": [1]}'::jsonb, '2026-01-01 05:00+05'::timestamptz"
    [(number, document, instant)] = ask(empty_database_url, lambda questions: questions.ask(question(query, 7)))
    assert (number, document, instant.isoformat()) == (7, {"a": [1]}, "2026-01-01T00:00:00+00:00")


def test_a_connection_is_used_again_and_no_transaction_is_left(empty_database_url: str) -> None:
    state = b"select state from pg_stat_activity where pid = %s"

    async def twice(questions: Questions) -> tuple[object, object, object]:
        [(first,)] = await questions.ask(question(PID))
        with psycopg.connect(empty_database_url) as other:
            left = other.execute(state, (first,)).fetchone()
        [(second,)] = await questions.ask(question(PID))
        return first, second, left

    first, second, left = ask(empty_database_url, twice)
    assert first == second
    assert left == ("idle",)


def test_as_many_are_asked_at_a_time_as_there_may_be_and_the_others_wait(empty_database_url: str) -> None:
    async def many(questions: Questions) -> set[object]:
        found = await asyncio.gather(
            *[questions.ask(question(b"select pg_backend_pid(), pg_sleep(0.01)")) for _ in range(9)]
        )
        return {rows[0][0] for rows in found}

    assert len(ask(empty_database_url, many)) == 2


def test_who_waits_too_long_for_a_connection_is_told_so(empty_database_url: str) -> None:
    async def six(questions: Questions) -> list[list[Row] | BaseException]:
        # Each keeps the connection for so long that a third is too late, whoever gives it up first.
        slow = question(b"select 1 from pg_sleep(0.4)")
        answers = await asyncio.gather(*[questions.ask(slow) for _ in range(6)], return_exceptions=True)
        assert await at_last(questions) == [(1,)]
        return answers

    answers = ask(empty_database_url, six, most=1, patience_seconds=1)
    refused = [answer for answer in answers if isinstance(answer, Unavailable)]
    assert len(refused) >= 4
    assert all("no connection to spare" in str(answer) for answer in refused)
    assert all(answer == [(1,)] for answer in answers if answer not in refused)


def test_a_question_that_takes_too_long_is_given_up(empty_database_url: str) -> None:
    async def wait(questions: Questions) -> object:
        with pytest.raises(Unavailable, match=r"no answer within 0\.2 s"):
            await questions.ask(question(b"select pg_sleep(60)"))
        async with asking(empty_database_url) as patient:
            return await patient.ask(question(SLEEPING))

    assert ask(empty_database_url, wait, patience_seconds=0.2) == [(0,)]


def test_connections_lost_while_idle_are_not_noticed(empty_database_url: str) -> None:
    async def lose(questions: Questions) -> object:
        await asyncio.gather(
            questions.ask(question(b"select pg_sleep(0.05)")), questions.ask(question(b"select pg_sleep(0.05)"))
        )
        assert count(empty_database_url) == 2
        kill(empty_database_url)
        return await questions.ask(question(b"select 1"))

    assert ask(empty_database_url, lose) == [(1,)]


def test_a_connection_lost_in_use_is_unavailable_and_given_up(empty_database_url: str) -> None:
    async def lose(questions: Questions) -> object:
        with pytest.raises(Unavailable, match="terminat"):
            await questions.ask(question(b"select pg_terminate_backend(pg_backend_pid())"))
        return await questions.ask(question(b"select 1"))

    assert ask(empty_database_url, lose) == [(1,)]


def test_a_wrong_question_stays_what_it_is_and_the_connection_good(empty_database_url: str) -> None:
    async def err(questions: Questions) -> tuple[object, object]:
        before = await questions.ask(question(PID))
        with pytest.raises(psycopg.errors.UndefinedTable):
            await questions.ask(question(b"select from nothing"))
        return before, await questions.ask(question(PID))

    before, after = ask(empty_database_url, err)
    assert before == after


def test_a_question_that_was_given_up_is_ended(empty_database_url: str) -> None:
    async def give_up(questions: Questions) -> object:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(questions.ask(question(b"select pg_sleep(60)")), 0.1)
        return await questions.ask(question(SLEEPING))

    assert ask(empty_database_url, give_up) == [(0,)]


def test_connections_are_closed_at_the_end(empty_database_url: str) -> None:
    ask(empty_database_url, lambda questions: questions.ask(question(PID)))
    eventually(lambda: count(empty_database_url) == 0)


def test_a_question_that_no_server_hears_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="not available"):
        ask("postgresql://headwater@127.0.0.1:1/headwater", lambda questions: questions.ask(question(PID)))
