"""What unmodified Realtime clients do against the live server: realtime-js from npm, and `realtime` from PyPI.

Both put a prefix before the channel's topic, and the second one speaks the older form of frames. Everything is played
at once, in about twenty seconds; then every test looks at what was recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.realclients.gaps import JITTER_SECONDS, assert_gaps
from tests.realclients.node import Clients, install_packages, install_realtime
from tests.realclients.stage import NO_CLOSE_FRAME, TOPICS, Stage, Treatment, close, crash
from tests.realclients.teeth import REFUSED_TEETH

REFUSED = {package: REFUSED_TEETH[package] for package in ("realtime-js", "realtime-py")}
CODES = (1000, 1001, 1008, 1012, NO_CLOSE_FRAME)

if TYPE_CHECKING:
    from simulator.core.metrics import Key
    from tests.realclients.node import Event

PACKAGES = tuple(REFUSED)

PARTS: dict[str, tuple[str, str, Treatment | None]] = {
    "calm": ("calm", "sync:v1", None),
    "frozen": ("refusing", "sync:v1", None),
    "stranger": ("calm", "sync:v2", None),
    "crashed": ("calm", "sync:v1", Treatment(crash)),
    "silent": ("impatient", "sync:v1", None),
    **{f"closed-{code}": ("calm", "sync:v1", Treatment(close(code))) for code in CODES},
}
"""By name: the server of the stage, the channel, and what is done to it there."""
CLOSED = [part for part in PARTS if part.startswith("closed-")]


@dataclass(frozen=True, slots=True)
class Played:
    """What happened to every client, and what the servers counted."""

    clients: dict[str, Clients]
    counts: dict[str, dict[Key, int]]

    def events(self, package: str, part: str, *names: str) -> list[Event]:
        """Return what happened to a client, of these names."""
        return self.clients[package].events(part, *names)

    def dials(self, package: str, part: str) -> list[float]:
        """Return when a client asked for a socket."""
        return [event.at for event in self.events(package, part, "dial")]

    def joins(self, package: str, part: str) -> list[float]:
        """Return when a client sent a join."""
        return [event.at for event in self.events(package, part, "sent") if event.more["name"] == "phx_join"]


@pytest.fixture(scope="module")
def played() -> Played:
    """Play all parts with both packages."""
    node, python = install_packages(), install_realtime()
    with Stage() as stage, Clients(node, "drive_realtime.mjs") as js, Clients(python, "drive_realtime.py") as py:
        clients = {"realtime-js": js, "realtime-py": py}
        for number, (package, part) in enumerate((package, part) for package in PACKAGES for part in PARTS):
            start(stage, clients[package], number, part)
        js.wait_for("the last tooth", lambda: len(js.events("frozen", "dial")) >= len(REFUSED["realtime-js"]))
        py.wait_for("the end of the last try", lambda: bool(py.events("frozen", "gave-up")))
        counted, knocks = stage.servers["refusing"].metrics.values, sum(map(len, REFUSED.values()))
        js.wait_for("the count of the last knock", lambda: counted["socket_auth", "error", "missing_token"] >= knocks)
        counts = {name: dict(server.metrics.values) for name, server in stage.servers.items()}
    return Played(clients, counts)


def start(stage: Stage, clients: Clients, number: int, name: str) -> None:
    server, channel, treatment = PARTS[name]
    if treatment is not None:
        stage.treatments[number] = treatment
    clients.command(
        do="start",
        client=name,
        url=f"ws://127.0.0.1:{stage.ports[server]}/socket",
        token=stage.token(number),
        channel=channel,
        topics=TOPICS,
    )


every_package = pytest.mark.parametrize("package", PACKAGES)


@every_package
def test_a_client_joins_by_the_alias_and_subscribes(played: Played, package: str) -> None:
    assert played.events(package, "calm", "status")[0].more["status"] == "SUBSCRIBED"
    assert [event.more["name"] for event in played.events(package, "calm", "ok")] == ["sync:subscribe"]
    topics = {event.more["topic"] for event in played.events(package, "calm", "sent")}
    assert topics - {"phoenix"} == {"realtime:sync:v1"}
    assert len(played.dials(package, "calm")) == len(played.joins(package, "calm")) == 1


def test_realtime_js_gets_what_the_log_keeps_under_the_alias(played: Played) -> None:
    updates = played.events("realtime-js", "calm", "update")
    assert [mark for update in updates for of, mark in update.more["watermarks"] if of == "a"][:3] == [1, 2, 3]


# --- refused at the upgrade


@every_package
def test_a_refused_client_knocks_in_its_teeth(played: Played, package: str) -> None:
    """The profile of the same name knocks at the same times: `test_waveform.py`."""
    dials = played.dials(package, "frozen")
    assert_gaps(dials, *(later - earlier for earlier, later in pairwise(REFUSED[package])))
    assert len(dials) == len(REFUSED[package])
    assert played.joins(package, "frozen") == []


def test_realtime_py_gives_up_after_its_fifth_try(played: Played) -> None:
    assert len(played.events("realtime-py", "frozen", "gave-up")) == 1


def test_the_server_counts_every_knock(played: Played) -> None:
    knocks = sum(len(played.dials(package, "frozen")) for package in PACKAGES)
    assert played.counts["refusing"]["socket_auth", "error", "missing_token"] == knocks


# --- sockets and channels that end


@every_package
@pytest.mark.parametrize("part", CLOSED)
def test_a_client_comes_back_after_every_code_and_never_more_slowly(played: Played, package: str, part: str) -> None:
    """The channel stands for 0.2 s; realtime-js then waits for a second, realtime-py for nothing."""
    gaps = [later - earlier for earlier, later in pairwise(played.dials(package, part))]
    wait = 1.0 if package == "realtime-js" else 0.0
    assert len(gaps) >= 8
    assert all(gap >= 0.2 + wait - JITTER_SECONDS for gap in gaps)
    assert sorted(gaps)[len(gaps) // 2] < 0.2 + wait + 0.3


@every_package
def test_a_crashed_channel_is_joined_again_on_the_same_socket_every_second(played: Played, package: str) -> None:
    assert_gaps(played.joins(package, "crashed"), 1.2, 1.2, 1.2)
    assert len(played.dials(package, "crashed")) == 1


@every_package
def test_a_refused_join_is_tried_again_ever_more_slowly_on_the_same_socket(played: Played, package: str) -> None:
    assert_gaps(played.joins(package, "stranger"), 1.0, 2.0, 5.0)
    assert len(played.dials(package, "stranger")) == 1


@every_package
def test_a_closed_channel_is_never_joined_again(played: Played, package: str) -> None:
    statuses: list[Any] = [event.more["status"] for event in played.events(package, "silent", "status")]
    assert statuses == ["SUBSCRIBED", "CLOSED"]
    assert len(played.dials(package, "silent")) == len(played.joins(package, "silent")) == 1
