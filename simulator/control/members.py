"""Sets of clients as texts: for machines a bit for each client, in hexadecimal; for people the numbers, in spans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.errors import InputError, Place, show

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_SHOWN_SPANS = 3


def encode_members(members: Collection[int]) -> str:
    """Return clients as hexadecimal digits: bit b of byte n stands for client 8n + b."""
    bits = bytearray((max(members, default=-1) + 8) // 8)
    for member in members:
        bits[member >> 3] |= 1 << (member & 7)
    return bits.hex()


def decode_members(raw: Any, size: int, key: str) -> frozenset[int]:
    """Return the clients that `encode_members` wrote.

    Raises:
        InputError: it did not write that, or a client is not of a population of that size.
    """
    problem = InputError(f"{show(raw)} does not fit; it takes clients of a population of {size}", Place(key=key))
    if not isinstance(raw, str) or len(raw) > 2 * ((size + 7) // 8):
        raise problem
    try:
        bits = bytes.fromhex(raw)
    except ValueError:
        raise problem from None
    members = frozenset(8 * place + bit for place, byte in enumerate(bits) for bit in range(8) if byte >> bit & 1)
    if members and max(members) >= size:
        raise problem
    return members


def spans_of(members: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first and the last client of each unbroken row, in order."""
    spans: list[tuple[int, int]] = []
    for member in sorted(members):
        if spans and member == spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], member)
        else:
            spans.append((member, member))
    return spans


def show_members(members: Iterable[int]) -> str:
    """Return clients as people read them: `client 7`, or `clients 0 to 9, 12`."""
    spans = spans_of(members)
    shown = [f"{first}" if first == last else f"{first} to {last}" for first, last in spans[:_SHOWN_SPANS]]
    more = ["and others"] if len(spans) > _SHOWN_SPANS else []
    alone = len(spans) == 1 and spans[0][0] == spans[0][1]
    return f"client{'' if alone else 's'} {', '.join(shown + more)}"
