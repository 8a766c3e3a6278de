"""Notifications, over lost connections too."""

import errno
import queue
import selectors
import time
from collections.abc import Iterator

import psycopg
import pytest

from service.database.listen import Listener
from tests.eventually import PATIENCE_SECONDS

Heard = queue.Queue[tuple[str, str]]


@pytest.fixture
def heard() -> Heard:
    return queue.Queue()


@pytest.fixture
def listener(empty_database_url: str, heard: Heard) -> Iterator[Listener]:
    listener = Listener(
        empty_database_url, ["runs", "Workflows"], lambda channel, payload: heard.put((channel, payload))
    )
    listener.start()
    assert listener.wait_connected(PATIENCE_SECONDS)
    yield listener
    listener.close()


def next_calls(heard: Heard, number: int) -> list[tuple[str, str]]:
    return [heard.get(timeout=PATIENCE_SECONDS) for _ in range(number)]


def notify(url: str, channel: str, payload: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("select pg_notify(%s, %s)", [channel, payload])


def terminate_listener(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and application_name = 'headwater-listener'"
        )


def test_every_channel_is_called_once_it_listens(listener: Listener, heard: Heard) -> None:
    assert next_calls(heard, 2) == [("runs", ""), ("Workflows", "")]


def test_notifications_arrive_in_order(listener: Listener, heard: Heard, empty_database_url: str) -> None:
    next_calls(heard, 2)
    for number in range(20):
        notify(empty_database_url, "runs", str(number))
    notify(empty_database_url, "other", "not for us")
    notify(empty_database_url, "Workflows", "last")
    assert next_calls(heard, 21) == [*(("runs", str(number)) for number in range(20)), ("Workflows", "last")]


def test_after_a_lost_connection_every_channel_is_called_again(
    listener: Listener, heard: Heard, empty_database_url: str
) -> None:
    next_calls(heard, 2)
    terminate_listener(empty_database_url)
    assert next_calls(heard, 2) == [("runs", ""), ("Workflows", "")]
    notify(empty_database_url, "runs", "again")
    assert next_calls(heard, 1) == [("runs", "again")]


def test_a_process_without_a_file_to_spare_listens_again(
    empty_database_url: str, heard: Heard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, refusals = selectors.DefaultSelector, [OSError(errno.EMFILE, "Too many open files")]

    def selector() -> selectors.BaseSelector:
        if refusals:
            raise refusals.pop()
        return real()

    monkeypatch.setattr(selectors, "DefaultSelector", selector)
    listener = Listener(empty_database_url, ["runs"], lambda channel, payload: heard.put((channel, payload)))
    listener.start()
    assert next_calls(heard, 2) == [("runs", "")] * 2
    notify(empty_database_url, "runs", "again")
    assert next_calls(heard, 1) == [("runs", "again")]
    listener.close()
    assert "Cannot hear the notifications of the database" in caplog.text


def test_a_handler_that_raises_hears_the_next_one(
    empty_database_url: str, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    def handle(channel: str, payload: str) -> None:
        heard.put((channel, payload))
        raise LookupError(payload)

    listener = Listener(empty_database_url, ["runs"], handle)
    listener.start()
    next_calls(heard, 1)
    notify(empty_database_url, "runs", "1")
    notify(empty_database_url, "runs", "2")
    assert next_calls(heard, 2) == [("runs", "1"), ("runs", "2")]
    listener.close()
    assert "Handling a notification on runs failed" in caplog.text


def test_it_closes_at_once(listener: Listener) -> None:
    began = time.monotonic()
    listener.close()
    listener.close()
    assert time.monotonic() - began < 3


def test_it_closes_at_once_while_there_is_no_server(heard: Heard) -> None:
    listener = Listener(
        "postgresql://nobody@127.0.0.1:1/none", ["runs"], lambda channel, payload: heard.put((channel, payload))
    )
    listener.start()
    assert not listener.wait_connected(0.5)
    began = time.monotonic()
    listener.close()
    assert time.monotonic() - began < 3
    assert heard.empty()


def test_one_that_was_never_started_can_be_closed() -> None:
    Listener("postgresql://nobody@127.0.0.1:1/none", ["runs"], lambda _channel, _payload: None).close()


def test_waiting_costs_no_time(listener: Listener, heard: Heard) -> None:
    next_calls(heard, 2)
    before = time.process_time()
    assert heard.empty()
    with pytest.raises(queue.Empty):
        heard.get(timeout=1)
    assert time.process_time() - before < 0.1
