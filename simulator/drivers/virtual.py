"""The virtual driver: an hour of hundreds of clients in about a second, the same for the same seed."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

from simulator.conditions import (
    EVERYONE,
    CloseConnections,
    DropConnections,
    LoseCursors,
    PurgeTopics,
    ResetCounters,
    ResetExporter,
    ResetSequences,
    RevokeSessions,
)
from simulator.core import client as clients
from simulator.core import effects
from simulator.core.exporter import Exporter
from simulator.core.log import EventLog
from simulator.core.messages import Join, Leave, SocketClosed, Upgrade
from simulator.core.metrics import Metrics
from simulator.core.publisher import LATE_SECONDS
from simulator.core.recording import Reached, Recording, Run, Suffered
from simulator.core.server import LOG_REPLACED, SyncServer
from simulator.core.tokens import MINT_PATIENCE_SECONDS, Issuer, Verifier, subject_of
from simulator.drivers.agenda import Agenda, Rank
from simulator.drivers.link import Carrier, Link
from simulator.drivers.listener import LOST_CODE, Listener
from simulator.drivers.quiet import Quiet
from simulator.drivers.reach import Reach
from simulator.drivers.scraper import Scraper
from simulator.drivers.snapshots import SnapshotDesk
from simulator.errors import MintFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from simulator.conditions import Impulse, Settings, Share
    from simulator.core.plan import Plan, Step
    from simulator.drivers.link import Direction

EPOCH = 0
"""The Unix time of a virtual run's start: second t of the run is timestamp t in everything it writes."""

_CLOSED_BY_CLIENT = SocketClosed(1000)


def run_virtual(
    plan: Plan,
    *,
    eager: bool = False,
    on_note: Callable[[float, str, str], None] = lambda _at, _kind, _injection: None,
    on_progress: Callable[[float], None] = lambda _now: None,
) -> Run:
    """Run a plan in virtual time and return its recording.

    `eager` simulates every delivery and heartbeat. `on_note` hears of what the plan's steps note as they happen,
    `on_progress` of the virtual time at every scrape.
    """
    return _VirtualRun(plan, eager=eager, on_note=on_note, on_progress=on_progress).run()


class _VirtualRun:
    def __init__(
        self,
        plan: Plan,
        *,
        eager: bool,
        on_note: Callable[[float, str, str], None],
        on_progress: Callable[[float], None],
    ) -> None:
        self._plan = plan
        self._on_note = on_note
        self._on_progress = on_progress
        run_secret = f"syncstorm/{plan.seed}".encode()
        self._settings: Settings = plan.steps[0].conditions.settings()
        self._metrics = Metrics(initialise=plan.initialise_series)
        self._log = EventLog(plan.fleet.habits.topics)
        self._issuer = Issuer(run_secret, EPOCH)
        self._agenda = Agenda()
        self._carrier = Carrier(self._agenda, self._arrive)
        server = self._server = SyncServer(self._log, Verifier(run_secret, EPOCH), self._metrics)
        self._quiet = Quiet(server, eager=eager)
        self._reach = Reach(len(plan.fleet.profiles))
        self._listener = Listener(server, self._agenda, self._carrier, self._reach, self._quiet)
        self._snapshots = SnapshotDesk(
            server, self._agenda, lambda index: self._clients[index].settings, self._on_snapshot
        )
        self._recording = Recording(plan.scrape_interval_seconds, plan.scrape_offset_seconds)
        self._exporter = Exporter(self._metrics)
        self._scraper = Scraper(self._exporter, self._recording, self._call_scraper, self._meet_scrape)
        self._clients = [
            clients.Client(
                profile,
                plan.fleet.habits,
                random.Random(f"{plan.seed}/{index}"),  # noqa: S311  # seeded chance, no secret
                self._settings,
                self._metrics,
            )
            for index, profile in enumerate(plan.fleet.profiles)
        ]
        self._links: list[Link | None] = [None] * len(self._clients)
        self._orphans: dict[int, list[Link]] = {}
        self._left_open: dict[int, list[Link]] = {}
        self._minting: set[int] = set()

    def run(self) -> Run:
        agenda, until = self._agenda, self._plan.duration_seconds
        for step in self._plan.steps:
            agenda.at(step.at, Rank.CHANGE, self._change, step)
        for index, client in enumerate(self._clients):
            self._perform(index, client.start(self._plan.fleet.ramp_seconds))
        self._schedule_publishing()
        agenda.at(self._settings.retention.interval, Rank.EVENT, self._prune)
        agenda.at(self._plan.scrape_offset_seconds, Rank.SCRAPE, self._scrape, 0)
        while agenda.step(until):
            self._carrier.deliver_pending()
        self._settle_deliveries()
        reached = Reached.of(len(self._clients), self._reach.touched, self._reach.harmed)
        suffered = Suffered(self._reach.harmed_at, frozenset(self._reach.looping))
        return Run(self._recording, reached, self._server.losses.found(until), suffered)

    # --- the world's own course

    def _schedule_publishing(self) -> None:
        fleet = self._plan.fleet
        topics = fleet.habits.topics
        if fleet.publish_rate > 0:
            for place, topic in enumerate(topics, start=1):
                phase = place / (len(topics) + 1)
                self._agenda.at(phase / fleet.publish_rate, Rank.EVENT, self._publish, topic, phase, 0)

    def _publish(self, topic: str, phase: float, number: int) -> None:
        publisher, now = self._server.publisher, self._agenda.now
        self._hint(topic, publisher.publish(now, topic, self._settings))
        if publisher.is_late(topic):
            self._agenda.at(now + LATE_SECONDS, Rank.EVENT, self._store_late, topic)
        due = (number + 1 + phase) / self._plan.fleet.publish_rate
        self._agenda.at(due, Rank.EVENT, self._publish, topic, phase, number + 1)

    def _store_late(self, topic: str) -> None:
        self._hint(topic, self._server.publisher.store_late(self._agenda.now, topic))

    def _hint(self, topic: str, hints: Sequence[int]) -> None:
        if hints:
            for link in tuple(self._quiet.loud):
                self._listener.deliver(link, topic, hints)

    def _prune(self) -> None:
        now = self._agenda.now
        self._log.run_retention(now, self._settings)
        interval = self._settings.retention.interval
        self._agenda.at((math.floor(now / interval + 1e-9) + 1) * interval, Rank.EVENT, self._prune)

    def _scrape(self, number: int) -> None:
        now, plan = self._agenda.now, self._plan
        self._quiet.count_beats(now, inclusive=True)
        self._reach.meet_all("view")
        self._scraper.scrape(now, self._settings.exporter)
        self._on_progress(now)
        due = plan.scrape_offset_seconds + (number + 1) * plan.scrape_interval_seconds
        self._agenda.at(due, Rank.SCRAPE, self._scrape, number + 1)

    def _call_scraper(self, at: float, action: Callable[[], None]) -> None:
        self._agenda.at(at, Rank.SCRAPE, self._let_scraper, action)

    def _let_scraper(self, action: Callable[[], None]) -> None:
        self._quiet.count_beats(self._agenda.now, inclusive=True)
        action()

    def _meet_scrape(self) -> None:
        self._reach.meet_all("scrape")

    # --- conditions and impulses

    def _change(self, step: Step) -> None:
        now = self._agenda.now
        for kind, injection in step.notes:
            self._on_note(now, kind, injection)
        self._settings = step.conditions.settings()
        for index, (settings, altered) in enumerate(step.conditions.settings_by_client(self._plan.population)):
            self._reach.alter(index, altered)
            if settings != self._clients[index].settings:
                self._change_client(index, settings)
        self._listener.reconsider()
        self._snapshots.reconsider()
        self._change_exporter(now)
        for topic, hints in self._server.publisher.release(now, self._settings).items():
            self._hint(topic, hints)
        for injection, impulse in step.impulses:
            self._strike(injection, impulse)

    def _change_exporter(self, now: float) -> None:
        knobs = self._settings.exporter
        self._quiet.count_beats(now, inclusive=False)
        self._exporter.freeze(knobs)
        self._scraper.reconsider(now, knobs)

    def _change_client(self, index: int, settings: Settings) -> None:
        now, client, link = self._agenda.now, self._clients[index], self._links[index]
        if link is not None:
            self._quiet.settle(link, now)
        asked = client.on_settings(now, settings)
        if client.state is clients.State.HELD:
            self._reach.meet(index, "held_off")
        if link is not None:
            self._carrier.release(link)
        if not settings.network.black_hole:
            for orphan in self._orphans.pop(index, ()):
                self._carrier.release(orphan)
        self._perform(index, asked)
        for left in self._links_left_open(index):
            self._listener.watch(left)
        if link is not None and link.client_open:
            self._reach.meet(index, "path")
            self._listener.watch(link)
            if link.live_at is not None:
                self._reach.meet(index, "connected")
                self._quiet.try_deliveries(link)
                self._await_beat(link)

    def _strike(self, injection: str, impulse: Impulse) -> None:  # noqa: C901  # a case for each impulse
        match impulse:
            case DropConnections(share):
                self._close(share, injection, LOST_CODE)
            case CloseConnections(share, code):
                self._close(share, injection, code)
            case RevokeSessions(share, reason):
                self._revoke(share, injection, reason)
            case ResetCounters():
                self._quiet.count_beats(self._agenda.now, inclusive=False)
                self._server.restart()
                self._exporter.reset()
            case ResetExporter(share) if share.fraction > 0:
                self._quiet.count_beats(self._agenda.now, inclusive=False)
                self._exporter.reset()
                for index in self._plan.population.members(share):
                    self._reach.touch(index, injection)
            case PurgeTopics():
                self._settle_deliveries()
                self._touch(injection, self._server.purge())
                self._renew_deliveries()
            case ResetSequences(kept):
                self._settle_deliveries()
                self._touch(injection, self._server.go_back(kept))
                self._renew_deliveries()
                if self._settings.log.epochs:
                    self._close(EVERYONE, injection, LOG_REPLACED)
            case LoseCursors(share):
                self._lose_cursors(share, injection)

    def _touch(self, injection: str, members: Iterable[int]) -> None:
        for index in members:
            self._reach.touch(index, injection)

    def _settle_deliveries(self) -> None:
        for link in self._links:
            if link is not None:
                self._quiet.settle_deliveries(link)

    def _renew_deliveries(self) -> None:
        for link in self._links:
            if link is not None and link.live_at is not None and link.client_open:
                self._quiet.try_deliveries(link)

    def _close(self, share: Share, injection: str, code: int) -> None:
        for index in self._plan.population.members(share):
            for link in self._links_of(index):
                if link.server_open:
                    self._reach.touch(index, injection)
                    self._quiet.settle(link, self._agenda.now)
                    self._listener.close(link, code)

    def _lose_cursors(self, share: Share, injection: str) -> None:
        for index in self._plan.population.members(share):
            link, client = self._links[index], self._clients[index]
            self._reach.touch(index, injection)
            if link is not None:
                self._quiet.settle(link, self._agenda.now)
            client.lose_cursors()
            if link is not None and link.live_at is not None:
                self._listener.watch(link)
                self._quiet.try_deliveries(link)
                self._await_beat(link)

    def _revoke(self, share: Share, injection: str, reason: str) -> None:
        now = self._agenda.now
        for index in self._plan.population.members(share):
            self._reach.touch(index, injection)
            self._server.revoke(now, subject_of(str(index)), reason, self._clients[index].settings)
            for link in self._links_of(index):
                self._listener.evict(link, reason)

    def _links_of(self, index: int) -> list[Link]:
        """Return every link of a client that may stand at the server's end: its present one, and those before it."""
        link = self._links[index]
        present = () if link is None else (link,)
        return list(dict.fromkeys((*present, *self._links_left_open(index), *self._orphans.get(index, ()))))

    # --- what clients do

    def _perform(self, index: int, asked: Iterable[effects.Effect]) -> None:
        for effect in asked:
            match effect:
                case effects.Send(message):
                    self._send_up(index, message)
                case effects.Timer(name, at, serial):
                    self._set_timer(index, name, at, serial)
                case effects.Mint():
                    self._mint(index)
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
        client = self._clients[index]
        was_held = client.state is clients.State.HELD
        asked = client.on_timer(self._agenda.now, name, serial)
        if name == "refresh" and asked:
            self._reach.meet(index, "refresh")
        self._perform(index, asked)
        if client.state is clients.State.HELD and not was_held:
            self._reach.meet(index, "held_off")

    def _mint(self, index: int) -> None:
        """Ask for a token; a question that is still open will have its answer taken."""
        now, delay = self._agenda.now, self._clients[index].settings.issuer.delay
        self._reach.meet(index, "mint")
        if index in self._minting:
            return
        if not delay:
            self._answer_mint(index)
            return
        self._minting.add(index)
        if delay < MINT_PATIENCE_SECONDS:
            self._agenda.at(now + delay, Rank.EVENT, self._answer_mint, index)
        else:
            self._agenda.at(now + MINT_PATIENCE_SECONDS, Rank.EVENT, self._give_up_mint, index)

    def _answer_mint(self, index: int) -> None:
        now, client = self._agenda.now, self._clients[index]
        self._minting.discard(index)
        try:
            token = self._issuer.mint(now, str(index), self._plan.fleet.habits.topics, client.settings)
        except MintFailed as failed:
            self._metrics.add(("token_mint", "error"))
            self._perform(index, client.on_mint_failed(now, failed.reason))
            return
        self._metrics.add(("token_mint", "ok"))
        self._perform(index, client.on_token(now, token))

    def _give_up_mint(self, index: int) -> None:
        """Nobody counts a question that was not answered before its client lost patience."""
        self._minting.discard(index)
        self._perform(index, self._clients[index].on_mint_failed(self._agenda.now))

    def _fetch_snapshot(self, index: int, topics: tuple[str, ...], serial: int) -> None:
        link = self._links[index]
        if link is not None:
            self._listener.watch(link)  # it may take long, and the server looks for silence meanwhile
        self._reach.meet(index, "snapshot")
        self._snapshots.ask(index, topics, serial)

    def _on_snapshot(self, index: int, watermarks: Mapping[str, int] | None, serial: int) -> None:
        client, now = self._clients[index], self._agenda.now
        if watermarks is None:
            self._perform(index, client.on_snapshot_failed(now, serial))
        else:
            self._perform(index, client.on_snapshot(now, watermarks, serial))

    def _dial(self, index: int, token: str, expires_at: float) -> None:
        now = self._agenda.now
        if expires_at <= now:
            self._reach.meet(index, "expired_token")
        self._reach.meet(index, "path")
        link = self._links[index] = Link(index, self._clients[index], now)
        self._carrier.send(link, "up", Upgrade(token))

    def _hang_up(self, index: int) -> None:
        link = self._part_from_link(index)
        if link is None:
            return
        if link.server_open:
            self._reach.meet(index, "hang_up")
        if link.client.settings.network.half_open:
            self._left_open.setdefault(index, []).append(link)
            self._listener.watch(link)
        else:
            self._carrier.send(link, "up", _CLOSED_BY_CLIENT)
        self._keep_orphan(link)

    def _let_go(self, index: int) -> None:
        """Let a link stay open with nobody at the client's end; the server finds out by its silence."""
        link = self._part_from_link(index)
        if link is not None:
            self._reach.meet(index, "left_open")
            self._left_open.setdefault(index, []).append(link)
            self._listener.watch(link)
            self._keep_orphan(link)

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

    def _keep_orphan(self, link: Link) -> None:
        if not link.is_clear:
            self._orphans.setdefault(link.index, []).append(link)

    def _links_left_open(self, index: int) -> list[Link]:
        """Return the links that are gone at a client's end, or left alone there, and still stand at the server's."""
        left = [link for link in self._left_open.pop(index, ()) if not self._listener.is_over(link)]
        if left:
            self._left_open[index] = left
        return left

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

    # --- messages

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

    def _arrive(self, link: Link, direction: Direction, message: Any) -> None:
        if direction == "up":
            self._listener.receive(link, message)
        elif link.client_open and not link.is_outdated(message):
            self._perform(link.index, link.client.receive(self._agenda.now, message))
            if link.live_at is not None and link.client_open and not link.lazy_deliveries:
                self._quiet.try_deliveries(link)
