"""What scrapes must show, counted by whoever injects the events: it never looks at a counter of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Sample = tuple[str, frozenset[tuple[str, str]]]
"""The name of a series and its labels."""

REASONS = (
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
    "invalid_token",
)
"""Why a server with nothing of the later original refuses a handshake."""

LATER_REASONS = (
    "token_too_old",
    "missing_jti",
    "token_revoked",
    "reauth_required",
    "invalid_client_build",
    "unsupported_protocol_version",
    "unsupported_schema_version",
    "upgrade_required",
    "unsupported_client_build",
)
"""Why only the later original's does: they stay at 0."""

_SYNC = "openagents_runtime_sync_"
_AUTH = f"{_SYNC}socket_auth_count"
_CONNECTION = f"{_SYNC}socket_connection_count"
_ACTIVE = f"{_SYNC}socket_connection_active"
_HEARTBEAT = f"{_SYNC}socket_heartbeat_count"
_RECONNECT = f"{_SYNC}socket_reconnect_count"
_TIMEOUT = f"{_SYNC}socket_timeout_count"
_CATCHUP = f"{_SYNC}replay_catchup_duration_ms"
_LAG = f"{_SYNC}replay_lag_events"
_MINT = "openagents_laravel_khala_token_mint_total"


def sample(name: str, **labels: str) -> Sample:
    """Return the key of a series."""
    return name, frozenset(labels.items())


def _zeros() -> dict[Sample, float]:
    """Return what a new server shows."""
    auth = [sample(_AUTH, status="ok", reason_class="authorized")]
    auth += [sample(_AUTH, status="error", reason_class=reason) for reason in (*REASONS, *LATER_REASONS)]
    ways = (("connect", "ok"), ("disconnect", "normal"), ("disconnect", "error"))
    sockets = [sample(name, action=way, status=how) for name in (_CONNECTION, _ACTIVE) for way, how in ways]
    beats = [sample(_HEARTBEAT, status=status) for status in ("client", "server")]
    catchup = [
        sample(f"{_CATCHUP}_{part}", status=status) for part in ("count", "sum") for status in ("ok", "stale_cursor")
    ]
    others = [sample(_RECONNECT, status="ok"), sample(_TIMEOUT, status="timeout")]
    return dict.fromkeys([*auth, *sockets, *beats, *catchup, *others], 0)


class Ledger:
    """The expected value of every series, and how many events were injected, those that must not count included."""

    def __init__(self) -> None:
        self.injected = 0
        self.server = _zeros()
        self.issuer: dict[Sample, float] = {sample(_MINT, result=result): 0 for result in ("ok", "error")}

    def let_in(self) -> None:
        """A handshake with a good token."""
        self.server[sample(_AUTH, status="ok", reason_class="authorized")] += 1

    def refused(self, reason: str) -> None:
        """A handshake with a token that is refused for a reason."""
        self.server[sample(_AUTH, status="error", reason_class=reason)] += 1

    def joined(self) -> None:
        """A join that was accepted."""
        self.server[sample(_CONNECTION, action="connect", status="ok")] += 1

    def left(self, status: str) -> None:
        """The end of a joined channel, `normal` or `error`."""
        self.server[sample(_CONNECTION, action="disconnect", status=status)] += 1

    def timed_out(self) -> None:
        """A channel that was silent for too long, which ends it in order."""
        self.server[sample(_TIMEOUT, status="timeout")] += 1
        self.left("normal")

    def beat(self) -> None:
        """A heartbeat, which the server sends back."""
        for status in ("client", "server"):
            self.server[sample(_HEARTBEAT, status=status)] += 1

    def subscribed(self, *, resumed: bool) -> None:
        """A subscription that was accepted, from a cursor above 0 or afresh; replays take no time."""
        self.server[sample(f"{_CATCHUP}_count", status="ok")] += 1
        if resumed:
            self.server[sample(_RECONNECT, status="ok")] += 1

    def was_stale(self) -> None:
        """A subscription with a cursor below the floor."""
        self.server[sample(f"{_CATCHUP}_count", status="stale_cursor")] += 1

    def saw_active(self, action: str, status: str, channels: int) -> None:
        """How many channels were open when one was last opened or closed so."""
        self.server[sample(_ACTIVE, action=action, status=status)] = channels

    def saw_lag(self, topic: str, events: int) -> None:
        """How far behind its topic a subscription last began."""
        self.server[sample(_LAG, event_type=topic, status="lagging" if events else "caught_up")] = events

    def minted(self, result: str) -> None:
        """A request for a token, `ok` or `error`."""
        self.issuer[sample(_MINT, result=result)] += 1

    def restarted(self) -> None:
        """The server's counters began anew."""
        self.server = _zeros()


def compare(expected: Mapping[Sample, float], found: Mapping[Sample, float]) -> list[str]:
    """Return a line for each series whose value is not the expected one, that is missing, or that nobody expected."""
    return sorted(
        f"{_write(series)}: expected {expected.get(series, 'none')}, scraped {found.get(series, 'none')}"
        for series in expected.keys() | found.keys()
        if expected.get(series) != found.get(series)
    )


def read_exposition(text: str) -> dict[Sample, float]:
    """Return the value of every series of a scrape, which may have each of them once."""
    found: dict[Sample, float] = {}
    for series, value in _read(text):
        assert series not in found, f"{_write(series)} is there twice"
        found[series] = value
    return found


def _read(text: str) -> Iterator[tuple[Sample, float]]:
    for family in text_string_to_metric_families(text):
        for line in family.samples:
            yield sample(line.name, **line.labels), line.value


def _write(series: Sample) -> str:
    name, labels = series
    return f"{name}{{{', '.join(f'{label}={value}' for label, value in sorted(labels))}}}"
