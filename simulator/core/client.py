"""The client's side of the sync channel, as a state machine.

    OFF --open--> DIALING --accepted--> JOINING --joined--> SUBSCRIBING --subscribed--> LIVE
    DIALING, JOINING, SUBSCRIBING, LIVE --refused, lost, no answer--> WAITING --retry--> DIALING
    JOINING, SUBSCRIBING, LIVE --the channel fails, and the profile rejoins--> REJOINING --retry--> JOINING
    connected --refused or closed, and the profile stops--> STOPPED
    any --the person closes the client--> OFF;  any --its machine goes off--> HELD --on again--> OFF

What happens on a message in a state stands in `_ON_MESSAGE`. Everything a client does is an effect for its driver;
whatever differs between kinds of clients is in its profile, and what can be made to go wrong is in its settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from simulator.core.effects import (
    HANG_UP,
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
    Frame,
    HeartbeatState,
    Joined,
    Nothing,
    Problem,
    Refused,
    Reply,
    SocketClosed,
    Subscribe,
    Subscribed,
    UpdateBatch,
)
from simulator.core.timers import Timers

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions import Settings
    from simulator.core.effects import Effect, Timer, TimerName
    from simulator.core.messages import ServerMessage
    from simulator.core.profiles import Chance, Profile
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

_CONNECTED = (State.DIALING, State.JOINING, State.REJOINING, State.SUBSCRIBING, State.LIVE)
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
    """One client: its state, token and cursors. Times are seconds since the run's start."""

    __slots__ = (
        "_attempt",
        "_awaits_reply",
        "_beats",
        "_chance",
        "_channel_gone",
        "_habits",
        "_rejoins",
        "_timers",
        "cursors",
        "profile",
        "settings",
        "state",
        "token",
    )

    def __init__(self, profile: Profile, habits: Habits, chance: Chance, settings: Settings) -> None:
        self.profile = profile
        self.settings = settings
        self.state = State.OFF
        self.token: Token | None = None
        self.cursors: dict[str, int] = {}
        self._habits = habits
        self._chance = chance
        self._attempt = 0
        self._rejoins = 0
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
        self.settings = settings
        if not settings.clients.online and self.state in _ONLINE:
            return self._hold()
        if settings.clients.online and self.state is State.HELD:
            self.state = State.OFF
            return [self._timers.set("open", now + self._chance.random() * RETURN_SPREAD_SECONDS)]
        return []

    def _open(self, now: float) -> list[Effect]:
        if not self.settings.clients.online:
            return self._hold()
        self._attempt = 0
        self._channel_gone = False
        close = self._timers.set("close", now + self._draw(self._habits.session_lifetime_seconds))
        return [close, *self._dial(now)]

    def _close(self, now: float) -> list[Effect]:
        effects = self._disconnect()
        self.state = State.OFF
        return [*effects, self._timers.set("open", now + self._draw(self._habits.offline_seconds))]

    def _hold(self) -> list[Effect]:
        effects = self._disconnect()
        self._timers.cancel("open", "close")
        self.state = State.HELD
        return effects

    # --- connecting

    def _dial(self, now: float) -> list[Effect]:
        self.state = State.DIALING
        if self.token is not None and not self._wants_new_token(now, self.token):
            return self.on_token(now, self.token)
        return [MINT]

    def _wants_new_token(self, now: float, token: Token) -> bool:
        return self.settings.clients.refresh_tokens and token.expires_at - TOKEN_MARGIN_SECONDS <= now

    def on_token(self, now: float, token: Token) -> list[Effect]:
        """Dial with a token, and expect to be live in time; one that comes too late is kept for the next time."""
        self.token = token
        if self.state is not State.DIALING:
            return []
        self._awaits_reply = self._beats = False
        return [self._await_answer(now), Dial(token)] if self.profile.rejoin is None else [Dial(token)]

    def on_mint_failed(self, now: float) -> list[Effect]:
        """Back off: without a token there is nothing to dial with."""
        return self._back_off(now) if self.state is State.DIALING else []

    def _await_answer(self, now: float) -> Timer:
        return self._timers.set("answer", now + self.profile.answer_timeout_seconds)

    def _on_no_answer(self, now: float) -> list[Effect]:
        return self._give_up_channel(now)

    def _retry(self, now: float) -> list[Effect]:
        return self._join(now) if self.state is State.REJOINING else self._dial(now)

    def _back_off(self, now: float) -> list[Effect]:
        self.state = State.WAITING
        self._timers.cancel("answer")
        delay = self.profile.backoff.delay_seconds(self._attempt, self._chance)
        self._attempt += 1
        return [self._timers.set("retry", now + delay)]

    def _disconnect(self) -> list[Effect]:
        self._timers.cancel("retry", "answer")
        return [HANG_UP] if self.state in _CONNECTED else []

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
            return self._drop(now)
        self._awaits_reply = True
        beats_on_channel = self.settings.clients.heartbeats and self.state is State.LIVE and not self._channel_gone
        if not beats_on_channel:
            return [SEND_TRANSPORT_HEARTBEAT]
        return [SEND_TRANSPORT_HEARTBEAT, SEND_HEARTBEAT] if self.profile.beats_on == "both" else [SEND_HEARTBEAT]

    def _on_accepted(self, now: float, _message: Accepted) -> list[Effect]:
        self._rejoins = 0
        if self.profile.backoff_resets == "open":
            self._attempt = 0
        if self._channel_gone:
            return self._go_live()
        return self._join(now)

    def _join(self, now: float) -> list[Effect]:
        self.state = State.JOINING
        return [SEND_JOIN] if self.profile.rejoin is None else [SEND_JOIN, self._await_answer(now)]

    def _go_live(self) -> list[Effect]:
        """Begin to beat, unless that began on this socket before."""
        self.state = State.LIVE
        self._timers.cancel("answer")
        beats, self._beats = self._beats, True
        return [] if beats else [WENT_LIVE]

    def _on_refused(self, now: float, _message: Refused) -> list[Effect]:
        match self.profile.on_refused:
            case "stop":
                return self._stop()
            case "remint" if self.settings.clients.refresh_tokens:
                self.token = None
        return self._back_off(now)

    def _stop(self) -> list[Effect]:
        self.state = State.STOPPED
        self._timers.cancel("retry", "answer")
        return []

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
                self._attempt = 0
                return self._go_live()
            case State.SUBSCRIBING, Problem(code="stale_cursor") as problem:
                return self._recover(now, problem)
            case _, Problem():
                return self._on_problem(now)
        return []

    def _on_problem(self, now: float) -> list[Effect]:
        match self.state:
            case State.JOINING:
                return self._lose_channel(now)
            case State.SUBSCRIBING:
                return self._give_up_channel(now)
            case State.LIVE if self.profile.rejoin is None:
                return self._drop(now)
        return []

    def _subscribe(self) -> Send:
        topics = self._habits.topics
        if self.settings.clients.resume == "zero":
            return Send(Subscribe(topics, dict.fromkeys(topics, 0)))
        if self.profile.resume == "all":
            return Send(Subscribe(topics, {topic: self.cursors.get(topic, 0) for topic in topics}))
        return Send(Subscribe(topics, dict(self.cursors)))

    def _recover(self, now: float, problem: Problem) -> list[Effect]:
        """Do about a stale cursor what the profile does: forget it, or zero it and come back."""
        stale = [entry.topic for entry in problem.stale_topics]
        if self.profile.on_stale_cursor == "forget" and self.settings.clients.resume == "profile":
            for topic in stale:
                self.cursors.pop(topic, None)
            return [self._subscribe()]
        self.cursors.update(dict.fromkeys(stale, 0))
        return self._give_up_channel(now)

    def _on_update(self, _now: float, update: UpdateBatch) -> list[Effect]:
        """Apply events in order; what was applied before is dropped, as every batch comes twice."""
        last = update.events[-1].watermark
        if last > self.cursors.get(update.topic, 0):
            self.cursors[update.topic] = last
        return []

    def _on_frame(self, now: float, frame: Frame) -> list[Effect]:
        return self._on_update(now, frame.body) if isinstance(frame.body, UpdateBatch) else []

    def _on_phx_close(self, now: float, _message: ChannelClosed) -> list[Effect]:
        if self.profile.on_phx_close == "ignore":
            self._channel_gone = True
            self._timers.cancel("answer")
            return []
        return self._drop(now)

    def _on_crashed(self, now: float, _message: ChannelCrashed) -> list[Effect]:
        return self._lose_channel(now)

    def _on_lost(self, now: float, end: SocketClosed) -> list[Effect]:
        if end.code == _CLOSED_NORMALLY and self.profile.on_close_1000 == "stop":
            return [HANG_UP, *self._stop()]
        return self._drop(now)

    # --- when something fails

    def _drop(self, now: float) -> list[Effect]:
        """Close the socket, and open another one later."""
        return [HANG_UP, *self._back_off(now)]

    def _give_up_channel(self, now: float) -> list[Effect]:
        """Leave a channel that may stand at the server, and join it again later."""
        effects = self._lose_channel(now)
        return [SEND_LEAVE, *effects] if self.state is State.REJOINING else effects

    def _lose_channel(self, now: float) -> list[Effect]:
        """Join the channel again later: on the same socket if the profile does that, else on another one."""
        if self.profile.rejoin is None:
            return self._drop(now)
        self.state = State.REJOINING
        self._timers.cancel("answer")
        delay = self.profile.rejoin.delay_seconds(self._rejoins, self._chance)
        self._rejoins += 1
        return [self._timers.set("retry", now + delay)]

    # --- helpers

    def _draw(self, mean_seconds: float) -> float:
        return self._chance.expovariate(1 / mean_seconds) if mean_seconds > 0 else 0.0


# ruff: noqa: SLF001  # the tables are part of the class, written below it
_ON_TIMER: dict[TimerName, Callable[[Client, float], list[Effect]]] = {
    "open": Client._open,
    "close": Client._close,
    "retry": Client._retry,
    "answer": Client._on_no_answer,
}

_ON_MESSAGE: dict[tuple[State, type], Callable[..., list[Effect]]] = {
    (State.DIALING, Accepted): Client._on_accepted,
    (State.DIALING, Refused): Client._on_refused,
    **{(state, Reply): Client._on_reply for state in _CONNECTED if state is not State.DIALING},
    (State.SUBSCRIBING, UpdateBatch): Client._on_update,
    (State.SUBSCRIBING, Frame): Client._on_frame,
    (State.LIVE, UpdateBatch): Client._on_update,
    (State.LIVE, Frame): Client._on_frame,
    **{(state, ChannelClosed): Client._on_phx_close for state in _ON_CHANNEL},
    **{(state, ChannelCrashed): Client._on_crashed for state in _ON_CHANNEL},
    **{(state, SocketClosed): Client._on_lost for state in _CONNECTED},
}
