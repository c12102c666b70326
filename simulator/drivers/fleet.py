"""The clients' end of every link in virtual time: what arrives there, and what the clients ask for."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from simulator.core import client as clients
from simulator.core import effects
from simulator.core.messages import Join, Leave, SocketClosed, Upgrade
from simulator.drivers.agenda import Rank
from simulator.drivers.link import Link
from simulator.drivers.mints import MintDesk
from simulator.drivers.snapshots import SnapshotDesk
from simulator.drivers.sockets import Sockets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulator.conditions import Settings
    from simulator.core.plan import Plan
    from simulator.drivers.world import World

_CLOSED_BY_CLIENT = SocketClosed(1000)


class Fleet:
    """The clients of a plan and their sockets, both by the clients' places in the plan."""

    def __init__(self, plan: Plan, world: World) -> None:
        self._agenda = world.agenda
        self._carrier = world.carrier
        self._listener = world.listener
        self._quiet = world.quiet
        self._reach = world.reach
        self._ramp_seconds = plan.fleet.ramp_seconds
        self.clients = [
            clients.Client(
                profile,
                plan.fleet.habits,
                random.Random(f"{plan.seed}/{index}"),  # noqa: S311  # seeded chance, no secret
                world.settings,
                world.metrics,
            )
            for index, profile in enumerate(plan.fleet.profiles)
        ]
        self.sockets = Sockets(len(self.clients), world.listener.is_over)
        self._links = self.sockets.present
        self._mints = MintDesk(world, self.clients, plan.fleet.habits.topics, self._perform)
        self._snapshots = SnapshotDesk(
            world.server, world.agenda, lambda index: self.clients[index].settings, self._on_snapshot
        )

    def start(self) -> None:
        """Let all clients begin, each at its place in the ramp."""
        for index, client in enumerate(self.clients):
            self._perform(index, client.start(self._ramp_seconds))

    def hear(self, link: Link, message: Any) -> None:
        """Take a message that arrived at the client's end."""
        if link.client_open and not link.is_outdated(message):
            self._perform(link.index, link.client.receive(self._agenda.now, message))
            if link.live_at is not None and link.client_open and not link.lazy_deliveries:
                self._quiet.try_deliveries(link)

    # --- what befalls clients

    def change(self, index: int, settings: Settings) -> None:
        """Let other conditions hold for a client."""
        now, client, link = self._agenda.now, self.clients[index], self._links[index]
        if link is not None:
            self._quiet.settle(link, now)
        asked = client.on_settings(now, settings)
        if client.state is clients.State.HELD:
            self._reach.meet(index, "held_off")
        if link is not None:
            self._carrier.release(link)
        if not settings.network.black_hole:
            for orphan in self.sockets.take_orphans(index):
                self._carrier.release(orphan)
        self._perform(index, asked)
        for left in self.sockets.left_open(index):
            self._listener.watch(left)
        if link is not None and link.client_open:
            self._reach.meet(index, "path")
            self._listener.watch(link)
            if link.live_at is not None:
                self._reach.meet(index, "connected")
                self._quiet.try_deliveries(link)
                self._await_beat(link)

    def reconsider(self) -> None:
        """Look at the questions that wait, now that other conditions hold."""
        self._snapshots.reconsider()

    def lose_cursors(self, index: int) -> None:
        """Let a client forget how far it got."""
        link = self._links[index]
        if link is not None:
            self._quiet.settle(link, self._agenda.now)
        self.clients[index].lose_cursors()
        if link is not None and link.live_at is not None:
            self._listener.watch(link)
            self._quiet.try_deliveries(link)
            self._await_beat(link)

    def settle_deliveries(self) -> None:
        """Bring every link's deliveries to where they would be had all been simulated."""
        for link in self._links:
            if link is not None:
                self._quiet.settle_deliveries(link)

    def renew_deliveries(self) -> None:
        """Make deliveries lazy again where they may be."""
        for link in self._links:
            if link is not None and link.live_at is not None and link.client_open:
                self._quiet.try_deliveries(link)

    # --- what clients do

    def _perform(self, index: int, asked: Iterable[effects.Effect]) -> None:
        for effect in asked:
            match effect:
                case effects.Send(message):
                    self._send_up(index, message)
                case effects.Timer(name, at, serial):
                    self._set_timer(index, name, at, serial)
                case effects.Mint():
                    self._mints.ask(index)
                case effects.Dial(token):
                    self._dial(index, token.text, token.expires_at)
                case effects.HangUp():
                    self._hang_up(index)
                case effects.LetGo():
                    self._let_go(index)
                case effects.WentLive():
                    self._go_live(index)
                case effects.FetchSnapshot(topics, serial):
                    self._fetch_snapshot(index, topics, serial)

    def _set_timer(self, index: int, name: effects.TimerName, at: float, serial: int) -> None:
        if name == "retry":
            self._reach.meet(index, "backoff")
        self._agenda.at(at, Rank.EVENT, self._on_timer, index, name, serial)

    def _on_timer(self, index: int, name: effects.TimerName, serial: int) -> None:
        client = self.clients[index]
        was_held = client.state is clients.State.HELD
        asked = client.on_timer(self._agenda.now, name, serial)
        if name == "refresh" and asked:
            self._reach.meet(index, "refresh")
        self._perform(index, asked)
        if client.state is clients.State.HELD and not was_held:
            self._reach.meet(index, "held_off")

    def _fetch_snapshot(self, index: int, topics: tuple[str, ...], serial: int) -> None:
        link = self._links[index]
        if link is not None:
            self._listener.watch(link)  # it may take long, and the server looks for silence meanwhile
        self._reach.meet(index, "snapshot")
        self._snapshots.ask(index, topics, serial)

    def _on_snapshot(self, index: int, watermarks: Mapping[str, int] | None, serial: int) -> None:
        client, now = self.clients[index], self._agenda.now
        if watermarks is None:
            self._perform(index, client.on_snapshot_failed(now, serial))
        else:
            self._perform(index, client.on_snapshot(now, watermarks, serial))

    def _send_up(self, index: int, message: Any) -> None:
        link = self._links[index]
        if link is None:
            return
        if isinstance(message, Join | Leave):
            self._quiet.settle(link, self._agenda.now)
        if isinstance(message, Join):
            link.joins += 1
            message = Join(message.topic, link.joins)
        self._carrier.send(link, "up", message)

    # --- a client's sockets, from the first packet to the last

    def _dial(self, index: int, token: str, expires_at: float) -> None:
        now = self._agenda.now
        if expires_at <= now:
            self._reach.meet(index, "expired_token")
        self._reach.meet(index, "path")
        link = self._links[index] = Link(index, self.clients[index], now)
        self._carrier.send(link, "up", Upgrade(token))

    def _go_live(self, index: int) -> None:
        link = self._links[index]
        if link is None:
            return
        link.live_at = self._agenda.now
        self._reach.meet(index, "connected")
        self._quiet.try_deliveries(link)
        if not self._quiet.try_beats(link, self._agenda.now):
            self._listener.watch(link)
            self._await_beat(link)

    def _await_beat(self, link: Link) -> None:
        self._agenda.at(link.next_beat_at, Rank.EVENT, self._beat, link, link.replace_timer("beat"))

    def _beat(self, link: Link, serial: int) -> None:
        if link.serial["beat"] != serial:
            return
        self._perform(link.index, link.client.beat(self._agenda.now))
        if not link.client_open:
            return
        link.beats += 1
        self._carrier.deliver_pending()
        if link.client_open and not self._quiet.try_beats(link, self._agenda.now):
            self._await_beat(link)

    def _hang_up(self, index: int) -> None:
        link = self._part_from_link(index)
        if link is None:
            return
        if link.server_open:
            self._reach.meet(index, "hang_up")
        if link.client.settings.network.half_open:
            self.sockets.leave_open(link)
            self._listener.watch(link)
        else:
            self._carrier.send(link, "up", _CLOSED_BY_CLIENT)
        self.sockets.orphan(link)

    def _let_go(self, index: int) -> None:
        """Let a link stay open with nobody at the client's end; the server finds out by its silence."""
        link = self._part_from_link(index)
        if link is not None:
            self._reach.meet(index, "left_open")
            self.sockets.leave_open(link)
            self._listener.watch(link)
            self.sockets.orphan(link)

    def _part_from_link(self, index: int) -> Link | None:
        link = self._links[index]
        if link is None:
            return None
        self._links[index] = None
        self._quiet.settle(link, self._agenda.now)
        link.client_open = False
        self._quiet.leave(link)
        link.replace_timer("beat")
        return link
