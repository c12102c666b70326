"""A client on a bench: brought to a state, struck, and asked what it did."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from simulator.conditions import Settings
from simulator.core.client import Client, Habits, State
from simulator.core.effects import (
    Timer,
)
from simulator.core.log import Event
from simulator.core.messages import (
    Accepted,
    ChannelCrashed,
    HeartbeatState,
    Joined,
    Problem,
    Refused,
    Reply,
    SnapshotOffer,
    StaleTopic,
    Subscribed,
    UpdateBatch,
)
from simulator.core.profile import Backoff, Profile
from simulator.core.profiles import PROFILES
from simulator.core.tokens import Token

if TYPE_CHECKING:
    from simulator.core.effects import Effect

TOPICS = ("a", "b")
HABITS = Habits(session_lifetime_seconds=600.0, offline_seconds=60.0, topics=TOPICS)
PLAIN = Profile("plain", "backs off 1, 2, 4, 8 s", Backoff(1.0, 2.0, 8.0))
REJOIN = Backoff(10.0, 1.0, 10.0, table_seconds=(1.0, 2.0, 5.0))
PHOENIX = {each.name: getattr(PROFILES["phoenix-1.8"], each.name) for each in fields(Profile)}
HEALTHY = Settings()
OFFLINE = HEALTHY.with_value("clients.online", value=False)
TOKEN = Token("token-1", 300.0)
JOINED = Reply(None, Joined("sub_1", TOPICS))
SUBSCRIBED = Reply(None, Subscribed("sub_1", TOPICS, {"a": 0, "b": 0}))
BEAT_ANSWER = Reply(None, HeartbeatState("sub_1", {"a": 0, "b": 0}))
CONNECTED = (State.DIALING, State.JOINING, State.SUBSCRIBING, State.LIVE)


class Means:
    """Chance without chance: halves, and means."""

    def random(self) -> float:
        """Return a half."""
        return 0.5

    def expovariate(self, lambd: float) -> float:
        """Return the mean."""
        return 1 / lambd


OFFERED = Reply(
    None,
    Problem(
        "stale_cursor",
        stale_topics=(StaleTopic("a", 3, 5), StaleTopic("b", 1, 2)),
        snapshot_plan=(SnapshotOffer("a", 9, 300), SnapshotOffer("b", 4, None)),
    ),
)
"""A stale cursor on two topics, one of which has snapshots."""


class Bench:
    """A client, and the effects of the last thing that happened to it."""

    def __init__(self, state: State = State.OFF, settings: Settings = HEALTHY, **profile: Any) -> None:
        self.client = Client(replace(PLAIN, **profile), HABITS, Means(), HEALTHY)
        self.opening = self.timer(self.client.start(10.0), "open")
        self.closing = self.answering = self.opening
        self.bring_to(state)
        assert self.state() is state
        self.client.settings = settings

    def bring_to(self, state: State) -> None:
        """Go the straight way to a state, at second 0."""
        if state is State.OFF:
            return
        if state is State.HELD:
            self.client.on_settings(0.0, OFFLINE)
            self.fire(self.opening, 0.0)
            return
        self.closing = self.timer(self.fire(self.opening, 0.0), "close")
        dialled = self.client.on_token(0.0, TOKEN)
        if self.client.profile.rejoin is None:
            self.answering = self.timer(dialled, "answer")
        if state is State.STOPPED:
            self.client.profile = replace(self.client.profile, stops_after=((403, 1),))
        if state in (State.WAITING, State.STOPPED):
            self.client.receive(0.0, Refused())
            return
        if state is State.REJOINING:
            self.client.profile = replace(self.client.profile, rejoin=REJOIN)
            self.client.receive(0.0, Accepted())
            self.client.receive(0.0, ChannelCrashed())
            return
        if state is State.RECOVERING:
            for message in (Accepted(), JOINED, OFFERED):
                self.client.receive(0.0, message)
            return
        for message in (Accepted(), JOINED, SUBSCRIBED)[: CONNECTED.index(state)]:
            self.client.receive(0.0, message)

    def state(self) -> State:
        """Return where the client stands."""
        return self.client.state

    def fire(self, timer: Timer, now: float | None = None) -> list[Effect]:
        """Let a timer ring."""
        return self.client.on_timer(timer.at if now is None else now, timer.name, timer.serial)

    @staticmethod
    def timer(effects: list[Effect], name: str) -> Timer:
        """Return the timer of that name among effects."""
        (found,) = [effect for effect in effects if isinstance(effect, Timer) and effect.name == name]
        return found


def kinds(effects: list[Effect]) -> list[str]:
    """Return what effects are: timers by name, the others by type."""
    return [effect.name if isinstance(effect, Timer) else type(effect).__name__ for effect in effects]


def batch(topic: str, *watermarks: int) -> UpdateBatch:
    events = tuple(Event(watermark, 0.0) for watermark in watermarks)
    return UpdateBatch(topic, events, replay_complete=True, heads={topic: watermarks[-1]})
