"""A client's way to a socket: what people and machines do, its tokens, its backoff, and when it gives up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from simulator.core.effects import HANG_UP, LET_GO, MINT, Dial
from simulator.core.metrics import Metrics
from simulator.core.reasons import reason_of_close, reason_of_mint, reason_of_status
from simulator.core.timers import Timers

if TYPE_CHECKING:
    from simulator.conditions import Settings
    from simulator.core.effects import Effect, Timer
    from simulator.core.messages import Refused, SocketClosed
    from simulator.core.profile import Chance, Profile
    from simulator.core.tokens import Token


class State(Enum):
    """Where a client stands."""

    OFF = "off"
    HELD = "held"
    STOPPED = "stopped"
    WAITING = "waiting"
    DIALING = "dialing"
    JOINING = "joining"
    REJOINING = "rejoining"
    SUBSCRIBING = "subscribing"
    RECOVERING = "recovering"
    LIVE = "live"


TOKEN_MARGIN_SECONDS = 5.0
"""A client mints anew when its token has less than this left."""

RETURN_SPREAD_SECONDS = 2.0
"""Machines that come back together do so within this time."""

REFRESH_SECONDS = 0.1
"""Between a socket that is closed for a new token and the next: the original's own, without jitter."""

SHORTEST_USE_SECONDS = 1.0
"""A token is used for so long, however early it is to be replaced."""

OPEN = (State.JOINING, State.REJOINING, State.SUBSCRIBING, State.RECOVERING, State.LIVE)
CONNECTED = (State.DIALING, *OPEN)
_ONLINE = (*CONNECTED, State.WAITING, State.STOPPED)

_CLOSED_NORMALLY = 1000


@dataclass(frozen=True, slots=True)
class Habits:
    """How people use a client: mean seconds it is open, mean seconds it is closed between, and its topics."""

    session_lifetime_seconds: float
    offline_seconds: float
    topics: tuple[str, ...]


class Connector:
    """The part of a client that brings it to a socket, and keeps what outlasts one: token, cursors, attempts."""

    __slots__ = (
        "_attempt",
        "_awaits_reply",
        "_beats",
        "_chance",
        "_channel_gone",
        "_epoch",
        "_fetches",
        "_habits",
        "_metrics",
        "_refusals",
        "_rejoins",
        "_stale",
        "_timers",
        "_wait_seconds",
        "cursors",
        "profile",
        "settings",
        "state",
        "token",
    )

    def __init__(
        self, profile: Profile, habits: Habits, chance: Chance, settings: Settings, metrics: Metrics | None = None
    ) -> None:
        self.profile = profile
        self.settings = settings
        self.state = State.OFF
        self.token: Token | None = None
        self.cursors: dict[str, int] = {}
        self._habits = habits
        self._chance = chance
        self._metrics = Metrics() if metrics is None else metrics
        self._attempt = 0
        self._rejoins = 0
        self._refusals: tuple[int, int] = (0, 0)
        self._wait_seconds = 0.0
        self._epoch: int | None = None
        self._stale: tuple[str, ...] = ()
        self._fetches = 0
        self._awaits_reply = False
        self._beats = False
        self._channel_gone = False
        self._timers = Timers()

    def start(self, ramp_seconds: float) -> list[Effect]:
        """Begin the run in the steady state: open with the share of time that it is open, within the ramp."""
        habits = self._habits
        open_share = habits.session_lifetime_seconds / (habits.session_lifetime_seconds + habits.offline_seconds)
        if self._chance.random() < open_share:
            return [self._timers.set("open", self._chance.random() * ramp_seconds)]
        return [self._timers.set("open", self._draw(habits.offline_seconds))]

    def on_settings(self, now: float, settings: Settings) -> list[Effect]:
        """Take new settings; a machine that goes off hangs up, and one that comes on opens again soon."""
        refreshed_ahead, self.settings = self.settings.clients.refresh_ahead, settings
        if not settings.clients.online and self.state in _ONLINE:
            return self._hold()
        if settings.clients.online and self.state is State.HELD:
            self.state = State.OFF
            return [self._timers.set("open", now + self._chance.random() * RETURN_SPREAD_SECONDS)]
        return self._await_refresh(now) if settings.clients.refresh_ahead != refreshed_ahead else []

    def lose_cursors(self) -> None:
        """Forget every cursor, as a client does whose storage was wiped."""
        self.cursors.clear()

    # --- connecting

    def _open(self, now: float) -> list[Effect]:
        if not self.settings.clients.online:
            return self._hold()
        self._attempt = 0
        self._refusals = (0, 0)
        self._channel_gone = False
        close = self._timers.set("close", now + self._draw(self._habits.session_lifetime_seconds))
        return [close, *self._dial(now)]

    def _close(self, now: float) -> list[Effect]:
        effects = self._leave_socket() if self.state in CONNECTED else []
        self._timers.cancel("retry", "answer", "refresh")
        self.state = State.OFF
        return [*effects, self._timers.set("open", now + self._draw(self._habits.offline_seconds))]

    def _hold(self) -> list[Effect]:
        effects: list[Effect] = [HANG_UP] if self.state in CONNECTED else []
        self._timers.cancel("open", "close", "retry", "answer", "refresh")
        self.state = State.HELD
        return effects

    def _dial(self, now: float) -> list[Effect]:
        self.state = State.DIALING
        if self.token is not None and not self._wants_new_token(now, self.token):
            return self.on_token(now, self.token)
        return [MINT]

    def _wants_new_token(self, now: float, token: Token) -> bool:
        is_due = self.profile.mints == "each_time" or token.expires_at - TOKEN_MARGIN_SECONDS <= now
        return is_due and self.settings.clients.refresh_tokens

    def on_token(self, now: float, token: Token) -> list[Effect]:
        """Dial with a token, and expect to be live in time; one that comes too late is kept for the next time."""
        self.token = token
        if self.state is not State.DIALING:
            return []
        self._awaits_reply = self._beats = False
        profile = self.profile
        patience = profile.answer_timeout_seconds if profile.rejoin is None else profile.connect_timeout_seconds
        return [*self._await_answer(now, patience), Dial(token)]

    def on_mint_failed(self, now: float, reason: str = "upstream_unavailable") -> list[Effect]:
        """Back off, or give up: without a token there is nothing to dial with. `reason` is the issuer's."""
        if self.state is not State.DIALING:
            return []
        told = reason_of_mint(reason)
        if told != "network":
            self._tell("auth_failure", told)
        return self._stop() if reason in self.profile.stops_at_mint else self._back_off(now, told)

    def _await_answer(self, now: float, seconds: float) -> list[Timer]:
        """Return the timer that ends the client's patience; none if that has no end."""
        if seconds == math.inf or not self.settings.clients.give_up:
            self._timers.cancel("answer")
            return []
        return [self._timers.set("answer", now + seconds)]

    def _on_refused(self, now: float, message: Refused) -> list[Effect]:
        profile, (status, count) = self.profile, self._refusals
        self._refusals = (message.status, count + 1 if message.status == status else 1)
        reason = reason_of_status(message.status) if profile.sees_status else "network"
        if reason != "network":
            self._tell("auth_failure", reason)
        if self._refusals[1] >= profile.gives_up_after(message.status):
            if profile.forgets_when_denied:
                self.cursors.clear()
            return self._stop()
        if profile.on_refused == "remint" and self.settings.clients.refresh_tokens:
            self.token = None
        return self._back_off(now, reason)

    def _on_lost(self, now: float, end: SocketClosed) -> list[Effect]:
        if end.code == _CLOSED_NORMALLY and self.profile.on_close_1000 == "stop":
            return [HANG_UP, *self._stop()]
        reason = reason_of_close(end.code)
        if self.profile.returns_after_seconds is not None and self.state in OPEN:
            self._attempt = 0
            return [HANG_UP, *self._wait(now, self.profile.returns_after_seconds, reason)]
        return [HANG_UP, *self._back_off(now, reason)]

    # --- when something fails

    def _drop(self, now: float, reason: str) -> list[Effect]:
        """Part from the socket, and open another one later."""
        return [*self._leave_socket(), *self._back_off(now, reason)]

    def _leave_socket(self) -> list[Effect]:
        """Return how the client parts from its socket: leaks show only once it is open."""
        return [HANG_UP if self.settings.clients.close_sockets or self.state is State.DIALING else LET_GO]

    def _back_off(self, now: float, reason: str) -> list[Effect]:
        """Wait before the next socket, or give up if this was the last try."""
        profile, clients = self.profile, self.settings.clients
        if profile.tries is not None and self._attempt + 1 >= profile.tries:
            return self._stop()
        delay = profile.backoff.delay_seconds(self._attempt, self._chance, jittered=clients.jitter)
        self._attempt += 1
        return self._wait(now, delay, reason)

    def _wait(self, now: float, seconds: float, reason: str) -> list[Effect]:
        self._tell("reconnect", reason)
        self.state = State.WAITING
        self._timers.cancel("answer", "refresh")
        seconds, self._wait_seconds = max(seconds, self._wait_seconds), 0.0
        return [self._timers.set("retry", now + seconds)]

    def _stop(self) -> list[Effect]:
        self.state = State.STOPPED
        self._timers.cancel("retry", "answer", "refresh")
        return []

    @property
    def _backoff_resets(self) -> str:
        made = self.settings.clients.backoff_resets
        return self.profile.backoff_resets if made == "profile" else made

    # --- tokens that are replaced in time

    def _await_refresh(self, now: float) -> list[Effect]:
        """Set when the client reconnects with a new token, if it is one that does."""
        self._timers.cancel("refresh")
        clients = self.settings.clients
        if self.state is not State.LIVE or not clients.refresh_ahead or not clients.refresh_tokens or not self.token:
            return []
        due = self.token.expires_at - clients.refresh_ahead
        return [self._timers.set("refresh", max(due, now + SHORTEST_USE_SECONDS))]

    def _refresh(self, now: float) -> list[Effect]:
        effects = self._leave_socket()
        self.token = None
        self._attempt += 1
        return [*effects, *self._wait(now, REFRESH_SECONDS, "token_refresh_due")]

    # --- helpers

    def _draw(self, mean_seconds: float) -> float:
        return self._chance.expovariate(1 / mean_seconds) if mean_seconds > 0 else 0.0

    def _tell(self, event: str, reason: str) -> None:
        """Count what the client tells about itself."""
        self._metrics.add(("client_telemetry", event, self.profile.surface, self.settings.clients.build, reason))
