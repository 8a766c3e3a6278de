import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.http.retry import RetryPolicy, asked_delay

DATE = "Mon, 23 Nov 2026 10:00:00 GMT"


@given(failures=st.integers(1, 40))
def test_backs_off_exponentially_up_to_a_limit(failures: int) -> None:
    policy = RetryPolicy(first_seconds=0.5, longest_seconds=20.0)
    ceiling = min(20.0, 0.5 * 2 ** (failures - 1))
    assert ceiling / 2 <= policy.delay(failures, None) <= ceiling


def test_does_what_the_server_asks_within_reason() -> None:
    policy = RetryPolicy(longest_asked_seconds=120.0)
    assert policy.delay(1, 7.0) == 7.0
    assert policy.delay(1, 100_000.0) == 120.0
    assert policy.delay(1, 0.0) > 0.0


@pytest.mark.parametrize(
    ("header", "date", "seconds"),
    [
        ("7", None, 7.0),
        (" 7 ", DATE, 7.0),
        ("Mon, 23 Nov 2026 10:00:30 GMT", DATE, 30.0),
        ("Mon, 23 Nov 2026 09:00:00 GMT", DATE, 0.0),
        ("Mon, 23 Nov 2026 10:00:30 GMT", None, None),
        ("Mon, 23 Nov 2026 10:00:30", DATE, 30.0),
        ("Mon, 23 Nov 2026 10:00:30 -0000", DATE, 30.0),
        ("soon", DATE, None),
        ("-1", DATE, None),
        ("²", DATE, None),
        (None, DATE, None),
    ],
)
def test_reads_retry_after_as_seconds_or_date(header: str | None, date: str | None, seconds: float | None) -> None:
    assert asked_delay(header, date) == seconds
