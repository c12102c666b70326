"""What unmodified Phoenix clients do against the live server: three versions of the package, all in one Node process.

Everything is played at once, in about twenty seconds, which is how long a refused client needs for its thirteen
handshakes; then every test looks at what was recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from simulator.core.session import State
from tests.realclients.gaps import assert_gaps
from tests.realclients.node import Clients, install_packages
from tests.realclients.stage import NO_CLOSE_FRAME, TOPICS, Stage, Treatment, close, crash, revoke
from tests.realclients.teeth import DELAYS, TEETH

if TYPE_CHECKING:
    from simulator.core.metrics import Key
    from tests.realclients.node import Event

VERSIONS = ("phoenix-1-6", "phoenix-1-7", "phoenix-1-8")
CODES = (1000, 1001, NO_CLOSE_FRAME, 1008, 1011, 1012, 1013, 4000)


@dataclass(frozen=True, slots=True)
class Part:
    """What one client is made to meet: a server of the stage, and what is done to it there."""

    server: str
    treatment: Treatment | None = None
    topic: str = "sync:v1"
    socket: dict[str, int] = field(default_factory=dict)
    app: dict[str, Any] = field(default_factory=dict)


SUBSCRIBING = {"topics": TOPICS}
PARTS: dict[str, Part] = {
    **{f"closed-{code}": Part("calm", Treatment(close(code), most=1), app=SUBSCRIBING) for code in CODES},
    "dropped": Part("calm", Treatment(close(1012)), app=SUBSCRIBING),
    "crashed": Part("calm", Treatment(crash), app=SUBSCRIBING),
    "stranger": Part("calm", topic="sync:v2"),
    "revoked": Part("revoking", Treatment(revoke), app=SUBSCRIBING),
    "unnamed": Part("gated"),
    "frozen": Part("refusing"),
    "asking": Part("refusing", app={"asks_anew": True}),
    "beating": Part("impatient", app={**SUBSCRIBING, "beat_ms": 500}),
    "silent": Part("impatient", socket={"heartbeatIntervalMs": 500}, app=SUBSCRIBING),
    "bereft": Part("impatient", Treatment(close(1012), State.CLOSED), socket={"heartbeatIntervalMs": 500}),
    "unanswered": Part("mute", socket={"timeout": 1000}),
    "late": Part("tardy", socket={"timeout": 1000}),
    "dead-peer": Part("mute", socket={"heartbeatIntervalMs": 1000}),
    "hung": Part("hung"),
}


class Played:
    """What happened to every client, and what the servers counted."""

    def __init__(self, clients: Clients) -> None:
        self.counts: dict[str, dict[Key, int]] = {}
        self._clients = clients

    def events(self, version: str, part: str, *names: str) -> list[Event]:
        """Return what happened to a client, of these names."""
        return self._clients.events(f"{version}/{part}", *names)

    def dials(self, version: str, part: str) -> list[float]:
        """Return when a client asked for a socket."""
        return [event.at for event in self.events(version, part, "dial")]

    def joins(self, version: str, part: str) -> list[float]:
        """Return when a client sent a join."""
        return [event.at for event in self.sent(version, part) if event.more["name"] == "phx_join"]

    def sent(self, version: str, part: str) -> list[Event]:
        """Return the frames that a client sent."""
        return self.events(version, part, "sent")

    def watermarks(self, version: str, part: str, topic: str) -> list[int]:
        """Return the watermarks of a topic's events in the order in which a client got them."""
        updates = self.events(version, part, "update")
        return [mark for update in updates for of, mark in update.more["watermarks"] if of == topic]


@pytest.fixture(scope="module")
def played() -> Played:
    """Play all parts with all versions."""
    node = install_packages()
    with Stage() as stage, Clients(node, "drive.mjs") as clients:
        played = Played(clients)
        for number, (version, name) in enumerate((version, name) for version in VERSIONS for name in PARTS):
            start(stage, clients, number, version, name)
        clients.wait_for("the last tooth", lambda: all(is_over(played, version) for version in VERSIONS))
        played.counts = {name: dict(server.metrics.values) for name, server in stage.servers.items()}
    return played


def start(stage: Stage, clients: Clients, number: int, version: str, name: str) -> None:
    part = PARTS[name]
    if part.treatment is not None:
        stage.treatments[number] = part.treatment
    clients.command(
        do="start",
        client=f"{version}/{name}",
        package=version,
        url=f"ws://127.0.0.1:{stage.ports[part.server]}/socket",
        token=stage.token(number),
        topic=part.topic,
        socket=part.socket,
        app=part.app,
    )


def is_over(played: Played, version: str) -> bool:
    """Tell whether the client that takes longest, and those that could be late on a busy machine, have done enough."""
    return (
        all(len(played.events(version, part, "close")) >= len(TEETH) for part in ("frozen", "asking"))
        and all(len(played.joins(version, part)) >= 4 for part in ("stranger", "unnamed"))
        and all(len(played.joins(version, part)) >= 4 for part in ("unanswered", "late"))
        and len(played.dials(version, "dead-peer")) >= 3
        and len(played.dials(version, "bereft")) >= 2
    )


every_version = pytest.mark.parametrize("version", VERSIONS)


@every_version
def test_a_client_joins_and_subscribes_and_gets_what_the_log_keeps(played: Played, version: str) -> None:
    first_join = played.events(version, "beating", "joined")[0].more["response"]
    assert first_join["allowed_topics"] == list(TOPICS)
    answered = [event.more["name"] for event in played.events(version, "beating", "ok")]
    assert answered[:2] == ["sync:subscribe", "sync:heartbeat"]
    assert played.watermarks(version, "beating", "a")[:3] == [1, 2, 3]


# --- refused at the upgrade


@every_version
@pytest.mark.parametrize("part", ["frozen", "asking"])
def test_a_refused_client_knocks_thirteen_times_in_twenty_seconds(played: Played, version: str, part: str) -> None:
    assert_gaps(played.dials(version, part), *DELAYS)
    assert len(played.dials(version, part)) == len(TEETH)
    assert played.joins(version, part) == []
    assert {event.more["code"] for event in played.events(version, part, "close")} == {1006}


def test_the_server_counts_every_knock(played: Played) -> None:
    counted = played.counts["refusing"]["socket_auth", "error", "missing_token"]
    assert counted == 2 * len(VERSIONS) * len(TEETH)


@every_version
def test_a_refused_client_comes_back_with_the_same_token_unless_its_params_are_a_function(
    played: Played, version: str
) -> None:
    frozen = played.events(version, "frozen", "dial")
    assert len({event.more["token"] for event in frozen}) == 1
    asking = played.events(version, "asking", "dial")
    assert [event.more["asked"] for event in asking] == [str(number) for number in range(1, len(asking) + 1)]


# --- closed by the server


@every_version
@pytest.mark.parametrize("code", CODES)
def test_a_close_code_is_followed_by_a_new_socket_unless_it_is_1000_before_1_8(
    played: Played, version: str, code: int
) -> None:
    part = f"closed-{code}"
    assert [event.more["code"] for event in played.events(version, part, "close")][:1] == [code]
    if code == 1000 and version != "phoenix-1-8":
        assert len(played.dials(version, part)) == len(played.joins(version, part)) == 1
        return
    assert len(played.dials(version, part)) == len(played.joins(version, part)) == 2
    closed, reopened = played.events(version, part, "close")[0], played.events(version, part, "dial")[1]
    assert_gaps([closed.at, reopened.at], DELAYS[0])


@every_version
@pytest.mark.parametrize("code", [code for code in CODES if code != 1000])
def test_a_client_that_comes_back_resumes_by_its_cursor_without_a_gap_or_a_repetition(
    played: Played, version: str, code: int
) -> None:
    got = played.watermarks(version, f"closed-{code}", "a")
    assert got == list(range(1, len(got) + 1))
    assert len(got) > 3


def test_the_server_counts_every_subscription_that_resumes(played: Played) -> None:
    assert played.counts["calm"]["socket_reconnect", "ok"] >= len(VERSIONS) * (len(CODES) - 1)


@every_version
def test_accepting_and_then_dropping_never_lets_the_backoff_grow(played: Played, version: str) -> None:
    dials = played.dials(version, "dropped")
    assert len(dials) >= 2 * len(DELAYS)
    gaps = sorted(later - earlier for earlier, later in pairwise(dials))
    assert gaps[len(gaps) // 2] < 1.0  # had it grown, most would be at five seconds


# --- the channel ends, and the socket stays


@every_version
def test_a_crashed_channel_is_joined_again_on_the_same_socket_every_second(played: Played, version: str) -> None:
    assert_gaps(played.joins(version, "crashed"), 1.0, 1.0, 1.0, 1.0)
    assert len(played.dials(version, "crashed")) == 1


@every_version
def test_a_refused_join_is_tried_again_ever_more_slowly_on_the_same_socket(played: Played, version: str) -> None:
    assert played.events(version, "stranger", "join-refused")[0].more["response"]["code"] == "bad_topic"
    assert_gaps(played.joins(version, "stranger"), 1.0, 2.0, 5.0)
    assert len(played.dials(version, "stranger")) == 1


@every_version
def test_a_client_that_names_no_build_is_refused_at_the_join_and_takes_no_notice(played: Played, version: str) -> None:
    refusal = played.events(version, "unnamed", "join-refused")[0].more["response"]
    assert (refusal["code"], refusal["upgrade_required"]) == ("invalid_client_build", True)
    assert_gaps(played.joins(version, "unnamed"), 1.0, 2.0, 5.0)
    assert len(played.dials(version, "unnamed")) == 1


@every_version
def test_a_revoked_client_comes_back_to_be_refused_unless_its_version_takes_the_close_for_the_end(
    played: Played, version: str
) -> None:
    refusals = [event.more["response"]["code"] for event in played.events(version, "revoked", "join-refused")]
    if version == "phoenix-1-8":
        assert len(played.dials(version, "revoked")) == 2
        assert set(refusals) == {"reauth_required"}
        assert len(refusals) >= 4
    else:
        assert len(played.dials(version, "revoked")) == 1
        assert refusals == []


def test_the_server_counts_those_whom_it_let_in_to_be_refused(played: Played) -> None:
    assert played.counts["gated"]["socket_auth", "error", "invalid_client_build"] == len(VERSIONS)
    assert played.counts["revoking"]["socket_auth", "error", "reauth_required"] == 1


@every_version
def test_without_sync_heartbeats_the_channel_is_closed_however_often_the_socket_beats(
    played: Played, version: str
) -> None:
    beats = [event for event in played.sent(version, "silent") if event.more["topic"] == "phoenix"]
    (closed,) = played.events(version, "silent", "channel-closed")
    assert len([beat for beat in beats if beat.at < closed.at]) >= 2
    assert played.events(version, "beating", "channel-closed") == []


@every_version
def test_a_closed_channel_is_never_joined_again_while_its_socket_beats_on(played: Played, version: str) -> None:
    (closed,) = played.events(version, "silent", "channel-closed")
    after = [event.more["topic"] for event in played.sent(version, "silent") if event.at > closed.at]
    assert len(after) >= 3
    assert set(after) == {"phoenix"}
    assert len(played.dials(version, "silent")) == len(played.joins(version, "silent")) == 1


@every_version
def test_not_even_on_its_next_socket_does_a_client_join_a_channel_that_was_closed(played: Played, version: str) -> None:
    assert len(played.events(version, "bereft", "open")) == 2
    assert len(played.joins(version, "bereft")) == 1


def test_the_server_counts_the_channels_that_timed_out(played: Played) -> None:
    assert played.counts["impatient"]["socket_timeout", "timeout"] == 2 * len(VERSIONS)


# --- no answer


@every_version
def test_a_join_without_an_answer_is_left_and_tried_again_on_the_same_socket(played: Played, version: str) -> None:
    """An answer has one second here in place of ten; that of the first join runs from before the socket is open."""
    first, later = played.dials(version, "unanswered")[0], played.joins(version, "unanswered")[1:]
    assert_gaps([first, *later], 1.0 + 1.0, 1.0 + 2.0, 1.0 + 5.0)
    names = [event.more["name"] for event in played.sent(version, "unanswered")]
    assert names[:4] == ["phx_join", "phx_leave", "phx_join", "phx_leave"]
    assert len(played.dials(version, "unanswered")) == 1


@every_version
def test_an_answer_to_a_join_that_was_given_up_is_no_answer_to_the_next(played: Played, version: str) -> None:
    assert len(played.joins(version, "late")) >= 4
    assert played.events(version, "late", "joined", "channel-closed") == []


@every_version
def test_a_socket_whose_heartbeat_is_not_answered_by_the_next_is_replaced_without_delay(
    played: Played, version: str
) -> None:
    """A heartbeat is due every second here."""
    assert_gaps(played.dials(version, "dead-peer"), 2.0, 2.0)
    hang_ups = [event.more for event in played.events(version, "dead-peer", "hang-up") if "reason" in event.more]
    assert hang_ups[0] == {"code": 1000, "reason": "heartbeat timeout"}


@every_version
def test_an_upgrade_without_an_answer_is_waited_for(played: Played, version: str) -> None:
    assert len(played.dials(version, "hung")) == 1
    assert played.events(version, "hung", "open", "close") == []
