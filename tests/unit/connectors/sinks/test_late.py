from dataclasses import dataclass, field

import pytest

from connectors.errors import ConfigurationError, SinkUnavailable
from connectors.models.records import Record, ScopeEnd
from connectors.sinks.base import Sink
from connectors.sinks.late import LateSink, SinkMisconfigured

RECORD = ScopeEnd("s", {})


@dataclass
class Kept:
    """A sink that keeps what happens to it."""

    happened: list[object] = field(default_factory=list[object])

    def write(self, record: Record) -> None:
        self.happened.append(record)

    def close(self) -> None:
        self.happened.append("closed")

    def abort(self) -> None:
        self.happened.append("aborted")


def failing(error: Exception) -> LateSink:
    def make() -> Sink:
        raise error

    return LateSink(make)


def test_it_is_opened_by_the_first_record() -> None:
    made = list[Kept]()

    def make() -> Sink:
        made.append(Kept())
        return made[-1]

    sink = LateSink(make)
    assert made == []
    sink.write(RECORD)
    sink.write(RECORD)
    sink.close()
    assert made == [Kept([RECORD, RECORD, "closed"])]


def test_without_a_record_it_is_opened_at_the_end() -> None:
    kept = Kept()
    LateSink(lambda: kept).close()
    assert kept.happened == ["closed"]


def test_it_is_aborted_once_it_was_opened() -> None:
    kept = Kept()
    sink = LateSink(lambda: kept)
    sink.abort()
    assert kept.happened == []
    sink.write(RECORD)
    sink.abort()
    assert kept.happened == [RECORD, "aborted"]


def test_what_opening_raises_is_raised() -> None:
    away = SinkUnavailable("it does not answer")
    with pytest.raises(SinkUnavailable) as raised:
        failing(away).write(RECORD)
    assert raised.value is away


def test_a_wrong_configuration_stops_a_walk_and_is_itself_at_the_end() -> None:
    wrong = ConfigurationError.at("hostPort", "is no address")
    with pytest.raises(SinkMisconfigured) as raised:
        failing(wrong).write(RECORD)
    assert raised.value.wrong is wrong
    with pytest.raises(ConfigurationError) as raised_at_end:
        failing(wrong).close()
    assert raised_at_end.value is wrong
