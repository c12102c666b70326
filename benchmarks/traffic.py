"""What the clients of the live benchmarks ask for and say, and the run that they are part of."""

from __future__ import annotations

import json
import time
from urllib.parse import urlencode

from simulator.conditions import Settings
from simulator.core.tokens import Issuer
from simulator.core.wire import V2

TOPIC = "runtime.notifications"
RUN_SECRET = b"the run of a benchmark"
JOIN_REF = "1"


def _frame(ref: str, event: str, payload: object) -> str:
    return json.dumps([JOIN_REF, ref, "sync:v1", event, payload], separators=(",", ":"))


JOIN = _frame(JOIN_REF, "phx_join", {})
SUBSCRIBE = _frame("2", "sync:subscribe", {"topics": [TOPIC]})
HEARTBEAT = _frame("3", "sync:heartbeat", {})


def upgrade_requests(clients: int) -> list[bytes]:
    """Return a request for each client that opens its socket, with a token of its own, good for some minutes."""
    issuer, settings = Issuer(RUN_SECRET, int(time.time())), Settings()
    tokens = (issuer.mint(0.0, str(number), (TOPIC,), settings).text for number in range(clients))
    return [_upgrade(urlencode({"token": token, "vsn": V2.vsn})) for token in tokens]


def _upgrade(query: str) -> bytes:
    lines = (
        f"GET /socket/websocket?{query} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()
