"""Client profiles: how a client reconnects, backs off, beats, resumes and recovers."""

from __future__ import annotations

from dataclasses import dataclass
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
    """Waiting before another attempt: `base * factor^n` seconds up to a cap, then jitter.

    Jitter `equal` draws from the upper half of the delay, `additive` adds up to half of it, `none` leaves it.
    """

    base_seconds: float
    factor: float = 2.0
    cap_seconds: float = 30.0
    jitter: Literal["none", "equal", "additive"] = "none"

    def delay_seconds(self, attempt: int, chance: Chance) -> float:
        """Return how long to wait after the given number of attempts that failed before, from 0."""
        delay = min(self.cap_seconds, self.base_seconds * self.factor ** min(attempt, 32))
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
    `on_phx_close`: `reconnect` opens a new socket, `ignore` stays on a socket without a channel.
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
    )
}
