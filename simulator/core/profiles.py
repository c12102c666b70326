"""The client profiles that ship: the original's own clients, those that people use with Phoenix, and a good one.

The original's four and `july` are read from its sources, the others were measured with the unmodified packages;
`tests/realclients` measures them again.
"""

from __future__ import annotations

import math
from dataclasses import replace

from simulator.core.profile import Backoff, Profile

_REFERENCE = Profile(
    "reference",
    "a client that does everything right: jittered backoff, fresh tokens, forgets a stale cursor, heeds the server",
    Backoff(1.0, 2.0, 30.0, "equal"),
    heeds_server=True,
    sees_status=True,
)

_DESKTOP = Profile(
    "desktop",
    "the original desktop client: a new token and a new try every 2 s for ever, and answers a stale cursor with 0",
    Backoff(2.0, 1.0, 2.0),
    surface="desktop",
    mints="each_time",
    sees_status=True,
    resume="all",
    on_stale_cursor="zero",
)

_WEB_SHELL = Profile(
    "web-shell",
    "the original web client: 1.5, 3, 6, 8 s that no success resets, and answers a stale cursor with 0 everywhere",
    Backoff(1.5, 2.0, 8.0),
    stops_at_mint=("unauthenticated", "policy_denied"),
    backoff_resets="never",
    follows_heartbeats=True,
    resume="all",
    on_stale_cursor="zero_all",
)

_IOS = Profile(
    "ios",
    "the original iOS client: 0.25 s doubled up to 8 s with jitter, misses no heartbeat, answers a stale cursor with 0",
    Backoff(0.25, 2.0, 8.0, "additive"),
    surface="ios",
    stops_at_mint=("unauthenticated",),
    expects_answers=False,
    resume="all",
    on_stale_cursor="zero",
)

_TYPESCRIPT = Profile(
    "typescript",
    "the original TypeScript client: sends no heartbeats, waits for ever, misses phx_close, leaks a refused socket",
    Backoff(1.0, 2.0, 30.0),
    answer_timeout_seconds=math.inf,
    backoff_resets="open",
    on_phx_close="unaware",
    leaks_when_refused=True,
    beats_on="none",
)

_JULY = Profile(
    "july",
    "the original's session of July: jittered, gives up after two 401 or one 403, heeds the server",
    Backoff(0.5, 2.0, 30.0, "equal"),
    surface="desktop",
    stops_after=((401, 2), (403, 1)),
    forgets_when_denied=True,
    sees_status=True,
    heeds_server=True,
)

_PHOENIX_1_8 = Profile(
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

_PHOENIX_1_7 = replace(
    _PHOENIX_1_8,
    name="phoenix-1.7",
    summary="phoenix.js 1.6 and 1.7 as they come: as 1.8, and dead after a socket was closed with 1000",
    on_close_1000="stop",
)

_REALTIME_JS = replace(
    _PHOENIX_1_8,
    name="realtime-js",
    summary="supabase realtime-js as it comes: as phoenix-1.8, but 1, 2, 5, 10 s between sockets",
    backoff=Backoff(10.0, 1.0, 10.0, table_seconds=(1.0, 2.0, 5.0)),
    heartbeat_interval_seconds=25.0,
)

_REALTIME_PY = replace(
    _REALTIME_JS,
    name="realtime-py",
    summary="supabase realtime-py as it comes: dead after five refusals, back at once after an open socket is lost",
    backoff=Backoff(1.0, 2.0, 60.0),
    surface="desktop",
    vsn="1.0.0",
    connect_timeout_seconds=10.0,
    sees_status=True,
    tries=5,
    returns_after_seconds=0.01,  # it waits for nothing; a handshake takes about as long
    expects_answers=False,
)

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        _REFERENCE,
        _DESKTOP,
        _PHOENIX_1_7,
        _PHOENIX_1_8,
        _REALTIME_JS,
        _REALTIME_PY,
        _WEB_SHELL,
        _IOS,
        _TYPESCRIPT,
        _JULY,
    )
}
