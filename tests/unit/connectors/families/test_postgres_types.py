import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.postgres.types import type_key, type_of

OIDS = st.integers(0, 2**32 - 1)
MODIFIERS = st.integers(-(2**31), 2**31 - 1)
ENDS = [(oid, modifier) for oid in (0, 23, 2**31, 2**32 - 1) for modifier in (-(2**31), -1, 0, 2**31 - 1)]


@pytest.mark.parametrize(("oid", "modifier"), ENDS)
def test_a_key_holds_the_largest_and_the_least(oid: int, modifier: int) -> None:
    key = type_key(oid, modifier)
    assert type_of(key) == (oid, modifier)
    assert -(2**63) <= key < 2**63  # an int8 of Postgres


@given(OIDS, MODIFIERS, OIDS, MODIFIERS)
def test_keys_of_unlike_types_differ(oid: int, modifier: int, other: int, others: int) -> None:
    assert type_of(type_key(oid, modifier)) == (oid, modifier)
    assert (type_key(oid, modifier) == type_key(other, others)) is ((oid, modifier) == (other, others))
