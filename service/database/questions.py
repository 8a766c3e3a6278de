"""Questions that are asked all the time, by the event loop itself.

A thread that asks costs as much again as what it asks: it and the event loop take the interpreter from each other, and
mostly from one core to another.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec
import psycopg
from psycopg.pq import TransactionStatus
from psycopg.types.json import set_json_loads

from service.database.unavailable import unavailable
from service.database.urls import IN_UTC, conninfo
from service.errors import Unavailable

Row = tuple[Any, ...]
T = TypeVar("T")


class Question(msgspec.Struct, Generic[T], frozen=True):
    """A statement that changes nothing, its values, and what its rows say; of Postgres' binary form."""

    query: bytes
    values: Sequence[object]
    read: Callable[[Sequence[Row]], T]


class Questions:
    """Connections of one event loop, at most so many, each made when it is needed first.

    No transaction is begun: each question sees what was committed before it.
    """

    def __init__(self, url: str, application_name: str, most: int, patience_seconds: float) -> None:
        self._conninfo = conninfo(url, application_name)
        self._turns = asyncio.Semaphore(most)
        self._patience = patience_seconds
        self._idle: list[psycopg.AsyncConnection] = []

    async def ask(self, question: Question[T]) -> T:
        """The answer; it may be asked twice for it.

        Raises Unavailable when the database does not answer in time or has no connection to spare.
        """
        try:
            async with asyncio.timeout(self._patience), self._turns:
                with unavailable():
                    return question.read(await self._answer(question))
        except TimeoutError:
            message = f"the database gave no answer within {self._patience:g} s, or had no connection to spare"
            raise Unavailable(message) from None

    async def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            await self._idle.pop().close()

    async def _answer(self, question: Question[T]) -> list[Row]:
        while self._idle:
            connection = self._idle.pop()
            try:
                return await self._answer_by(connection, question)
            except psycopg.OperationalError:
                if not connection.broken:
                    raise
                # It was lost while nobody used it: a new one tells whether the database is there.
        return await self._answer_by(await self._connect(), question)

    async def _answer_by(self, connection: psycopg.AsyncConnection, question: Question[T]) -> list[Row]:
        try:
            # In binary form: to read instants and ids from text takes half as long again.
            cursor = await connection.execute(question.query, question.values, binary=True)
            return await cursor.fetchall()
        finally:
            if connection.pgconn.transaction_status == TransactionStatus.IDLE:
                self._idle.append(connection)
            else:
                await connection.close()

    async def _connect(self) -> psycopg.AsyncConnection:
        connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        set_json_loads(msgspec.json.decode, connection)
        try:
            await connection.execute(IN_UTC)
        except BaseException:
            await connection.close()
            raise
        return connection
