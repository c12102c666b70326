"""The desk, what it keeps on disk, and the way from it to the nodes."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from faults import load_faults
from simulator.conditions import EVERYONE, Conditions, Settings
from simulator.control.announcer import PipeSink, announce, on_loop
from simulator.control.controller import Controller, Refused
from simulator.control.desk import Desk, Entry
from simulator.control.feed import decode
from simulator.control.follower import Follower
from simulator.control.lease import NodeMessage, Struck
from simulator.control.state import FILE, HaltFile
from simulator.errors import EngineError
from tests.control.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FAULTS = load_faults()
BASELINE = Conditions(Settings())
DRIFT = FAULTS["auth.key-drift"]()
RESTART = FAULTS["liveness.restart"]()


def _desk(folder: Path | None = None, lease: float = 30.0, name: str = "a") -> Desk:
    halt_file = None if folder is None else HaltFile(folder)
    halted = halt_file is not None and halt_file.load()
    controller = Controller(Settings(), name=name, lease_seconds=lease, halted=halted)
    return Desk(controller, time.monotonic, halt_file)


# --- the desk


def test_the_journal_has_rising_numbers_and_is_handed_to_listeners_in_order() -> None:
    desk, heard = _desk(), list[Entry]()
    desk.listen(heard.append)
    name = desk.inject("auth.key-drift", DRIFT, level=0.5)
    desk.clear(name)
    desk.note("remark", text="hello")
    assert [(entry.serial, entry.event.event) for entry in heard] == [
        (1, "injection_started"),
        (2, "injection_ended"),
        (3, "remark"),
    ]
    assert desk.journal() == heard
    assert desk.journal(since=1, limit=1) == heard[1:2]


def test_whoever_waits_is_woken_by_a_change_until_it_waits_no_more() -> None:
    desk, woken = _desk(), list[str]()
    end = desk.wake(lambda: woken.append("x"))
    desk.inject("auth.key-drift", DRIFT)
    desk.halt()
    end()
    desk.release()
    assert len(woken) == 2


def test_threads_that_inject_and_clear_at_once_leave_nothing_behind() -> None:
    desk = _desk()

    def work() -> None:
        for _ in range(50):
            desk.clear(desk.inject("auth.key-drift", DRIFT, level=0.1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert desk.conditions() == BASELINE
    assert [entry.serial for entry in desk.journal()] == list(range(1, 401))


# --- what outlives a restart


def test_a_restart_begins_at_the_baseline_with_a_controller_that_is_not_halted(tmp_path: Path) -> None:
    _desk(tmp_path).inject("auth.key-drift", DRIFT)
    again = _desk(tmp_path)
    assert again.conditions() == BASELINE
    assert not again.halted


def test_a_halt_outlives_restarts_until_it_is_released(tmp_path: Path) -> None:
    _desk(tmp_path).halt()
    for _ in range(2):
        again = _desk(tmp_path)
        with pytest.raises(Refused, match="halted"):
            again.inject("auth.key-drift", DRIFT)
    again.release()
    _desk(tmp_path).inject("auth.key-drift", DRIFT)


def test_a_halt_is_on_disk_when_the_process_is_killed_right_after_it(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from simulator.conditions import Settings\n"
        "from simulator.control.controller import Controller\n"
        "from simulator.control.desk import Desk\n"
        "from simulator.control.state import HaltFile\n"
        "Desk(Controller(Settings()), lambda: 0.0, HaltFile(Path(sys.argv[1]))).halt()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == -9
    assert _desk(tmp_path).halted


def test_the_file_is_for_its_owner_only_and_says_nothing_but_whether_it_is_halted(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    HaltFile(folder).save(halted=True)
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert json.loads((folder / FILE).read_text()) == {"halted": True}
    assert [path.name for path in folder.iterdir()] == [FILE]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"halted": 0}', b'{"halted": "no"}', b"\xff"])
def test_a_file_that_cannot_be_understood_counts_as_a_halt(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert HaltFile(tmp_path).load()


def test_a_halt_takes_effect_even_if_the_disk_refuses_and_a_release_does_not(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    desk = Desk(Controller(Settings()), time.monotonic, HaltFile(blocked / "state"))
    desk.inject("auth.key-drift", DRIFT)
    desk.halt()
    assert desk.halted
    assert desk.conditions() == BASELINE
    assert desk.journal()[-1].event.event == "halt_not_kept"
    with pytest.raises(EngineError, match="cannot write"):
        desk.release()
    assert desk.halted


def test_a_halt_that_comes_while_a_release_is_being_written_wins(tmp_path: Path) -> None:
    desk_box: list[Desk] = []

    class SlowDisk(HaltFile):
        def save(self, *, halted: bool) -> None:
            super().save(halted=halted)
            if not halted:
                halting = threading.Thread(target=desk_box[0].halt)
                halting.start()
                while not any(entry.event.event == "halted" for entry in desk_box[0].journal()):
                    time.sleep(0.001)
                threads.append(halting)

    threads: list[threading.Thread] = []
    desk_box.append(Desk(Controller(Settings()), time.monotonic, SlowDisk(tmp_path)))
    with pytest.raises(Refused, match="halted again"):
        desk_box[0].release()
    threads[0].join(10)
    assert desk_box[0].halted
    assert HaltFile(tmp_path).load()


# --- to the nodes


class _Node:
    """A node that takes note of what it was told."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self.told: list[Conditions | Struck] = []
        self.follower = Follower(Settings(), self.told.append, self.told.append, clock or time.monotonic)

    async def comes_to(self, *expected: Conditions) -> None:
        """Wait until the conditions that it was told are these."""
        await until(lambda: [entry for entry in self.told if isinstance(entry, Conditions)] == list(expected))


def test_a_follower_applies_changes_only_then_strikes_and_falls_back_when_the_lease_ends() -> None:
    faulty = Conditions.fold(Settings(), [("i", DRIFT, EVERYONE)])
    struck = Struck("x", "i", RESTART.impulses(EVERYONE)[0])

    async def run() -> list[Conditions | Struck]:
        node = _Node()
        for serial in (1, 2):
            node.follower.take(NodeMessage("a", serial, 0.2, faulty, (struck,)))
        await node.comes_to(faulty, BASELINE)
        return node.told

    assert asyncio.run(run()) == [faulty, struck, BASELINE]


def test_an_announcer_tells_changes_at_once_and_keeps_leases_alive_that_would_have_ended() -> None:
    async def run() -> None:
        desk, node = _desk(lease=2.0), _Node()
        announcing = asyncio.create_task(announce(desk, [node.follower.take]))
        name = desk.inject("auth.key-drift", DRIFT)
        faulty = desk.conditions()
        await node.comes_to(faulty)
        began = desk.now
        await until(lambda: desk.now > began + 2.5)
        assert node.told == [faulty]
        desk.clear(name)
        await node.comes_to(faulty, BASELINE)
        await _end(announcing)
        node.follower.close()

    asyncio.run(run())


def test_when_the_announcer_dies_its_injections_and_those_of_its_nodes_end_with_the_lease() -> None:
    async def run() -> None:
        desk, node = _desk(lease=2.0), _Node()
        announcing = asyncio.create_task(announce(desk, [node.follower.take]))
        desk.inject("auth.key-drift", DRIFT, for_seconds=3600.0)
        faulty = desk.conditions()
        await node.comes_to(faulty)
        await _end(announcing)
        await node.comes_to(faulty, BASELINE)
        await until(lambda: desk.conditions() == BASELINE)
        assert [entry.event.details.get("reason") for entry in desk.journal()] == [None, "lease"]

    asyncio.run(run())


def test_an_announcer_follows_a_moving_level_and_an_end_without_being_woken() -> None:
    async def run() -> None:
        desk, node = _desk(), _Node()
        announcing = asyncio.create_task(announce(desk, [node.follower.take]))
        desk.inject("auth.key-drift", DRIFT, for_seconds=1.0)
        await node.comes_to(desk.conditions(), BASELINE)
        await _end(announcing)
        node.follower.close()

    asyncio.run(run())


def test_a_node_on_another_threads_loop_is_told_there_and_a_closed_loop_hurts_nobody() -> None:
    loop = asyncio.new_event_loop()
    node = _Node()
    desk = _desk()

    async def run() -> None:
        announcing = asyncio.create_task(announce(desk, [on_loop(loop, node.follower)]))
        desk.inject("auth.key-drift", DRIFT)
        await until(lambda: bool(node.told))
        loop.call_soon_threadsafe(node.follower.close)
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.to_thread(thread.join, 10)
        loop.close()
        desk.halt()
        await asyncio.sleep(0)
        await _end(announcing)

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run(run())
    assert len(node.told) == 1


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_a_node_that_reads_slowly_gets_whole_lines_and_the_latest() -> None:
    async def run() -> tuple[int, list[NodeMessage]]:
        readable, writable = os.pipe()
        sink = PipeSink(writable)
        message = _desk().message()
        sent = 0
        while sent < 2000:
            sent += 1
            sink(NodeMessage("a", sent, 30.0, message.conditions))
        stream = asyncio.StreamReader()
        with os.fdopen(readable, "rb", buffering=0) as pipe:
            protocol = asyncio.StreamReaderProtocol(stream)
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
            found: list[NodeMessage] = []
            async with asyncio.timeout(10):
                while not found or found[-1].serial < sent:
                    found.append(decode(await stream.readline()))
            transport.close()
        sink.close()
        os.close(writable)
        return sent, found

    sent, found = asyncio.run(run())
    serials = [message.serial for message in found]
    assert serials == sorted(set(serials))
    assert len(serials) < sent


def test_a_node_that_is_gone_does_not_hurt_the_announcer() -> None:
    async def run() -> bool:
        readable, writable = os.pipe()
        os.close(readable)
        sink = PipeSink(writable)
        for _ in range(2):
            sink(_desk().message())
        os.close(writable)
        return sink.broken

    assert asyncio.run(run())


CHILD = """
import asyncio, sys, time
from simulator.conditions import Settings
from simulator.control.feed import read_feed
from simulator.control.follower import Follower

def say(what):
    print(what, flush=True)

async def main():
    stream = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), sys.stdin)
    follower = Follower(Settings(), lambda c: say(len(c.variations)), lambda s: say(s.id), time.monotonic)
    await read_feed(stream, follower.take, lambda problem: say(str(problem)))
    say("end of file")
    while len(follower.leased.at(time.monotonic()).variations):
        await asyncio.sleep(0.01)
    follower.close()
    say("baseline")

asyncio.run(main())
"""

CONTROLLER = """
import asyncio, os, sys, time
from faults import load_faults
from simulator.conditions import Settings
from simulator.control.announcer import PipeSink, announce
from simulator.control.controller import Controller
from simulator.control.desk import Desk

desk = Desk(Controller(Settings(), lease_seconds=3.0), time.monotonic)
desk.inject("auth.key-drift", load_faults()["auth.key-drift"]())
asyncio.run(announce(desk, [PipeSink(int(sys.argv[1]))]))
"""


def test_killing_the_controller_returns_a_node_in_another_process_to_its_baseline() -> None:
    node = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert node.stdin is not None
    assert node.stdout is not None
    pipe = node.stdin.fileno()
    controller = subprocess.Popen([sys.executable, "-c", CONTROLLER, str(pipe)], pass_fds=(pipe,))
    with node, controller:
        node.stdin.close()
        assert node.stdout.readline() == "2\n", "the drift varies two knobs"
        controller.kill()
        assert node.stdout.read().split("\n") == ["end of file", "0", "baseline", ""]
