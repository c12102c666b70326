"""Client profiles: how a client reconnects, backs off, beats, resumes and recovers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Protocol


class Chance(Protocol):
    """A seeded stream of random numbers, one per client."""

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...

    def expovariate(self, lambd: float) -> float:
        """Return an exponentially distributed number with the given rate."""
        ...


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting before another attempt: first the delays of a table, then `base * factor^n` seconds up to a cap.

    Jitter `equal` draws from the upper half of the delay, `additive` adds up to half of it, `none` leaves it.
    """

    base_seconds: float
    factor: float = 2.0
    cap_seconds: float = 30.0
    jitter: Literal["none", "equal", "additive"] = "none"
    table_seconds: tuple[float, ...] = ()

    def delay_seconds(self, attempt: int, chance: Chance) -> float:
        """Return how long to wait after the given number of attempts that failed before, from 0."""
        beyond = attempt - len(self.table_seconds)
        if beyond < 0:
            delay = self.table_seconds[attempt]
        else:
            delay = min(self.cap_seconds, self.base_seconds * self.factor ** min(beyond, 32))
        if self.jitter == "equal":
            return delay * (0.5 + chance.random() / 2)
        if self.jitter == "additive":
            return delay * (1 + chance.random() / 2)
        return delay


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of client.

    `resume`: `stored` sends the cursors it has, `all` sends 0 where it has none.
    `on_stale_cursor`: `forget` drops the cursor and subscribes again without it; `zero` sets it to 0, closes the
    socket and tries again.
    `on_refused` (403 at the handshake): `remint` backs off with a new token, `retry` with the same one, `stop` gives
    up until the person opens the client again.
    `on_phx_close`: `reconnect` opens a new socket, `ignore` stays without a channel, on this socket and on those after
    it, until the person opens the client again.
    `on_close_1000`: `stop` takes a socket that the server closed with 1000 for ended, until the person opens the
    client again.
    `backoff_resets`: a success that lets the delays start again is to be `live`, or just an `open` socket.
    `rejoin`: how a client whose channel fails waits before it joins again on the same socket; its answer timeout is
    for each join, and none is for the upgrade. Without it, such a client drops the socket.
    `beats_on`: `channel` sends `sync:heartbeat` and expects its answer; `both` sends the socket's own heartbeat too,
    and expects only the answer to that one.
    """

    name: str
    summary: str
    backoff: Backoff
    heartbeat_interval_seconds: float = 20.0
    answer_timeout_seconds: float = 10.0
    resume: Literal["stored", "all"] = "stored"
    on_stale_cursor: Literal["forget", "zero"] = "forget"
    on_refused: Literal["remint", "retry", "stop"] = "remint"
    on_phx_close: Literal["reconnect", "ignore"] = "reconnect"
    on_close_1000: Literal["reconnect", "stop"] = "reconnect"
    backoff_resets: Literal["live", "open"] = "live"
    rejoin: Backoff | None = None
    beats_on: Literal["channel", "both"] = "channel"


_PHOENIX = Profile(
    "phoenix-1.8",
    "phoenix.js 1.8 as it comes: a table without jitter that an open socket resets, and no rejoin after phx_close",
    Backoff(5.0, 1.0, 5.0, table_seconds=(0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.0)),
    heartbeat_interval_seconds=30.0,
    on_refused="retry",
    on_phx_close="ignore",
    backoff_resets="open",
    rejoin=Backoff(10.0, 1.0, 10.0, table_seconds=(1.0, 2.0, 5.0)),
    beats_on="both",
)
"""Measured with the unmodified package; `tests/realclients` measures it again."""

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            "reference",
            "a client that does everything right: jittered backoff, fresh tokens, forgets a stale cursor",
            Backoff(1.0, 2.0, 30.0, "equal"),
        ),
        Profile(
            "desktop",
            "the original desktop client: retries every 2 s for ever, and answers a stale cursor with 0",
            Backoff(2.0, 1.0, 2.0),
            resume="all",
            on_stale_cursor="zero",
        ),
        replace(
            _PHOENIX,
            name="phoenix-1.7",
            summary="phoenix.js 1.6 and 1.7 as they come: as 1.8, and dead after a socket was closed with 1000",
            on_close_1000="stop",
        ),
        _PHOENIX,
    )
}
