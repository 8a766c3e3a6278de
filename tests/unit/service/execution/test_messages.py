"""What a run's own process and the service tell each other."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import (
    ConfigurationError,
    ConnectorError,
    FatalError,
    Problem,
    RunCancelled,
    SinkUnavailable,
    SourceUnavailable,
)
from service.execution.messages import MAX_TEXT, Broken, Call, Ended, Events, decode, encode, sendable


@pytest.mark.parametrize("kind", [FatalError, RunCancelled, SinkUnavailable, SourceUnavailable, ConnectorError])
def test_errors_arrive_as_what_they_were(kind: type[ConnectorError]) -> None:
    ended = decode(encode(Ended(broken=Broken.of(kind("what", "mend")))))
    assert isinstance(ended, Ended)
    assert ended.broken is not None
    error = ended.broken.error()
    assert (type(error), error.message, error.advice) == (kind, "what", "mend")


def test_problems_arrive_one_by_one() -> None:
    error = Broken.of(ConfigurationError([Problem("a.b", "is odd"), Problem("", "is worse")])).error()
    assert isinstance(error, ConfigurationError)
    assert error.problems == (Problem("a.b", "is odd"), Problem("", "is worse"))


def test_errors_of_others_are_told() -> None:
    error = Broken.of(KeyError("k")).error()
    assert (type(error), error.message, error.advice) == (ConnectorError, "KeyError: 'k'", None)


@given(text=st.text(alphabet=st.characters(exclude_categories=()), max_size=50))
def test_any_text_can_be_sent(text: str) -> None:
    line = encode(Events([Call("log", [sendable(text)])]))
    assert line.count(b"\n") == 1
    assert decode(line) == Events([Call("log", [sendable(text)])])


def test_a_text_that_is_too_long_is_cut() -> None:
    assert len(sendable("x" * 10**6)) == MAX_TEXT + 1


@pytest.mark.parametrize("line", [b"", b"nonsense\n", b'{"type":"other"}\n', b'{"type":"events","calls":[['])
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(line)
