"""A process that hears its controller while its event loop stands still."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING

import pytest

from faults import load_faults
from simulator.conditions import EVERYONE, Conditions, Settings
from simulator.control.feed import encode
from simulator.control.lease import NodeMessage
from simulator.gameday.hearing import Hearing

if TYPE_CHECKING:
    from collections.abc import Callable

LONG_SECONDS = 600.0
"""As good as for ever: what ends before this test does was ended by something else."""
STALL = load_faults()["liveness.loop-stall"](stall=LONG_SECONDS)  # type: ignore[call-arg]
CALM = Conditions(Settings())
STALLED = Conditions.fold(Settings(), [("x", STALL, EVERYONE)])


def message(serial: int, conditions: Conditions, lease: float = 600.0) -> bytes:
    return encode(NodeMessage("c", serial, lease, conditions)) + b"\n"


def stands_still(act: Callable[[int], object], *, lease: float = 600.0, seconds: float = LONG_SECONDS) -> list[bytes]:
    """Let a loop stand still, do something to its pipe meanwhile, and return what the loop reads afterwards."""

    async def script() -> list[bytes]:
        readable, writable = os.pipe()
        stream = asyncio.StreamReader()
        hearing = Hearing(readable, stream)
        os.write(writable, message(1, STALLED, lease))
        first = await stream.readline()
        meanwhile = threading.Timer(0.1, act, (writable,))
        meanwhile.start()
        hearing.stand_still(seconds)
        meanwhile.join()
        os.close(writable)
        rest = await stream.read()
        os.close(readable)
        return [first, *rest.splitlines(keepends=True)]

    return asyncio.run(script())


def do_nothing(_descriptor: int) -> None:
    """Leave it to the lease, or to the time that was asked for, to end the standstill."""


def test_an_end_of_the_fault_ends_a_standstill_and_the_loop_hears_of_it_afterwards() -> None:
    heard = stands_still(lambda pipe: os.write(pipe, message(2, CALM)))
    assert heard == [message(1, STALLED), message(2, CALM)]


def test_a_renewal_does_not_end_a_standstill_but_a_shorter_stall_does() -> None:
    shorter = load_faults()["liveness.loop-stall"](stall=0.01)  # type: ignore[call-arg]
    short = message(3, Conditions.fold(Settings(), [("x", shorter, EVERYONE)]))

    def act(pipe: int) -> None:
        os.write(pipe, message(2, STALLED))
        os.write(pipe, short)

    assert stands_still(act)[-1] == short


def test_the_end_of_the_lease_ends_a_standstill() -> None:
    assert stands_still(do_nothing, lease=0.3) == [message(1, STALLED, 0.3)]


def test_the_time_that_was_asked_for_ends_a_standstill() -> None:
    assert stands_still(do_nothing, seconds=0.2) == [message(1, STALLED)]


def test_the_end_of_the_controller_ends_a_standstill() -> None:
    async def script() -> bytes:
        readable, writable = os.pipe()
        stream = asyncio.StreamReader()
        hearing = Hearing(readable, stream)
        os.write(writable, message(1, STALLED))
        await stream.readline()
        end = threading.Timer(0.1, os.close, (writable,))
        end.start()
        hearing.stand_still(LONG_SECONDS)
        end.join()
        hearing.stand_still(LONG_SECONDS)  # and there is no other after it
        os.close(readable)
        return await stream.read()

    assert asyncio.run(script()) == b""


def test_messages_are_pending_until_they_were_asked_for_and_in_their_order() -> None:
    async def script() -> tuple[list[int], list[int]]:
        readable, writable = os.pipe()
        stream = asyncio.StreamReader()
        hearing = Hearing(readable, stream)
        os.write(writable, message(1, STALLED) + b"junk\n")
        await stream.readline()
        meanwhile = threading.Timer(0.1, os.write, (writable, message(2, STALLED) + message(3, CALM)))
        meanwhile.start()
        hearing.stand_still(LONG_SECONDS)
        meanwhile.join()
        found = [[one.serial for one in hearing.pending()] for _ in range(2)]
        os.close(writable)
        await stream.read()
        os.close(readable)
        return found[0], found[1]

    assert asyncio.run(script()) == ([1, 2, 3], [])


@pytest.mark.parametrize("line", [b"", b"junk\n", message(1, CALM)])
def test_without_conditions_that_say_so_nothing_stands_still(line: bytes) -> None:
    async def script() -> None:
        readable, writable = os.pipe()
        stream = asyncio.StreamReader()
        hearing = Hearing(readable, stream)
        if line:
            os.write(writable, line)
            assert await stream.readline() == line
        hearing.stand_still(LONG_SECONDS)
        os.close(writable)
        await stream.read()
        os.close(readable)

    asyncio.run(script())


def test_a_message_that_is_taken_late_has_what_is_left_of_its_lease() -> None:
    async def script() -> None:
        readable, writable = os.pipe()
        stream = asyncio.StreamReader()
        hearing = Hearing(readable, stream)
        assert hearing.lease_left() < 0
        os.write(writable, message(1, STALLED, 0.2))
        await stream.readline()
        assert 0 < hearing.lease_left() <= 0.2
        hearing.stand_still(LONG_SECONDS)
        assert hearing.lease_left() <= 0
        os.close(writable)
        await stream.read()
        os.close(readable)

    asyncio.run(script())
