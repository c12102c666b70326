"""The client's side of the sync channel, as a state machine.

    OFF --open--> DIALING --accepted--> JOINING --joined--> SUBSCRIBING --subscribed--> LIVE
    DIALING, JOINING, SUBSCRIBING, LIVE --refused, lost, no answer--> WAITING --retry--> DIALING
    JOINING, SUBSCRIBING, LIVE --the channel fails, and the profile rejoins--> REJOINING --retry--> JOINING
    LIVE --the token is due for a refresh--> WAITING
    any connected state --refused or closed, and the profile gives up--> STOPPED
    any --the person closes the client--> OFF;  any --its machine goes off--> HELD --on again--> OFF

What happens on a message in a state stands in `_ON_MESSAGE`. Everything a client does is an effect for its driver;
whatever differs between kinds of clients is in its profile, and what can be made to go wrong is in its settings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from simulator.core.cursors import advance, make_subscription, recover
from simulator.core.effects import (
    HANG_UP,
    LET_GO,
    MINT,
    SEND_HEARTBEAT,
    SEND_JOIN,
    SEND_LEAVE,
    SEND_TRANSPORT_HEARTBEAT,
    WENT_LIVE,
    Dial,
    Send,
)
from simulator.core.messages import (
    TRANSPORT,
    Accepted,
    ChannelClosed,
    ChannelCrashed,
    ErrorPush,
    Frame,
    HeartbeatPush,
    HeartbeatState,
    Joined,
    Nothing,
    Problem,
    Refused,
    Reply,
    SocketClosed,
    Subscribed,
    UpdateBatch,
)
from simulator.core.metrics import Metrics
from simulator.core.reasons import DENIALS, reason_of_close, reason_of_mint, reason_of_status
from simulator.core.timers import Timers

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions import Settings
    from simulator.core.effects import Effect, Timer, TimerName
    from simulator.core.messages import ServerMessage
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
    LIVE = "live"


TOKEN_MARGIN_SECONDS = 5.0
"""A client mints anew when its token has less than this left."""

RETURN_SPREAD_SECONDS = 2.0
"""Machines that come back together do so within this time."""

REFRESH_SECONDS = 0.1
"""Between a socket that is closed for a new token and the next: the original's own, without jitter."""

SHORTEST_USE_SECONDS = 1.0
"""A token is used for so long, however early it is to be replaced."""

_OPEN = (State.JOINING, State.REJOINING, State.SUBSCRIBING, State.LIVE)
_CONNECTED = (State.DIALING, *_OPEN)
_ON_CHANNEL = (State.DIALING, State.JOINING, State.SUBSCRIBING, State.LIVE)
_ONLINE = (*_CONNECTED, State.WAITING, State.STOPPED)

_CLOSED_NORMALLY = 1000


@dataclass(frozen=True, slots=True)
class Habits:
    """How people use a client: mean seconds it is open, mean seconds it is closed between, and its topics."""

    session_lifetime_seconds: float
    offline_seconds: float
    topics: tuple[str, ...]


class Client:
    """One client: its state, token and cursors, and the metrics in which it tells of itself. Times are in seconds."""

    __slots__ = (
        "_attempt",
        "_awaits_reply",
        "_beats",
        "_chance",
        "_channel_gone",
        "_habits",
        "_metrics",
        "_refusals",
        "_rejoins",
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
        self._awaits_reply = False
        self._beats = False
        self._channel_gone = False
        self._timers = Timers()

    # --- what people and machines do

    def start(self, ramp_seconds: float) -> list[Effect]:
        """Begin the run in the steady state: open with the share of time that it is open, within the ramp."""
        habits = self._habits
        open_share = habits.session_lifetime_seconds / (habits.session_lifetime_seconds + habits.offline_seconds)
        if self._chance.random() < open_share:
            return [self._timers.set("open", self._chance.random() * ramp_seconds)]
        return [self._timers.set("open", self._draw(habits.offline_seconds))]

    def on_timer(self, now: float, name: TimerName, serial: int) -> list[Effect]:
        """Do what a timer stands for, unless it was replaced or cancelled since."""
        if not self._timers.is_due(name, serial):
            return []
        return _ON_TIMER[name](self, now)

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

    def _open(self, now: float) -> list[Effect]:
        if not self.settings.clients.online:
            return self._hold()
        self._attempt = 0
        self._refusals = (0, 0)
        self._channel_gone = False
        close = self._timers.set("close", now + self._draw(self._habits.session_lifetime_seconds))
        return [close, *self._dial(now)]

    def _close(self, now: float) -> list[Effect]:
        effects = self._leave_socket() if self.state in _CONNECTED else []
        self._timers.cancel("retry", "answer", "refresh")
        self.state = State.OFF
        return [*effects, self._timers.set("open", now + self._draw(self._habits.offline_seconds))]

    def _hold(self) -> list[Effect]:
        effects: list[Effect] = [HANG_UP] if self.state in _CONNECTED else []
        self._timers.cancel("open", "close", "retry", "answer", "refresh")
        self.state = State.HELD
        return effects

    # --- connecting

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

    def on_mint_failed(self, now: float, reason: str = "unavailable") -> list[Effect]:
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

    def _on_no_answer(self, now: float) -> list[Effect]:
        return self._drop(now, "network") if self.state is State.DIALING else self._give_up_channel(now, "network")

    def _retry(self, now: float) -> list[Effect]:
        return self._join(now) if self.state is State.REJOINING else self._dial(now)

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

    def _leave_socket(self) -> list[Effect]:
        """Return how the client parts from its socket: leaks show only once it is open."""
        return [HANG_UP if self.settings.clients.close_sockets or self.state is State.DIALING else LET_GO]

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

    # --- on the socket

    @property
    def awaits_reply(self) -> bool:
        """Whether a heartbeat is still without its answer."""
        return self._awaits_reply

    def receive(self, now: float, message: ServerMessage | Accepted | Refused | SocketClosed) -> list[Effect]:
        """Return what the client does about a message; one that its state does not expect changes nothing."""
        handler = _ON_MESSAGE.get((self.state, type(message)))
        return [] if handler is None else handler(self, now, message)

    def beat(self, now: float) -> list[Effect]:
        """Send a heartbeat; a peer that did not answer the one before is dead.

        A client that a fault keeps from sending `sync:heartbeat`, or whose channel ended, still keeps its socket open.
        """
        if self._awaits_reply:
            return self._drop(now, "network")
        profile, clients = self.profile, self.settings.clients
        if profile.beats_on == "none":
            return []
        on_channel = clients.heartbeats and self.state is State.LIVE and not self._channel_gone
        on_socket = clients.transport_heartbeats and (profile.beats_on == "both" or not on_channel)
        self._awaits_reply = profile.expects_answers and (on_socket or (on_channel and profile.beats_on == "channel"))
        beats: list[Effect] = [SEND_TRANSPORT_HEARTBEAT] if on_socket else []
        return [*beats, SEND_HEARTBEAT] if on_channel else beats

    def _on_accepted(self, now: float, _message: Accepted) -> list[Effect]:
        self._rejoins = 0
        self._refusals = (0, 0)
        if self._backoff_resets == "open":
            self._attempt = 0
        if self._channel_gone:
            return self._go_live(now)
        if self.profile.rejoin is not None:
            self._timers.cancel("answer")
        return self._join(now)

    def _join(self, now: float) -> list[Effect]:
        self.state = State.JOINING
        if self.profile.rejoin is None:
            return [SEND_JOIN]
        return [SEND_JOIN, *self._await_answer(now, self.profile.answer_timeout_seconds)]

    def _go_live(self, now: float) -> list[Effect]:
        """Begin to beat, unless that began on this socket before."""
        self.state = State.LIVE
        self._timers.cancel("answer")
        beats, self._beats = self._beats, True
        return [*([] if beats else [WENT_LIVE]), *self._await_refresh(now)]

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

    def _on_reply(self, now: float, reply: Reply) -> list[Effect]:
        match self.state, reply.response:
            case _, Nothing() if reply.topic == TRANSPORT:
                self._awaits_reply = False
            case State.LIVE, HeartbeatState() if self.profile.beats_on == "channel":
                self._awaits_reply = False
            case State.JOINING, Joined():
                self.state = State.SUBSCRIBING
                self._rejoins = 0
                return [self._subscribe()]
            case State.SUBSCRIBING, Subscribed():
                self._tell("replay", "catchup")
                if self._backoff_resets != "never":
                    self._attempt = 0
                return self._go_live(now)
            case State.SUBSCRIBING, Problem(code="stale_cursor") as problem:
                return self._recover(now, problem)
            case _, Problem() as problem:
                return self._on_problem(now, problem)
        return []

    def _on_problem(self, now: float, problem: Problem) -> list[Effect]:
        match self.state:
            case State.JOINING:
                return self._on_denied(problem.code) or self._lose_channel(now, "unknown")
            case State.SUBSCRIBING:
                self._tell("replay", "failed")
                if self.profile.leaks_when_refused:
                    return [LET_GO, *self._back_off(now, "unknown")]
                return self._give_up_channel(now, "unknown")
            case State.LIVE if self.profile.rejoin is None and self.profile.expects_answers:
                return self._drop(now, "unknown")
        return []

    def _on_denied(self, code: str) -> list[Effect]:
        """Give up where the server says that coming back is no use, if the client heeds it."""
        if code not in DENIALS:
            return []
        self._tell("auth_failure", code)
        return [HANG_UP, *self._stop()] if self.profile.heeds_server else []

    def _on_error_push(self, _now: float, push: ErrorPush) -> list[Effect]:
        problem = push.problem
        if problem.code == "slow_consumer":
            self._tell("delivery_error", "slow_consumer")
            if self.profile.heeds_server and problem.reconnect_after_ms is not None:
                self._wait_seconds = problem.reconnect_after_ms / 1000
        return self._on_denied(problem.code)

    def _subscribe(self) -> Send:
        return Send(make_subscription(self.profile, self.settings, self._habits.topics, self.cursors))

    def _recover(self, now: float, problem: Problem) -> list[Effect]:
        """Do about a stale cursor what the profile does: forget it, or zero it and come back."""
        self._tell("replay", "stale_cursor")
        stale = [entry.topic for entry in problem.stale_topics]
        if recover(self.profile, self.settings, self.cursors, stale):
            return [self._subscribe()]
        return self._give_up_channel(now, "stale_cursor")

    def _on_update(self, _now: float, update: UpdateBatch) -> list[Effect]:
        """Apply events in order; what was applied before is dropped, as every batch comes twice."""
        advance(self.cursors, {update.topic: update.events[-1].watermark})
        return []

    def _on_frame(self, now: float, frame: Frame) -> list[Effect]:
        return self._on_update(now, frame.body) if isinstance(frame.body, UpdateBatch) else []

    def _on_heartbeat(self, _now: float, push: HeartbeatPush) -> list[Effect]:
        if self.profile.follows_heartbeats:
            advance(self.cursors, push.state.watermarks)
        return []

    def _on_phx_close(self, now: float, _message: ChannelClosed) -> list[Effect]:
        if self.profile.on_phx_close == "unaware" or not self.settings.clients.hear_phx_close:
            return []
        if self.profile.on_phx_close == "ignore":
            self._channel_gone = True
            self._timers.cancel("answer")
            return []
        return self._drop(now, "stream_closed")

    def _on_crashed(self, now: float, _message: ChannelCrashed) -> list[Effect]:
        return self._lose_channel(now, "slow_consumer" if self._wait_seconds else "stream_closed")

    def _on_lost(self, now: float, end: SocketClosed) -> list[Effect]:
        if end.code == _CLOSED_NORMALLY and self.profile.on_close_1000 == "stop":
            return [HANG_UP, *self._stop()]
        reason = reason_of_close(end.code)
        if self.profile.returns_after_seconds is not None and self.state in _OPEN:
            self._attempt = 0
            return [HANG_UP, *self._wait(now, self.profile.returns_after_seconds, reason)]
        return [HANG_UP, *self._back_off(now, reason)]

    # --- when something fails

    def _drop(self, now: float, reason: str) -> list[Effect]:
        """Part from the socket, and open another one later."""
        return [*self._leave_socket(), *self._back_off(now, reason)]

    def _give_up_channel(self, now: float, reason: str) -> list[Effect]:
        """Leave a channel that may stand at the server, and join it again later."""
        effects = self._lose_channel(now, reason)
        return [SEND_LEAVE, *effects] if self.state is State.REJOINING else effects

    def _lose_channel(self, now: float, reason: str) -> list[Effect]:
        """Join the channel again later: on the same socket if the profile does that, else on another one."""
        if self.profile.rejoin is None:
            return self._drop(now, reason)
        self.state = State.REJOINING
        self._timers.cancel("answer", "refresh")
        delay = self.profile.rejoin.delay_seconds(self._rejoins, self._chance, jittered=self.settings.clients.jitter)
        self._rejoins += 1
        return [self._timers.set("retry", now + delay)]

    # --- helpers

    def _draw(self, mean_seconds: float) -> float:
        return self._chance.expovariate(1 / mean_seconds) if mean_seconds > 0 else 0.0

    def _tell(self, event: str, reason: str) -> None:
        """Count what the client tells about itself."""
        self._metrics.add(("client_telemetry", event, self.profile.surface, self.settings.clients.build, reason))


# ruff: noqa: SLF001  # the tables are part of the class, written below it
_ON_TIMER: dict[TimerName, Callable[[Client, float], list[Effect]]] = {
    "open": Client._open,
    "close": Client._close,
    "retry": Client._retry,
    "answer": Client._on_no_answer,
    "refresh": Client._refresh,
}

_ON_MESSAGE: dict[tuple[State, type], Callable[..., list[Effect]]] = {
    (State.DIALING, Accepted): Client._on_accepted,
    (State.DIALING, Refused): Client._on_refused,
    **{(state, Reply): Client._on_reply for state in _OPEN},
    (State.SUBSCRIBING, UpdateBatch): Client._on_update,
    (State.SUBSCRIBING, Frame): Client._on_frame,
    (State.LIVE, UpdateBatch): Client._on_update,
    (State.LIVE, Frame): Client._on_frame,
    (State.LIVE, HeartbeatPush): Client._on_heartbeat,
    **{(state, ErrorPush): Client._on_error_push for state in (State.SUBSCRIBING, State.LIVE)},
    **{(state, ChannelClosed): Client._on_phx_close for state in _ON_CHANNEL},
    **{(state, ChannelCrashed): Client._on_crashed for state in _ON_CHANNEL},
    **{(state, SocketClosed): Client._on_lost for state in _CONNECTED},
}
