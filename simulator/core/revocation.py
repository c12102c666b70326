"""Revoked sessions: what the server remembers of them, and for how long.

As in the original, a session is forgotten after a while, or when the process that remembers it starts anew: from then
on its old tokens let it in again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.core.messages import ChannelCrashed, ErrorPush, Frame, Problem
from simulator.core.refusals import REAUTH_REQUIRED, Revoked

if TYPE_CHECKING:
    from simulator.conditions import Settings
    from simulator.core.messages import ServerMessage

AUTH_TOPIC = "sync.auth"
"""The topic of the frame that tells a live channel of its revocation; nobody can subscribe to it."""

_MESSAGE = "session access was revoked; sign in again"


def ends_sockets(settings: Settings) -> bool:
    """Tell whether a revocation ends the open sockets of its session."""
    return settings.sessions.revocation in ("full", "evicts_only")


def refuses_joins(settings: Settings) -> bool:
    """Tell whether the server refuses the joins of sessions that it remembers as revoked."""
    return settings.sessions.revocation in ("full", "remembers_only")


def refusal(reason: str) -> Problem:
    """Return what a client of a revoked session is told."""
    return Problem(REAUTH_REQUIRED, _MESSAGE, detail=Revoked(reason))


def eviction(reason: str) -> list[ServerMessage]:
    """Return what a live channel is told before its socket ends: push, frame, and that the channel crashed."""
    problem = refusal(reason)
    return [ErrorPush(problem), Frame("ERROR", AUTH_TOPIC, 0, problem), ChannelCrashed()]


class Revocations:
    """The revoked sessions, by the subject of their tokens; each until a time in seconds since the run's start."""

    def __init__(self) -> None:
        self._revoked: dict[str, tuple[str, float]] = {}

    def __len__(self) -> int:
        return len(self._revoked)

    def remember(self, now: float, subject: str, reason: str, seconds: float) -> None:
        """Remember a session as revoked for some time, and drop those whose time is over."""
        self._revoked = {key: entry for key, entry in self._revoked.items() if entry[1] >= now}
        self._revoked[subject] = (reason, now + seconds)

    def reason_of(self, now: float, subject: str) -> str | None:
        """Return why a session was revoked; None if it was not, or is forgotten."""
        reason, until = self._revoked.get(subject, (None, now))
        return reason if until >= now else None

    def forget(self) -> None:
        """Forget everything, as a process does that starts anew."""
        self._revoked.clear()
