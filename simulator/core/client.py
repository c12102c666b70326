"""The client's side of the sync channel, as a state machine.

    OFF --open--> DIALING --accepted--> JOINING --joined--> SUBSCRIBING --subscribed--> LIVE
    DIALING, JOINING, SUBSCRIBING, LIVE --refused, lost, no answer--> WAITING --retry--> DIALING
    SUBSCRIBING --stale, and there is a snapshot--> RECOVERING --it came--> SUBSCRIBING
    JOINING, SUBSCRIBING, LIVE --the channel fails, and the profile rejoins--> REJOINING --retry--> JOINING
    LIVE --the token is due for a refresh--> WAITING
    any connected state --refused or closed, and the profile gives up--> STOPPED
    any --the person closes the client--> OFF;  any --its machine goes off--> HELD --on again--> OFF

What happens on a message in a state stands in `_ON_MESSAGE`. Everything a client does is an effect for its driver;
whatever differs between kinds of clients is in its profile, and what can be made to go wrong is in its settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.core.connector import (
    CONNECTED,
    OPEN,
    RETURN_SPREAD_SECONDS,
    TOKEN_MARGIN_SECONDS,
    Connector,
    Habits,
    State,
)
from simulator.core.cursors import advance, make_subscription, recover
from simulator.core.effects import (
    HANG_UP,
    LET_GO,
    SEND_HEARTBEAT,
    SEND_JOIN,
    SEND_LEAVE,
    SEND_TRANSPORT_HEARTBEAT,
    WENT_LIVE,
    FetchSnapshot,
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
from simulator.core.reasons import seconds_to_stay_away
from simulator.core.refusals import REFUSED_AT_JOIN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.core.effects import Effect, TimerName
    from simulator.core.messages import ServerMessage

__all__ = ["RETURN_SPREAD_SECONDS", "SNAPSHOT_PATIENCE_SECONDS", "TOKEN_MARGIN_SECONDS", "Client", "Habits", "State"]

SNAPSHOT_PATIENCE_SECONDS = 30.0
"""A client that has waited so long for a snapshot asks again."""

_ON_CHANNEL = (State.DIALING, State.JOINING, State.SUBSCRIBING, State.RECOVERING, State.LIVE)


class Client(Connector):
    """One client: its state, token and cursors, and the metrics in which it tells of itself. Times are in seconds."""

    __slots__ = ()

    def on_timer(self, now: float, name: TimerName, serial: int) -> list[Effect]:
        """Do what a timer stands for, unless it was replaced or cancelled since."""
        if not self._timers.is_due(name, serial):
            return []
        return _ON_TIMER[name](self, now)

    def _on_no_answer(self, now: float) -> list[Effect]:
        if self.state is State.RECOVERING:
            return self.on_snapshot_failed(now, self._fetches)
        return self._drop(now, "network") if self.state is State.DIALING else self._give_up_channel(now, "network")

    def _retry(self, now: float) -> list[Effect]:
        if self.state is State.RECOVERING:
            return self._fetch(now)
        return self._join(now) if self.state is State.REJOINING else self._dial(now)

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

    def _on_reply(self, now: float, reply: Reply) -> list[Effect]:
        match self.state, reply.response:
            case _, Nothing() if reply.topic == TRANSPORT:
                self._awaits_reply = False
            case State.LIVE, HeartbeatState() if self.profile.beats_on == "channel":
                self._awaits_reply = False
            case State.JOINING, Joined():
                self.state = State.SUBSCRIBING
                self._rejoins = 0
                return self._fetch(now) if self._stale else [self._subscribe()]
            case State.SUBSCRIBING, Subscribed(epoch=epoch):
                self._epoch = epoch
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
        if code not in REFUSED_AT_JOIN:
            return []
        self._tell("auth_failure", code)
        return [HANG_UP, *self._stop()] if self.profile.heeds_server else []

    def _on_error_push(self, _now: float, push: ErrorPush) -> list[Effect]:
        problem = push.problem
        if problem.code == "slow_consumer":
            self._tell("delivery_error", "slow_consumer")
            if self.profile.heeds_server:
                self._wait_seconds = seconds_to_stay_away(problem)
        return self._on_denied(problem.code)

    def _subscribe(self) -> Send:
        return Send(make_subscription(self.profile, self.settings, self._habits.topics, self.cursors, self._epoch))

    def _recover(self, now: float, problem: Problem) -> list[Effect]:
        """Do about a stale cursor what the profile does: forget it, or zero it and come back.

        A client that forgets takes a snapshot where it is offered one, and goes on from there.
        """
        self._tell("replay", "stale_cursor")
        if any(entry.detail is not None and entry.detail.reason == "scope_reset" for entry in problem.stale_topics):
            self._epoch = None  # while the other topics' cursors are from it, it has to be told
        stale = [entry.topic for entry in problem.stale_topics]
        if recover(self.profile, self.settings, self.cursors, stale):
            self._stale = tuple(offer.topic for offer in problem.snapshot_plan if offer.cadence_seconds is not None)
            return self._fetch(now) if self._stale else [self._subscribe()]
        return self._give_up_channel(now, "stale_cursor")

    def _fetch(self, now: float) -> list[Effect]:
        self.state = State.RECOVERING
        self._fetches += 1
        patience = self._timers.set("answer", now + SNAPSHOT_PATIENCE_SECONDS)
        return [patience, FetchSnapshot(self._stale, self._fetches)]

    def on_snapshot(self, now: float, watermarks: Mapping[str, int], serial: int) -> list[Effect]:
        """Take the state of topics and the cursors to go on from; an answer that comes too late changes nothing."""
        if self.state is not State.RECOVERING or serial != self._fetches:
            return []
        self.cursors.update(watermarks)
        self._stale = ()
        self.state = State.SUBSCRIBING
        return [*self._await_answer(now, self.profile.answer_timeout_seconds), self._subscribe()]

    def on_snapshot_failed(self, now: float, serial: int) -> list[Effect]:
        """Ask again later, and stay on the socket for as long as it lasts."""
        if self.state is not State.RECOVERING or serial != self._fetches:
            return []
        self._fetches += 1
        self._timers.cancel("answer")
        clients = self.settings.clients
        delay = self.profile.backoff.delay_seconds(self._attempt, self._chance, jittered=clients.jitter)
        self._attempt += 1
        return [self._timers.set("retry", now + delay)]

    def _on_update(self, _now: float, update: UpdateBatch) -> list[Effect]:
        """Apply events in order; what was applied before is dropped, as every batch comes twice."""
        last = update.events[-1].watermark
        if last > self.cursors.get(update.topic, 0):
            self.cursors[update.topic] = last
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
    **{(state, Reply): Client._on_reply for state in OPEN},
    (State.SUBSCRIBING, UpdateBatch): Client._on_update,
    (State.SUBSCRIBING, Frame): Client._on_frame,
    (State.LIVE, UpdateBatch): Client._on_update,
    (State.LIVE, Frame): Client._on_frame,
    (State.LIVE, HeartbeatPush): Client._on_heartbeat,
    **{(state, ErrorPush): Client._on_error_push for state in (State.SUBSCRIBING, State.LIVE)},
    **{(state, ChannelClosed): Client._on_phx_close for state in _ON_CHANNEL},
    **{(state, ChannelCrashed): Client._on_crashed for state in _ON_CHANNEL},
    **{(state, SocketClosed): Client._on_lost for state in CONNECTED},
}
