"""Laziness: what nobody could tell apart from the real thing is settled instead of simulated.

A healthy, subscribed link is *quiet*. Its deliveries only move a watermark and a cursor to the topic's head, so they
are set when somebody could look. Its heartbeats come at a fixed interval and are always answered, so they are counted
in a queue per interval. A fault that could change either makes the link loud until it is healthy again. Lazy and
eager runs give the same digest, for every fault: that is a law.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from simulator.conditions.knobs import Publishing
from simulator.core import client as clients
from simulator.core.pacing import is_slow
from simulator.core.session import State

if TYPE_CHECKING:
    from simulator.core.server import SyncServer
    from simulator.core.session import ChannelSession
    from simulator.drivers.link import Link


_PLAIN = Publishing()


class Quiet:
    """Which links are loud, and the heartbeats and deliveries of those that are quiet."""

    def __init__(self, server: SyncServer, *, eager: bool) -> None:
        self._server = server
        self.eager = eager
        self._queues: dict[float, deque[tuple[float, Link, int]]] = {}
        self.loud: dict[Link, None] = {}
        """Links whose deliveries are simulated one by one, in the order in which they became loud."""

    def try_deliveries(self, link: Link) -> None:
        """Make a live link's deliveries lazy if it is healthy and caught up, else see that they are simulated."""
        link.lazy_deliveries = self._may_deliver_lazily(link)
        if link.lazy_deliveries:
            self.loud.pop(link, None)
        else:
            self.loud.setdefault(link)

    def try_beats(self, link: Link, now: float) -> bool:
        """Make a live link's heartbeats lazy if they cannot fail; to be called at a heartbeat only.

        Then its next one is due an interval from now, after all others in the queue once those due are counted.
        """
        link.lazy_beats = self._may_beat_lazily(link)
        if link.lazy_beats:
            self.count_beats(now, inclusive=False)
            interval = link.client.profile.heartbeat_interval_seconds
            queue = self._queues.setdefault(interval, deque())
            queue.append((link.next_beat_at, link, link.epoch))
        return link.lazy_beats

    def settle(self, link: Link, now: float) -> None:
        """Bring a link to where it would be had all been simulated; afterwards it is loud."""
        if link.lazy_beats:
            self.count_beats(now, inclusive=False)
            link.lazy_beats = False
            link.epoch += 1
            self._settle_beats(link)
        self.settle_deliveries(link)

    def settle_deliveries(self, link: Link) -> None:
        """Bring a link's deliveries to where they would be; its heartbeats stay as they are."""
        if link.lazy_deliveries:
            link.lazy_deliveries = False
            self._settle_deliveries(link)

    def leave(self, link: Link) -> None:
        """An end of a link is gone; as long as the server's stands, it is sent what there is, whoever hears it."""
        if not link.server_open:
            self.loud.pop(link, None)
        elif not link.client_open:
            self.loud.setdefault(link)

    def count_beats(self, until: float, *, inclusive: bool) -> None:
        """Count the lazy heartbeats that were due by (or before) a time."""
        count = 0
        for interval, queue in self._queues.items():
            while queue:
                due, link, epoch = queue[0]
                if due > until or (due == until and not inclusive):
                    break
                queue.popleft()
                if link.epoch == epoch:
                    link.beats += 1
                    count += 1
                    queue.append((link.live_at + (link.beats + 1) * interval, link, epoch))  # type: ignore[operator]
        if count:
            self._server.count_heartbeats(count)

    def _may_deliver_lazily(self, link: Link) -> bool:
        session = link.session
        if self.eager or session is None or not self._is_quiet(link, session):
            return False
        settings, log, cursors = link.client.settings, self._server.log, link.client.cursors
        if not session.is_plain(settings.delivery) or settings.capture.stalled or settings.publishing != _PLAIN:
            return False
        if is_slow(settings):
            return False
        return all(log[topic].head == mark == cursors.get(topic, 0) for topic, mark in session.watermarks.items())

    def _may_beat_lazily(self, link: Link) -> bool:
        session, settings = link.session, link.client.settings
        profile = link.client.profile
        interval = profile.heartbeat_interval_seconds
        return (
            not self.eager
            and session is not None
            and self._is_quiet(link, session)
            and profile.beats_on != "none"
            and settings.clients.heartbeats
            and settings.clients.transport_heartbeats
            and not link.client.awaits_reply
            and not is_slow(settings)  # its channel may end on a live socket, whose own heartbeats then go on
            and interval <= settings.liveness.timeout
            and interval < settings.liveness.transport_idle
        )

    @staticmethod
    def _is_quiet(link: Link, session: ChannelSession) -> bool:
        joined = session.state is State.JOINED and link.client.state is clients.State.LIVE
        return joined and link.is_clear

    @staticmethod
    def _settle_beats(link: Link) -> None:
        if link.beats and link.session is not None and link.live_at is not None:
            last = link.live_at + link.beats * link.client.profile.heartbeat_interval_seconds
            link.session.last_seen_at = max(link.session.last_seen_at, last)
            link.last_frame_at = max(link.last_frame_at, last)

    def _settle_deliveries(self, link: Link) -> None:
        if link.session is None:
            return
        for topic in link.session.watermarks:
            head = self._server.log[topic].head
            link.session.watermarks[topic] = head
            if head:
                link.client.cursors[topic] = head
