from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Invalid
from service.workflows.schemas import Policy, WorkflowCreate
from service.workflows.wire import decode_cursor, decode_cursor_as, encode_cursor, page_of, read_integer, validated

WORDS = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), max_size=4)


@given(WORDS)
def test_cursors_come_back_as_they_were(parts: list[str]) -> None:
    cursor = encode_cursor(*parts)
    assert decode_cursor(cursor, len(parts)) == tuple(parts)
    assert cursor.isascii()
    assert not set("+/=&? ") & set(cursor)


@given(WORDS, st.integers(0, 6))
def test_cursors_of_another_list_are_refused(parts: list[str], length: int) -> None:
    if length != len(parts):
        with pytest.raises(Invalid):
            decode_cursor(encode_cursor(*parts), length)


@given(st.text(st.characters(codec=None)))
def test_no_text_breaks_the_reading_of_cursors(cursor: str) -> None:
    try:
        parts = decode_cursor_as(cursor, read_integer, UUID, datetime.fromisoformat)
    except Invalid:
        return
    assert len(parts) == 3


@pytest.mark.parametrize("word", ["-1", str(2**63), "x", "", "1.0"])
def test_integers_that_no_row_has_are_refused(word: str) -> None:
    with pytest.raises(Invalid, match=r"^cursor: is not a cursor of this list"):
        decode_cursor_as(encode_cursor(word), read_integer)


@pytest.mark.parametrize("content", [b'{"a":1}', b"[1]", b'"x"', b"[[]]", b"[" * 100_000, b'["\\u0000"]'])
def test_cursors_that_hold_other_json_are_refused(content: bytes) -> None:
    import base64

    with pytest.raises(Invalid):
        decode_cursor(base64.urlsafe_b64encode(content).decode(), 1)


def test_a_page_says_where_the_next_one_starts() -> None:
    page = page_of([1, 2, 3], 2, str, lambda row: f"after {row}")
    assert page.model_dump() == {"data": ["1", "2"], "nextCursor": "after 2"}
    assert page_of([1, 2], 2, str, str).next_cursor is None
    empty: list[int] = []
    assert page_of(empty, 2, str, str).model_dump() == {"data": [], "nextCursor": None}


def test_the_kind_of_a_schedule_is_no_field() -> None:
    document: dict[str, Any] = {"name": "shop", "config": {}, "schedule": {"cron": "", "timezone": "Europe/Atlantis"}}
    with pytest.raises(Invalid) as caught:
        validated(WorkflowCreate, document)
    assert [problem.path for problem in caught.value.problems] == ["schedule.timezone", "schedule.cron"]
    with pytest.raises(Invalid, match=r"^schedule: write exactly one of"):
        validated(WorkflowCreate, {**document, "schedule": {"every": 1}})


def test_faults_of_a_document_come_with_their_paths() -> None:
    with pytest.raises(Invalid) as caught:
        validated(Policy, {"maxAttempts": 0, "pool": "a b", "colour": "red"})
    assert sorted(problem.path for problem in caught.value.problems) == ["colour", "maxAttempts", "pool"]
