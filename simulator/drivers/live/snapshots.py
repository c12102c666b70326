"""The snapshot endpoint, `GET /api/sync/snapshot?topic=...`: up to which watermark a client has the state of topics.

Who asks sends the token of its socket as `Authorization: Bearer`: it says whose conditions hold, and nobody checks it
again.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import orjson

from simulator.core.responses import SNAPSHOT_FORMAT
from simulator.drivers.live.exporter import respond
from simulator.drivers.live.upgrade import claimed_member
from simulator.errors import SnapshotFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from websockets.http11 import Request, Response

    from simulator.conditions import Settings
    from simulator.core.server import SyncServer
    from simulator.drivers.live.connection import LiveConnection
    from simulator.drivers.live.resolved import Resolved
    from simulator.drivers.live.waiting import WaitingRoom

SNAPSHOT_PATH = "/api/sync/snapshot"
_MOST_TOPICS = 100


class Snapshots:
    """Answers questions for snapshots, late or not at all where a fault says so."""

    def __init__(self, core: SyncServer, waiting: WaitingRoom, resolved: Callable[[], Resolved]) -> None:
        self._core = core
        self._waiting = waiting
        self._resolved = resolved

    async def answer(self, connection: LiveConnection, request: Request) -> Response:
        """Return the answer to a request."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token:
            return _say(HTTPStatus.UNAUTHORIZED, {"code": "unauthenticated"})
        try:
            topics = parse_qs(request.path.partition("?")[2], max_num_fields=_MOST_TOPICS).get("topic", [])
        except ValueError:
            return _say(HTTPStatus.BAD_REQUEST, {"code": "invalid_request"})
        member = claimed_member(token, self._resolved().size)
        try:
            watermarks = await self.take(connection, member, topics)
        except SnapshotFailed:
            return _say(HTTPStatus.SERVICE_UNAVAILABLE, {"code": "snapshot_unavailable"})
        entries = [{"topic": topic, "watermark": watermark} for topic, watermark in watermarks.items()]
        return _say(HTTPStatus.OK, {"format": SNAPSHOT_FORMAT, "topics": entries})

    async def take(self, connection: LiveConnection, member: int | None, topics: Iterable[str]) -> dict[str, int]:
        """Return the watermarks of snapshots, when they are due.

        Raises:
            SnapshotFailed: there is none, or the peer did not wait for it.
        """
        if not await self._waiting.wait(connection, lambda: self._settings(member).snapshot.delay):
            raise SnapshotFailed("gone")
        return self._core.take_snapshot(topics, self._settings(member))

    def _settings(self, member: int | None) -> Settings:
        return self._resolved().of(member)


def _say(status: HTTPStatus, value: dict[str, Any]) -> Response:
    return respond(status, orjson.dumps(value), "application/json")
