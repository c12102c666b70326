"""Every knob of the sync system, plane by plane.

The defaults are the original system's own; `Settings()` is that system in good health.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from simulator.conditions.value import CloseCode, Pairs, Seconds, Setting, Words, parse_value, setting, settings_of
from simulator.errors import Place, unknown_name


@dataclass(frozen=True, slots=True)
class Issuer:
    """The service that mints tokens."""

    kid: str = setting("sync-auth-v1", "key id in the header of new tokens")
    secret: str = setting("sync-auth-v1", "name of the key material that signs; its bytes are derived per run")
    issuer: str = setting("https://openagents.com", "`iss` claim of new tokens")
    audience: str = setting("openagents-sync", "`aud` claim of new tokens")
    claims_version: str = setting("oa_sync_claims_v1", "`oa_claims_version` claim of new tokens")
    ttl: Seconds = setting(300.0, "lifetime of new tokens", at_least=1)
    available: bool = setting(True, "whether the mint endpoint answers")


@dataclass(frozen=True, slots=True)
class Verifier:
    """What the sync server accepts in a token."""

    current_kid: str = setting("sync-auth-v1", "key id of the current key")
    current_secret: str = setting("sync-auth-v1", "name of the current key's material")
    previous_kid: str = setting("", "key id of the previous key; empty for none")
    previous_secret: str = setting("", "name of the previous key's material")
    issuer: str = setting("https://openagents.com", "`iss` claim that is expected")
    audience: str = setting("openagents-sync", "`aud` claim that is expected")
    claims_version: str = setting("oa_sync_claims_v1", "`oa_claims_version` claim that is expected")
    clock_ahead: Seconds = setting(0.0, "how far the verifier's clock runs ahead", at_least=0)
    clock_behind: Seconds = setting(0.0, "how far the verifier's clock runs behind", at_least=0)


@dataclass(frozen=True, slots=True)
class Handshake:
    """The way of an upgrade request to the server."""

    strip_token: bool = setting(False, "whether a proxy drops the query, and the token with it")
    delay: Seconds = setting(0.0, "how long an upgrade request waits for its answer", at_least=0)
    hang: bool = setting(False, "whether an upgrade request waits for its answer until this is over")
    drop_code: CloseCode = setting(0, "code that a socket is closed with as soon as it was accepted; 0 for none")


@dataclass(frozen=True, slots=True)
class Liveness:
    """How the server decides that a client is gone."""

    timeout: Seconds = setting(60.0, "silence after which a channel times out", at_least=0.001)
    tick: Seconds = setting(15.0, "how often a channel looks at its last heartbeat", at_least=0.001)
    transport_idle: Seconds = setting(60.0, "silence after which a socket is closed", at_least=0.001)


@dataclass(frozen=True, slots=True)
class Network:
    """The path between a client and the server."""

    latency: Seconds = setting(0.0, "delay of every frame, each way")
    black_hole: bool = setting(False, "whether packets vanish while both ends think they are connected")


@dataclass(frozen=True, slots=True)
class Clients:
    """What the clients do."""

    heartbeats: bool = setting(True, "whether they send sync:heartbeat")
    online: bool = setting(True, "whether their machines are on")
    refresh_tokens: bool = setting(True, "whether they mint a new token when theirs expires")
    resume: Literal["profile", "zero"] = setting("profile", "the cursor they resume with")


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the event log keeps events; one setting for the whole system."""

    horizon: Seconds = setting(86400.0, "age after which events are pruned", at_least=0.001)
    max_events: int = setting(1_000_000, "events that a topic keeps at the most", at_least=1)
    interval: Seconds = setting(60.0, "how often the retention job runs", at_least=0.1)
    batch: int = setting(5000, "events that the retention job deletes at a time", at_least=1)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the server sends events."""

    paused: bool = setting(False, "whether live updates are held back")
    replay_batch: int = setting(200, "events in one replayed batch", at_least=1)


@dataclass(frozen=True, slots=True)
class Server:
    """The process of the sync server; one for the whole system, and a live one."""

    stall: Seconds = setting(0.0, "how long its event loop stands still at a time", at_least=0, at_most=600)
    stall_every: Seconds = setting(1.0, "how long its event loop goes on between two stalls", at_least=0.05)


@dataclass(frozen=True, slots=True)
class Exporter:
    """What a scrape of `/metrics` gets; one for the whole system. The first three are the sync server's alone."""

    answer: Literal["ok", "slow", "error", "truncated", "gone"] = setting("ok", "how a scrape is answered")
    part: float = setting(1.0, "part of the scrapes that are answered so", at_least=0, at_most=1)
    delay: Seconds = setting(30.0, "how long a slow answer takes", at_least=0)
    renames: Pairs = setting("", "instruments and labels under other names, as socket_auth.reason_class=reason_code")
    unfed: Words = setting("", "instruments that nobody feeds, so that they have no series")
    frozen: Words = setting("", "instruments that nobody feeds any more, so that they stay as they were")
    born_late: bool = setting(False, "whether counters are not there before their first increment")
    split: Pairs = setting("", "instruments whose values are split over so many series of a new label, as NAME.LABEL=3")
    merged: Words = setting("", "labels that are not there, so that their series are added up, as NAME.LABEL")


@dataclass(frozen=True, slots=True)
class Settings:
    """Every knob's value, as one client meets them."""

    issuer: Issuer = field(default_factory=Issuer)
    verifier: Verifier = field(default_factory=Verifier)
    handshake: Handshake = field(default_factory=Handshake)
    liveness: Liveness = field(default_factory=Liveness)
    network: Network = field(default_factory=Network)
    clients: Clients = field(default_factory=Clients)
    retention: Retention = field(default_factory=Retention)
    delivery: Delivery = field(default_factory=Delivery)
    server: Server = field(default_factory=Server)
    exporter: Exporter = field(default_factory=Exporter)

    def get(self, knob: str) -> Any:
        """Return the value of a knob by its path, such as `issuer.kid`."""
        plane, name = knob.split(".")
        return getattr(getattr(self, plane), name)

    def with_value(self, knob: str, value: Any) -> Settings:
        """Return these settings with one knob at another value."""
        plane, name = knob.split(".")
        return replace(self, **{plane: replace(getattr(self, plane), **{name: value})})

    def differences(self) -> dict[str, Any]:
        """Return the knobs that are not at their default, by path."""
        return {path: self.get(path) for path, knob in KNOBS.items() if self.get(path) != knob.setting.default}


@dataclass(frozen=True, slots=True)
class Knob:
    """One knob: its path, its declaration, whether all share one value of it, and whether it needs a live system."""

    path: str
    setting: Setting
    shared: bool
    live_only: bool


_SHARED_PLANES = frozenset({"retention", "server", "exporter"})
_LIVE_PLANES = frozenset({"server"})


def _list_knobs() -> dict[str, Knob]:
    knobs = {}
    for plane in fields(Settings):
        owner = type(getattr(Settings(), plane.name))
        for name, declared in settings_of(owner).items():
            path = f"{plane.name}.{name}"
            knobs[path] = Knob(path, declared, plane.name in _SHARED_PLANES, plane.name in _LIVE_PLANES)
    return knobs


KNOBS: dict[str, Knob] = _list_knobs()


def parse_knob(path: str, raw: Any, place: Place | None = None) -> Any:
    """Return a raw value as the type of the knob at `path`.

    Raises:
        InputError: there is no such knob.
        ValueError: the value does not fit.
    """
    if path not in KNOBS:
        raise unknown_name("knob", path, KNOBS, place)
    return parse_value(KNOBS[path].setting, raw)
