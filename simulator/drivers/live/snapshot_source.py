"""Snapshots from a real endpoint, as a fleet's clients ask for them: `snapshots.py` says how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import orjson

from simulator.core.fields import read_watermarks
from simulator.core.responses import SNAPSHOT_FORMAT
from simulator.drivers.live.snapshots import SNAPSHOT_PATH
from simulator.errors import FrameError, SnapshotFailed

if TYPE_CHECKING:
    from simulator.core.tokens import Token

CONNECTIONS = 256
"""Questions that one process has under way at a time; the others wait."""

LONGEST_WAIT_SECONDS = 600.0
LONGEST_ANSWER = 65_536


class HttpSnapshotSource:
    """Asks the endpoint of the server whose sockets are at `url`; close it when the fleet has ended."""

    def __init__(self, url: str) -> None:
        scheme = "https" if httpx.URL(url).scheme == "wss" else "http"
        self._url = httpx.URL(url).copy_with(scheme=scheme, path=SNAPSHOT_PATH, query=None)
        self._client = httpx.AsyncClient(
            timeout=LONGEST_WAIT_SECONDS, limits=httpx.Limits(max_connections=CONNECTIONS), trust_env=False
        )

    async def __call__(self, _member: int, token: Token, topics: tuple[str, ...]) -> dict[str, int]:
        """Return the watermarks up to which a member has the state of topics now.

        Raises:
            SnapshotFailed: the endpoint was not reached, refused, or answered something else.
        """
        headers = {"Authorization": f"Bearer {token.text}"}
        try:
            response = await self._client.get(self._url, params={"topic": list(topics)}, headers=headers)
        except httpx.HTTPError:
            raise SnapshotFailed("unreachable") from None
        if response.status_code != httpx.codes.OK:
            raise SnapshotFailed(f"status_{response.status_code}")
        return _read(response.content)

    async def aclose(self) -> None:
        """Close the connections to the endpoint."""
        await self._client.aclose()


def _read(body: bytes) -> dict[str, int]:
    """Return the watermarks in an answer.

    Raises:
        SnapshotFailed: it is no such answer.
    """
    try:
        data = orjson.loads(body) if len(body) <= LONGEST_ANSWER else None
        if not isinstance(data, dict) or data.get("format") != SNAPSHOT_FORMAT:
            raise SnapshotFailed("bad_answer")
        return read_watermarks(data, "topics")
    except (orjson.JSONDecodeError, FrameError):
        raise SnapshotFailed("bad_answer") from None
