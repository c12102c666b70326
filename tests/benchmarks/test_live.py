"""The live benchmarks, made small: they measure real servers, and they notice when something is wrong."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect

from benchmarks import live
from benchmarks.figures import MeasurementFailed
from benchmarks.server_process import ServerProcess
from benchmarks.swarm import Peer, Swarm
from benchmarks.traffic import JOIN, SUBSCRIBE, upgrade_requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.server_process import Kind

CLIENTS = 20


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RECIPIENTS", "CONNECTS", "IDLE", "HELD"):
        monkeypatch.setattr(live, name, CLIENTS)
    for name, seconds in {"HEARTBEAT_SECONDS": 0.2, "SETTLE_SECONDS": 0.3}.items():
        monkeypatch.setattr(live, name, seconds)


@contextmanager
def subscribed() -> Iterator[tuple[ServerProcess, Swarm]]:
    """Return our server with clients that have subscribed."""
    with ServerProcess("ours", CLIENTS) as server, Swarm(server.port) as swarm:
        swarm.connect(upgrade_requests(CLIENTS))
        swarm.say(JOIN, 1)
        swarm.say(SUBSCRIBE, 1)
        yield server, swarm


# --- what is measured


def test_every_figure_is_measured_on_real_servers() -> None:
    figures = {figure.goal.name: figure for figure in live.measure(runs=1)}
    assert list(figures) == [goal.name for goal in live.GOALS if goal is not live.LOST]
    assert all(figure.value > 0 for figure in figures.values() if figure.goal is not live.MEMORY)
    # Several updates in one write are cheaper than one in each, whatever the machine.
    assert figures[live.BATCHED.name].value > figures[live.BROADCAST.name].value


def test_the_soak_holds_connections_and_loses_none() -> None:
    (figure,) = live.soak(1.0)
    assert figure.is_met
    assert (figure.goal, figure.value) == (live.LOST, 0)
    assert "heartbeats" in figure.detail


def test_bare_and_ours_send_as_many_characters_for_an_update() -> None:
    def received(kind: Kind, messages: int, *sent: str) -> int:
        (request,) = upgrade_requests(1)
        path = request.split()[1].decode()
        with (
            ServerProcess(kind, 1) as server,
            connect(f"ws://127.0.0.1:{server.port}{path}", compression=None, proxy=None) as client,
        ):
            for text in sent:
                client.send(text)
                client.recv(timeout=10)
            server.begin_publishing(1, 1)
            return sum(len(client.recv(timeout=10)) for _ in range(messages))

    assert received("bare", 1) == received("ours", 2, JOIN, SUBSCRIBE)


# --- what goes wrong


def test_a_soak_that_loses_connections_misses_its_goal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT", "no frame")  # for which the server closes a socket
    (figure,) = live.soak(0.5)
    assert figure.value == CLIENTS
    assert not figure.is_met


def test_frames_that_nobody_expected_end_the_measurement() -> None:
    with subscribed() as (server, swarm):
        server.begin_publishing(1, 1)  # two frames for each, where one is expected
        with pytest.raises(MeasurementFailed, match="frames"):
            swarm.wait_for_each(swarm.frames_each + 1)


def test_frames_that_do_not_come_end_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.swarm.PATIENCE_SECONDS", 0.2)
    with subscribed() as (_, swarm), pytest.raises(MeasurementFailed, match=r"nothing came for 0\.2 s"):
        swarm.wait_for(swarm.frames + 1)


def test_sockets_that_the_server_ends_are_counted_and_end_the_measurement() -> None:
    with subscribed() as (server, swarm):
        server.__exit__()
        swarm.listen(1.0)
        assert swarm.lost == CLIENTS
        with pytest.raises(MeasurementFailed, match=f"the server ended {CLIENTS} sockets"):
            swarm.wait_for(swarm.frames + 1)


def test_an_upgrade_that_is_refused_ends_the_measurement() -> None:
    with ServerProcess("bare", 1) as server, Swarm(server.port) as swarm:
        (request,) = upgrade_requests(1)
        with pytest.raises(MeasurementFailed, match="403"):
            swarm.connect([request.replace(b"token=ey", b"token=xy")])


def count_frames(sizes: Iterable[int], cut: int) -> None:
    """Count frames of some sizes whose bytes come in pieces."""
    data = b"".join(Frame(Opcode.TEXT, b"x" * size).serialize(mask=False) for size in sizes)
    peer = Peer(b"")
    peer.link.close()
    assert all(peer.take(data[start : start + cut]) for start in range(0, len(data), cut))
    assert (peer.frames, peer.rest) == (len(tuple(sizes)), b"")
    assert not peer.take(Frame(Opcode.CLOSE, b"").serialize(mask=False))


@settings(deadline=None)
@given(st.lists(st.sampled_from([0, 1, 125, 126, 700]), max_size=6), st.integers(1, 1_500))
def test_frames_are_counted_however_their_bytes_are_cut(sizes: list[int], cut: int) -> None:
    count_frames(sizes, cut)


@pytest.mark.parametrize("size", [65_535, 65_536, 70_000])
def test_long_frames_are_counted_too(size: int) -> None:
    count_frames([size, 1, size], 16_384)
