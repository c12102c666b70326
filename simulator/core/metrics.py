"""The instruments of the sync system: one table, and plain-integer storage.

Names here are the project's own words. Which metric names and labels people see is a contract's business
(`simulator/alerting/contract.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

from simulator.conditions.knobs import DEFAULT_BUILD
from simulator.core.profile import SURFACES
from simulator.core.refusals import REFUSED_AT_JOIN

Kind = Literal["counter", "gauge", "summary"]
Process = Literal["server", "issuer", "fleet"]
Key = tuple[str, ...]
"""An instrument's name followed by its label values."""

AUTHORIZED = "authorized"

REJECT_REASONS = (
    "missing_token",
    "invalid_token_format",
    "invalid_token_encoding",
    "invalid_header",
    "unsupported_alg",
    "missing_kid",
    "unknown_kid",
    "invalid_signature",
    "invalid_claims",
    "token_expired",
    "token_not_yet_valid",
    "claim_mismatch",
    "token_too_old",
    "missing_jti",
    "token_revoked",
    "invalid_token",
)
"""Why a token is refused, in the order in which it is checked; `invalid_token` is for anything else."""

CLIENT_EVENTS: dict[str, tuple[str, ...]] = {
    "reconnect": (
        "stream_closed",
        "gateway_restart",
        "token_refresh_due",
        "stale_cursor",
        "slow_consumer",
        "unauthorized",
        "forbidden",
        "network",
        "unknown",
    ),
    "auth_failure": ("unauthorized", "forbidden", *REFUSED_AT_JOIN),
    "replay": ("catchup", "stale_cursor", "failed"),
    "delivery_error": ("slow_consumer",),
}
"""What clients tell about themselves, and the reasons that they give for it."""

_CLIENT_EVENTS = tuple((event, reason) for event, reasons in CLIENT_EVENTS.items() for reason in reasons)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One thing that is counted: its labels, the label values it starts with, and the process that owns it."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    initial: tuple[tuple[str, ...], ...] = ()
    process: Process = "server"

    def values_of(self, label: str) -> frozenset[str]:
        """Return every value that a label can have; none where that is not known beforehand."""
        if label in _OPEN_LABELS:
            return frozenset()
        place = self.labels.index(label)
        return frozenset(values[place] for values in self.initial)


_OPEN_LABELS = ("app_version",)
"""Labels whose values are a scenario's."""


INSTRUMENTS: dict[str, Instrument] = {
    instrument.name: instrument
    for instrument in (
        Instrument(
            "socket_auth",
            "counter",
            "Handshakes by outcome and reject reason.",
            ("status", "reason_class"),
            (("ok", AUTHORIZED), *product(("error",), (*REJECT_REASONS, *REFUSED_AT_JOIN))),
        ),
        Instrument(
            "socket_connection",
            "counter",
            "Sockets opened and closed.",
            ("action", "status"),
            (("connect", "ok"), ("disconnect", "normal"), ("disconnect", "error")),
        ),
        Instrument(
            "socket_connection_active",
            "gauge",
            "Open sockets, as they stood when one was last opened or closed.",
            ("action", "status"),
            (("connect", "ok"), ("disconnect", "normal"), ("disconnect", "error")),
        ),
        Instrument(
            "socket_heartbeat",
            "counter",
            "Sync heartbeats received and pushed.",
            ("status",),
            (("client",), ("server",)),
        ),
        Instrument(
            "socket_reconnect",
            "counter",
            "Subscriptions that resumed from a cursor.",
            ("status",),
            (("ok",),),
        ),
        Instrument(
            "socket_timeout",
            "counter",
            "Channels closed for want of a heartbeat.",
            ("status",),
            (("timeout",),),
        ),
        Instrument(
            "socket_queue",
            "counter",
            "Topics that had to wait for a slow client, or found no room to.",
            ("event_type", "status"),
        ),
        Instrument(
            "socket_queue_depth",
            "gauge",
            "Topics that waited for a client when one was last added or refused.",
            ("event_type", "status"),
        ),
        Instrument(
            "socket_slow_consumer",
            "counter",
            "Clients that did not keep up, by what was done about it.",
            ("status", "reason_class", "action"),
            (("overflow", "queue_overflow", "throttle"), ("overflow", "queue_overflow", "disconnect")),
        ),
        Instrument(
            "socket_slow_consumer_queue_depth",
            "gauge",
            "Topics that waited for the last client that did not keep up.",
            ("status", "reason_class", "action"),
        ),
        Instrument(
            "replay_catchup_duration_ms",
            "summary",
            "Replays by outcome, and the time they took.",
            ("status",),
            (("ok",), ("stale_cursor",)),
        ),
        Instrument(
            "replay_lag_events",
            "gauge",
            "Events between a cursor and its topic's head when it last resumed.",
            ("event_type", "status"),
        ),
        Instrument(
            "replay_budget",
            "counter",
            "Resumed topics by whether their cursor was within the replay budget, where there is one.",
            ("event_type", "status", "qos_tier", "reason_class"),
        ),
        Instrument(
            "publish",
            "counter",
            "Events offered to the log by outcome.",
            ("result",),
            (("ok",), ("error",), ("payload_too_large",), ("rate_limited",)),
        ),
        Instrument(
            "snapshot",
            "counter",
            "Snapshots asked for by outcome.",
            ("result",),
            (("ok",), ("error",)),
        ),
        Instrument(
            "token_mint",
            "counter",
            "Token requests by outcome.",
            ("result",),
            (("ok",), ("error",)),
            "issuer",
        ),
        Instrument(
            "client_telemetry",
            "counter",
            "What clients tell about themselves: reconnects, refusals, replays and failed deliveries.",
            ("event_type", "surface", "app_version", "reason_code"),
            tuple((event, surface, DEFAULT_BUILD, reason) for surface in SURFACES for event, reason in _CLIENT_EVENTS),
            "fleet",
        ),
    )
}


class Metrics:
    """The present value of every series; counters and gauges are plain numbers, a summary is two of them."""

    __slots__ = ("_initialise", "values")

    def __init__(self, *, initialise: bool = True) -> None:
        self._initialise = initialise
        self.values: dict[Key, int] = {}
        self.reset()
        if initialise:
            self.values.update({**_initial("issuer"), **_initial("fleet")})

    def add(self, key: Key, amount: int = 1) -> None:
        """Increase a counter."""
        self.values[key] = self.values.get(key, 0) + amount

    def set(self, key: Key, value: int) -> None:
        """Set a gauge."""
        self.values[key] = value

    def observe(self, key: Key, amount: int) -> None:
        """Add one observation to a summary."""
        self.add((*key, "count"))
        self.add((*key, "sum"), amount)

    def reset(self) -> None:
        """Start the server process's counters anew, as a restart does; issuer and fleet are others."""
        for key in [key for key in self.values if INSTRUMENTS[key[0]].process == "server"]:
            del self.values[key]
        if self._initialise:
            self.values.update(_initial("server"))

    def snapshot(self) -> dict[Key, int]:
        """Return a copy of every value."""
        return dict(self.values)


def _initial(process: Process) -> dict[Key, int]:
    values = {}
    for instrument in INSTRUMENTS.values():
        if instrument.process == process:
            for labels in instrument.initial:
                suffixes = (("count",), ("sum",)) if instrument.kind == "summary" else ((),)
                values.update({(instrument.name, *labels, *suffix): 0 for suffix in suffixes})
    return values
