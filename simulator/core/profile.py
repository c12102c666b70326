"""What a client profile is: how a client reconnects, backs off, beats, resumes and recovers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

Surface = Literal["web", "desktop", "ios"]
"""Where a client runs, in the words of the original's telemetry."""

SURFACES: tuple[Surface, ...] = ("web", "desktop", "ios")


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

    def delay_seconds(self, attempt: int, chance: Chance, *, jittered: bool = True) -> float:
        """Return how long to wait after the given number of attempts that failed before, from 0."""
        beyond = attempt - len(self.table_seconds)
        if beyond < 0:
            delay = self.table_seconds[attempt]
        else:
            delay = min(self.cap_seconds, self.base_seconds * self.factor ** min(beyond, 32))
        if self.jitter == "equal" and jittered:
            return delay * (0.5 + chance.random() / 2)
        if self.jitter == "additive" and jittered:
            return delay * (1 + chance.random() / 2)
        return delay


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of client.

    Connecting. `mints`: it asks for a token when its own runs out, or for each socket. `vsn`: the form of its frames.
    `on_refused` (at the handshake): `remint` backs off with a new token, `retry` with the same one. `stops_after`: how
    many refusals with a status, one after another, make it give up until the person opens the client again;
    `forgets_when_denied`: its cursors with it. `stops_at_mint`: the failures of a mint that do the same.
    `sees_status`: it is told why it was refused, which a browser is not. `backoff_resets`: the success that lets the
    delays start again is to be `live`, or just an `open` socket, or none does. `tries`: after so many failures without
    an open socket it gives up. `returns_after_seconds`: how soon it replaces a socket that was open, if not by its
    backoff. `connect_timeout_seconds`: for a client that rejoins, how long it waits for the upgrade.

    On the socket. `answer_timeout_seconds`: for being live, or for each join of a client that rejoins.
    `rejoin`: how a client whose channel fails waits before it joins again on the same socket; without it, such a
    client drops the socket. `leaks_when_refused`: it does not close a socket on which its subscription was refused.
    `heeds_server`: it stops where the server says that it must sign in again or be upgraded, and waits as long as a
    server says that drops it for being slow. `on_phx_close`: `reconnect` opens a new socket; `ignore` stays without a
    channel, on this socket and on those after it, until the person opens the client again; `unaware` goes on as though
    nothing had happened, and joins again on its next socket. `on_close_1000`: `stop` takes a socket that the server
    closed with 1000 for ended, until the person opens the client again.

    Heartbeats. `beats_on`: `channel` sends `sync:heartbeat` and expects its answer; `both` sends the socket's own
    heartbeat too, and expects only the answer to that one; `none` sends neither. `expects_answers`: an answer that does
    not come is noticed. `follows_heartbeats`: it takes the watermarks in them for its cursors.

    Cursors. `resume`: `stored` sends the cursors it has, `all` sends 0 where it has none. `on_stale_cursor`: `forget`
    drops the cursor and subscribes again without it; `zero` sets it to 0, closes the socket and tries again;
    `zero_all` does so with every cursor.
    """

    name: str
    summary: str
    backoff: Backoff
    surface: Surface = "web"
    vsn: Literal["1.0.0", "2.0.0"] = "2.0.0"
    heartbeat_interval_seconds: float = 20.0
    answer_timeout_seconds: float = 10.0
    connect_timeout_seconds: float = math.inf
    mints: Literal["when_due", "each_time"] = "when_due"
    on_refused: Literal["remint", "retry"] = "remint"
    stops_after: tuple[tuple[int, int], ...] = ()
    stops_at_mint: tuple[str, ...] = ()
    forgets_when_denied: bool = False
    sees_status: bool = False
    heeds_server: bool = False
    backoff_resets: Literal["live", "open", "never"] = "live"
    tries: int | None = None
    returns_after_seconds: float | None = None
    rejoin: Backoff | None = None
    leaks_when_refused: bool = False
    on_phx_close: Literal["reconnect", "ignore", "unaware"] = "reconnect"
    on_close_1000: Literal["reconnect", "stop"] = "reconnect"
    beats_on: Literal["channel", "both", "none"] = "channel"
    expects_answers: bool = True
    follows_heartbeats: bool = False
    resume: Literal["stored", "all"] = "stored"
    on_stale_cursor: Literal["forget", "zero", "zero_all"] = "forget"

    def gives_up_after(self, status: int) -> float:
        """Return how many refusals with a status in a row make it give up; infinity if none do."""
        return dict(self.stops_after).get(status, math.inf)
