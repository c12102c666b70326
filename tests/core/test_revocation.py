"""Revoked sessions: told, ended, refused when they join, remembered, and forgotten."""

from __future__ import annotations

import pytest

from simulator.conditions import Settings
from simulator.core.log import EventLog
from simulator.core.messages import (
    ChannelCrashed,
    ErrorPush,
    Frame,
    Join,
    Joined,
    Problem,
    Reply,
    Subscribe,
    TransportHeartbeat,
)
from simulator.core.metrics import Metrics
from simulator.core.refusals import Revoked
from simulator.core.revocation import Revocations, ends_sockets, refuses_joins
from simulator.core.server import SyncServer
from simulator.core.session import ChannelSession, State
from simulator.core.tokens import Issuer, Verifier
from simulator.errors import TokenRejected, UpgradeRefused

FULL = Settings().with_value("sessions.revocation", "full")
TOLD = Problem("reauth_required", "session access was revoked; sign in again", detail=Revoked("token_replay"))


class Gate:
    """A server, and tokens for it."""

    def __init__(self) -> None:
        self.server = SyncServer(EventLog(("a",)), Verifier(b"secret", 0), Metrics())
        self.issuer = Issuer(b"secret", 0)

    def knock(self, now: float, user: str = "7", settings: Settings = FULL) -> ChannelSession:
        """Ask for a socket with a fresh token."""
        token = self.issuer.mint(now, user, ("a",), Settings())
        return self.server.handshake(now, token.text, settings)

    def refused(self) -> int:
        """Count the handshakes that failed because the session was revoked."""
        return self.server.metrics.values["socket_auth", "error", "reauth_required"]

    def accepted(self) -> int:
        """Count the handshakes that went well."""
        return self.server.metrics.values["socket_auth", "ok", "authorized"]


def test_a_live_channel_is_told_by_push_frame_and_crash_and_counts_as_lost() -> None:
    gate = Gate()
    session = gate.knock(0)
    session.receive(0, Join(ref=1), FULL)
    assert session.evict(0.0, "token_replay") == [
        ErrorPush(TOLD),
        Frame("ERROR", "sync.auth", 0, TOLD),
        ChannelCrashed(),
    ]
    assert session.state is State.CLOSED
    assert gate.server.metrics.values["socket_connection", "disconnect", "error"] == 1


def test_a_socket_without_a_channel_is_told_nothing() -> None:
    assert Gate().knock(0).evict(0.0, "token_replay") == []


def test_a_revoked_session_gets_a_socket_and_may_not_join() -> None:
    gate = Gate()
    gate.server.revoke(0, "user:7", "token_replay", FULL)
    session = gate.knock(10)
    assert (gate.refused(), gate.accepted()) == (1, 0)
    assert session.receive(10, Join(ref=1), FULL) == [Reply(1, TOLD)]
    assert session.state is State.NEW
    assert gate.server.metrics.values["socket_connection", "connect", "ok"] == 0
    assert session.receive(10, Join("other", 2), FULL) == [Reply(2, Problem("bad_topic"), "other")]
    assert isinstance(session.receive(10, TransportHeartbeat(3), FULL)[0], Reply)


def test_another_users_session_is_not_concerned() -> None:
    gate = Gate()
    gate.server.revoke(0, "user:7", "token_replay", FULL)
    (reply,) = gate.knock(1, "70").receive(1, Join(ref=1), FULL)
    assert isinstance(reply, Reply)
    assert isinstance(reply.response, Joined)


def test_what_was_found_at_the_handshake_holds_as_long_as_the_socket_does() -> None:
    """As in the original, where a rejoin asks nobody again: neither after a revocation, nor after it is forgotten."""
    gate = Gate()
    before = gate.knock(0)
    gate.server.revoke(1, "user:7", "token_replay", FULL)
    after = gate.knock(2)
    (joined,), (refused,) = (session.receive(5000, Join(ref=1), FULL) for session in (before, after))
    assert isinstance(joined, Reply)
    assert isinstance(joined.response, Joined)
    assert refused == Reply(1, TOLD)


@pytest.mark.parametrize(("now", "refused"), [(900.0, 1), (900.5, 0)])
def test_a_revocation_is_forgotten_after_its_time_and_the_access_is_back(now: float, refused: int) -> None:
    gate = Gate()
    gate.server.revoke(0, "user:7", "token_replay", FULL)
    gate.knock(now)
    assert gate.refused() == refused


def test_a_restart_forgets_every_revocation() -> None:
    gate = Gate()
    gate.server.revoke(0, "user:7", "token_replay", FULL)
    gate.server.restart()
    gate.knock(1)
    assert (gate.refused(), gate.accepted()) == (0, 1)


@pytest.mark.parametrize(
    ("mode", "ends", "refuses"),
    [("off", False, False), ("full", True, True), ("evicts_only", True, False), ("remembers_only", False, True)],
)
def test_each_half_of_a_revocation_can_be_missing(mode: str, ends: bool, refuses: bool) -> None:  # noqa: FBT001
    settings = Settings().with_value("sessions.revocation", mode)
    assert (ends_sockets(settings), refuses_joins(settings)) == (ends, refuses)
    gate = Gate()
    gate.server.revoke(0, "user:7", "token_replay", settings)
    gate.knock(1, settings=settings)
    assert gate.refused() == int(refuses)


def test_a_server_that_no_longer_acts_on_revocations_lets_everybody_in() -> None:
    gate = Gate()
    gate.server.revoke(0, "user:7", "token_replay", FULL)
    gate.knock(1, settings=Settings())
    assert (gate.refused(), gate.accepted()) == (0, 1)


def test_what_is_forgotten_takes_no_room() -> None:
    revocations = Revocations()
    for number in range(1000):
        revocations.remember(number, f"user:{number}", "r", 10)
    assert len(revocations) == 11
    assert revocations.reason_of(999, "user:5") is None
    assert revocations.reason_of(999, "user:995") == "r"


def test_a_bad_token_is_refused_before_anybody_asks_about_revocations() -> None:
    gate = Gate()
    gate.server.revoke(0, "user:7", "token_replay", FULL)
    stale = gate.issuer.mint(0, "7", ("a",), Settings())
    with pytest.raises(UpgradeRefused) as refused:
        gate.server.handshake(400, stale.text, FULL)
    assert isinstance(refused.value.__cause__, TokenRejected)
    assert refused.value.__cause__.reason == "token_expired"
    assert gate.refused() == 0


def test_an_evicted_channel_takes_no_more_messages() -> None:
    gate = Gate()
    session = gate.knock(0)
    session.receive(0, Join(ref=1), FULL)
    session.evict(0.0, "token_replay")
    (reply,) = session.receive(1, Subscribe(("a",), {}, ref=2), FULL)
    assert isinstance(reply, Reply)
    assert reply.response == Problem("unmatched topic")
