"""Sets of clients as texts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.control.members import decode_members, encode_members, show_members
from simulator.errors import InputError


@given(st.frozensets(st.integers(0, 999)))
def test_clients_come_back_as_they_were(members: frozenset[int]) -> None:
    assert decode_members(encode_members(members), 1000, "members") == members


def test_half_of_twenty_thousand_clients_take_five_thousand_characters() -> None:
    assert len(encode_members(set(range(0, 20_000, 2)))) == 5_000


@pytest.mark.parametrize("raw", [None, 7, [1], "0", "xy", "00" * 4, "00000001", "000001"])
def test_what_is_no_set_of_such_clients_is_refused(raw: Any) -> None:
    with pytest.raises(InputError, match=r"members: .* it takes clients of a population of 16"):
        decode_members(raw, 16, "members")


@pytest.mark.parametrize(
    ("members", "shown"),
    [
        ([7], "client 7"),
        ([3, 4], "clients 3 to 4"),
        ([9, 1, 2, 3, 5], "clients 1 to 3, 5, 9"),
        (range(0, 20, 2), "clients 0, 2, 4, and others"),
    ],
)
def test_people_read_spans(members: Any, shown: str) -> None:
    assert show_members(members) == shown
