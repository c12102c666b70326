"""One member of a fleet: a core client, its timers and tokens, and the sockets that it opened.

It does what the core says, with real sockets and an event loop's timers, as `drivers/fleet.py` does in virtual time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.core import client as clients
from simulator.core import effects
from simulator.core.compatibility import version_of
from simulator.core.messages import Accepted, ChannelClosed, ErrorPush, Join, Refused, Subscribe, Upgrade
from simulator.core.server import TOKEN_STATUSES
from simulator.drivers.live.line import Line
from simulator.drivers.reach import is_harm
from simulator.errors import MintFailed, SnapshotFailed

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from simulator.conditions import Settings
    from simulator.core.messages import ClientMessage, ServerMessage, SocketClosed
    from simulator.drivers.live.outside import Outside


class Member:
    """A client, by its number in the population."""

    __slots__ = (
        "_beat_timer",
        "_client",
        "_fetching",
        "_index",
        "_line",
        "_lines",
        "_minting",
        "_outside",
        "_timers",
    )

    def __init__(self, index: int, client: clients.Client, outside: Outside) -> None:
        self._index = index
        self._client = client
        self._outside = outside
        self._line: Line | None = None
        self._lines: dict[Line, None] = {}
        self._timers: dict[effects.TimerName, asyncio.TimerHandle] = {}
        self._beat_timer: asyncio.TimerHandle | None = None
        self._minting: asyncio.Task[None] | None = None
        self._fetching: asyncio.Task[None] | None = None

    @property
    def state(self) -> clients.State:
        """Where the client stands."""
        return self._client.state

    @property
    def is_connected(self) -> bool:
        """Whether the client has a socket that is up."""
        return self._line is not None and self._line.is_connected

    @property
    def has_socket(self) -> bool:
        """Whether any socket of the client's is up: its present one, or one that it hung up or left open before."""
        return any(line.is_connected for line in self._lines)

    def start(self, now: float, ramp_seconds: float) -> None:
        """Begin: the ramp runs from `now`."""
        for effect in self._client.start(ramp_seconds):
            assert isinstance(effect, effects.Timer)
            self._set_timer(effect.name, now + effect.at, effect.serial)

    def change(self, settings: Settings, altered: dict[str, str]) -> None:
        """Take new settings, and which injections altered them."""
        reach, line = self._outside.reach, self._line
        reach.alter(self._index, altered)
        if settings == self._client.settings:
            return
        asked = self._client.on_settings(self._outside.now(), settings)
        for each in self._lines:
            each.set_network(settings.network)
        if self.state is clients.State.HELD:
            reach.meet(self._index, "held_off")
        self._perform(asked)
        for each in tuple(self._lines):
            each.release()
        if line is not None and line.is_open:
            reach.meet(self._index, "path")
            if line.live_at is not None:
                reach.meet(self._index, "connected")

    def stop(self) -> None:
        """Let go of every timer, and close every socket."""
        for timer in (*self._timers.values(), self._beat_timer):
            if timer is not None:
                timer.cancel()
        for task in (self._minting, self._fetching):
            if task is not None:
                task.cancel()
        for line in tuple(self._lines):
            line.stop()

    # --- what the client does

    def _perform(self, asked: Iterable[effects.Effect]) -> None:  # noqa: C901  # a case for each effect
        for effect in asked:
            match effect:
                case effects.Send(message):
                    if self._line is not None:
                        self._line.send(message)
                case effects.Timer(name, at, serial):
                    self._set_timer(name, at, serial)
                case effects.Mint():
                    self._mint()
                case effects.Dial(token):
                    self._dial(token.text, token.expires_at)
                case effects.HangUp():
                    self._hang_up()
                case effects.LetGo():
                    self._let_go()
                case effects.WentLive():
                    self._go_live()
                case effects.FetchSnapshot(topics, serial):
                    self._fetch_snapshot(topics, serial)

    def _set_timer(self, name: effects.TimerName, at: float, serial: int) -> None:
        if name == "retry":
            self._outside.reach.meet(self._index, "backoff")
        replaced = self._timers.get(name)
        if replaced is not None:
            replaced.cancel()
        self._timers[name] = self._outside.call_at(at, self._on_timer, name, serial)

    def _on_timer(self, name: effects.TimerName, serial: int) -> None:
        was_held = self.state is clients.State.HELD
        asked = self._client.on_timer(self._outside.now(), name, serial)
        if name == "refresh" and asked:
            self._outside.reach.meet(self._index, "refresh")
        self._perform(asked)
        if self.state is clients.State.HELD and not was_held:
            self._outside.reach.meet(self._index, "held_off")

    def _mint(self) -> None:
        """Ask for a token; a question that is still open will have its answer taken."""
        self._outside.reach.meet(self._index, "mint")
        if self._minting is None:
            self._minting = self._outside.spawn(self._ask_for_token())

    async def _ask_for_token(self) -> None:
        try:
            token = await self._outside.mint(self._outside.now(), self._index)
        except MintFailed as failed:
            self._minting = None
            self._perform(self._client.on_mint_failed(self._outside.now(), failed.reason))
        else:
            self._minting = None
            self._perform(self._client.on_token(self._outside.now(), token))

    def _fetch_snapshot(self, topics: tuple[str, ...], serial: int) -> None:
        """Ask for a snapshot; a question that is still open is given up."""
        self._outside.reach.meet(self._index, "snapshot")
        if self._fetching is not None:
            self._fetching.cancel()
        self._fetching = self._outside.spawn(self._ask_for_snapshot(topics, serial))

    async def _ask_for_snapshot(self, topics: tuple[str, ...], serial: int) -> None:
        token = self._client.token
        assert token is not None
        try:
            watermarks = await self._outside.snapshot(self._index, token, topics)
        except SnapshotFailed:
            self._perform(self._client.on_snapshot_failed(self._outside.now(), serial))
        else:
            self._perform(self._client.on_snapshot(self._outside.now(), watermarks, serial))

    def _dial(self, token: str, expires_at: float) -> None:
        if expires_at <= self._outside.now():
            self._outside.reach.meet(self._index, "expired_token")
        self._outside.reach.meet(self._index, "path")
        settings = self._client.settings
        line = Line(self._outside, self, settings.network, version_of(settings), self._client.profile.vsn)
        self._line = line
        self._lines[line] = None
        line.dial(token)

    def _hang_up(self) -> None:
        line = self._part_from_line()
        if line is not None:
            if line.is_up:
                self._outside.reach.meet(self._index, "hang_up")
            line.hang_up()

    def _let_go(self) -> None:
        line = self._part_from_line()
        if line is not None:
            self._outside.reach.meet(self._index, "left_open")
            line.let_go()

    def _part_from_line(self) -> Line | None:
        line, self._line = self._line, None
        if self._beat_timer is not None:
            self._beat_timer.cancel()
        return line

    def lose_cursors(self) -> None:
        """Forget every cursor, as a client does whose storage was wiped."""
        self._client.lose_cursors()

    def _go_live(self) -> None:
        line = self._line
        if line is not None:
            line.live_at = self._outside.now()
            self._outside.reach.meet(self._index, "connected")
            self._await_beat(line, line.live_at)

    def _await_beat(self, line: Line, live_at: float) -> None:
        due = live_at + (line.beats + 1) * self._client.profile.heartbeat_interval_seconds
        self._beat_timer = self._outside.call_at(due, self._beat, line, live_at)

    def _beat(self, line: Line, live_at: float) -> None:
        self._perform(self._client.beat(self._outside.now()))
        if line.is_open:
            line.beats += 1
            self._await_beat(line, live_at)

    # --- what its sockets tell it

    def hear(self, line: Line, message: ServerMessage | Accepted | Refused | SocketClosed) -> None:
        """Take a message that came to the client's end of its present socket."""
        if line is self._line:
            self._perform(self._client.receive(self._outside.now(), message))

    def on_sent(self, message: ClientMessage | Upgrade) -> None:
        """Take note of where a message that went out meets what is altered."""
        if isinstance(message, Upgrade):
            self._outside.reach.meet(self._index, "upgrade")
        elif isinstance(message, Subscribe):
            self._outside.reach.meet(self._index, "resume")
            self._outside.reach.meet(self._index, "replay")
        elif isinstance(message, Join):
            self._outside.reach.meet(self._index, "join")

    def on_answered(self, message: ServerMessage | Accepted | Refused) -> None:
        """Take note of what the server says about what is altered, and of harm."""
        if isinstance(message, Accepted) or (isinstance(message, Refused) and message.status in TOKEN_STATUSES):
            self._outside.reach.meet(self._index, "handshake")
        if isinstance(message, Accepted):
            self._outside.reach.meet(self._index, "accepted")
        if isinstance(message, ErrorPush) and message.problem.stale_topics:
            self._outside.reach.tell_stale(self._index, self._outside.now())
        elif isinstance(message, Refused | ChannelClosed) or is_harm(message):
            self._outside.reach.harm(self._index, self._outside.now())
        if isinstance(message, ChannelClosed):
            self._outside.reach.meet(self._index, "channel_closed")

    def on_old_age(self) -> None:
        """Take note that a proxy ended a socket because of its age."""
        self._outside.reach.meet(self._index, "old_age")

    def forget(self, line: Line) -> None:
        """Take note that nothing can come of a line any more."""
        self._lines.pop(line, None)
        if line is self._line:
            self._line = None
