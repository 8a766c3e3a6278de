import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access.keys import ALPHABET, digest_of, hide_keys, make_key, prefix_of
from service.access.roles import Role

KEY = make_key().text


def test_keys_are_recognised_by_their_form_and_differ() -> None:
    made = [make_key() for _ in range(50)]
    assert len({key.prefix for key in made}) == len({key.text for key in made}) == 50
    for key in made:
        assert prefix_of(key.text) == key.prefix
        assert key.text.startswith(f"{key.prefix}_")
        assert key.digest == digest_of(key.text)
        assert repr(key) == f"NewKey('{key.prefix}')"


@given(at=st.integers(0, len(KEY) - 1), put=st.sampled_from([*ALPHABET, *string.punctuation, " ", "", "é", "\n"]))
def test_a_slip_anywhere_is_no_key(at: int, put: str) -> None:
    changed = KEY[:at] + put + KEY[at + 1 :]
    assert (prefix_of(changed) == KEY[:11]) == (changed == KEY)


@given(st.text())
def test_any_other_text_is_no_key(text: str) -> None:
    assert prefix_of(text) is None
    assert len(digest_of(text)) == 32


def test_keys_are_hidden_wherever_they_stand() -> None:
    assert hide_keys(f"/x/{KEY}?y={KEY}") == f"/x/{KEY[:11]}_***?y={KEY[:11]}_***"
    assert hide_keys("/api/v1/keys/hw_12345678") == "/api/v1/keys/hw_12345678"


@pytest.mark.parametrize(("role", "may"), [(Role.VIEWER, 1), (Role.OPERATOR, 2), (Role.ADMIN, 3)])
def test_each_role_includes_those_before_it(role: Role, may: int) -> None:
    assert [role.includes(needed) for needed in Role].count(True) == may
    assert role.includes(Role.VIEWER)
