"""What one peer, and all of them together, may take of a live server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a live server; whoever exceeds one is refused or closed, and the others go on.

    `connections` are open sockets: one more is refused with 503. `spare_connections` may wait in the handshake, or be
    scrapes, beside them: one more is dropped. `queue_bytes` may wait for one reader that is slow, on top of the last
    replay that it asked for: then it is closed with 1013. A token longer than `token_characters` is an invalid one.
    `channels` is Phoenix' own limit on one socket. A server that stops closes `drain_batch` sockets at a time with a
    pause in between; both are Phoenix' own, too.
    """

    connections: int = 20_000
    spare_connections: int = 2_000
    channels: int = 100
    frame_bytes: int = 65_536
    queue_bytes: int = 1_048_576
    token_characters: int = 4_096
    remembered_tokens: int = 2_000
    handshake_seconds: float = 10.0
    close_seconds: float = 5.0
    drain_batch: int = 10_000
    drain_pause_seconds: float = 2.0
