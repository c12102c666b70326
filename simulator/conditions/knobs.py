"""Every knob of the sync system, plane by plane.

The defaults are the original system's own; `Settings()` is that system in good health.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from simulator.conditions.value import CloseCode, Pairs, Seconds, Setting, Words, parse_value, setting, settings_of
from simulator.errors import Place, unknown_name

Defect = Literal[
    "invalid_token_format",
    "invalid_token_encoding",
    "invalid_header",
    "unsupported_alg",
    "missing_kid",
    "invalid_claims",
    "invalid_token",
]
"""What may be wrong with a token, by the reason for which it is refused."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """The service that mints tokens."""

    kid: str = setting("sync-auth-v1", "key id in the header of new tokens")
    secret: str = setting("sync-auth-v1", "name of the key material that signs; its bytes are derived per run")
    issuer: str = setting("https://openagents.com", "`iss` claim of new tokens")
    audience: str = setting("openagents-sync", "`aud` claim of new tokens")
    claims_version: str = setting("oa_sync_claims_v1", "`oa_claims_version` claim of new tokens")
    ttl: Seconds = setting(300.0, "lifetime of new tokens", at_least=1)
    answer: Literal["ok", "unavailable", "denied", "invalid_scope", "unauthenticated"] = setting(
        "ok", "how the mint endpoint answers"
    )
    delay: Seconds = setting(0.0, "how long a request for a token waits for its answer", at_least=0, at_most=60)
    scopes: str = setting("", "topics that new tokens allow, with commas; empty for those that are asked for")
    jti: bool = setting(True, "whether new tokens have an id, the `jti` claim")
    session_claims: bool = setting(False, "whether new tokens have `oa_session_id` and `oa_device_id`")
    numeric_user_id: bool = setting(False, "whether `oa_user_id` is a number in new tokens, and not a text")
    defect: Literal["none", Defect] = setting(
        "none", "what is wrong with new tokens, by the reason for which they are refused"
    )


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
    requires_session: bool = setting(False, "whether a token must have `oa_session_id` and `oa_device_id`")
    numeric_user_id: bool = setting(False, "whether `oa_user_id` must be a number")
    max_age: Seconds = setting(0.0, "age after which a token is too old, whatever its lifetime; 0 for none", at_least=0)
    anti_replay: bool = setting(False, "whether a token without an id is refused as `missing_jti`")
    revoked: bool = setting(False, "whether the list of revoked ids has those of all tokens, new ones too")


@dataclass(frozen=True, slots=True)
class Handshake:
    """The way of an upgrade request to the server."""

    strip_token: bool = setting(False, "whether a proxy drops the query, and the token with it")
    foreign_origin: bool = setting(False, "whether the server takes a client's origin for one that is not allowed")
    refusal_status: Literal[403, 401] = setting(403, "status with which a token is refused")
    delay: Seconds = setting(0.0, "how long an upgrade request waits for its answer", at_least=0)
    hang: bool = setting(False, "whether an upgrade request waits for its answer until this is over")
    drop_code: CloseCode = setting(0, "code that a socket is closed with as soon as it was accepted; 0 for none")
    join_delay: Seconds = setting(0.0, "how long a join, and what its client sends after it, waits", at_least=0)


@dataclass(frozen=True, slots=True)
class Admission:
    """How many upgrades the server and what stands behind it can take; one setting for the whole system."""

    rate: float = setting(0.0, "upgrades per second that are let in; 0 for as many as come", at_least=0)
    burst: int = setting(1, "upgrades that are let in at once after a pause", at_least=1)
    answer: Literal["503", "500", "429", "401", "mixed", "hold"] = setting(
        "503", "what others get: a status, 503, 500 and 401 in turns, or to wait until there is room"
    )


@dataclass(frozen=True, slots=True)
class Sessions:
    """What the server does about sessions whose access was revoked."""

    revocation: Literal["off", "full", "evicts_only", "remembers_only"] = setting(
        "off", "whether it ends their sockets, refuses their joins, both or neither"
    )
    revocation_memory: Seconds = setting(900.0, "how long it remembers a revoked session", at_least=0)


@dataclass(frozen=True, slots=True)
class Compatibility:
    """Which clients may join, by what they say about themselves."""

    enforced: bool = setting(False, "whether anybody is refused")
    protocol: str = setting("khala.ws.v1", "the protocol that a client has to name")
    min_build: str = setting("00000000T000000Z", "the oldest build that may join; builds sort as text")
    max_build: str = setting("", "the newest build that may join; empty for none")
    min_schema: int = setting(1, "the lowest schema version that may join", at_least=1)
    max_schema: int = setting(1, "the highest schema version that may join", at_least=1)


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
    half_open: bool = setting(False, "whether the server is not told when a client's end of a socket is gone")
    max_age: Seconds = setting(0.0, "age at which a proxy ends every socket; 0 for none", at_least=0)


DEFAULT_BUILD = "20260221T000000Z"
"""The build of clients that no fault is about, in the original's form of build ids."""


@dataclass(frozen=True, slots=True)
class Clients:
    """What the clients do."""

    heartbeats: bool = setting(True, "whether they send sync:heartbeat")
    transport_heartbeats: bool = setting(True, "whether they send the heartbeat that keeps the socket itself open")
    online: bool = setting(True, "whether their machines are on")
    build: str = setting(DEFAULT_BUILD, "build id, and the app version that their telemetry names")
    refresh_tokens: bool = setting(True, "whether they mint a new token when theirs expires")
    refresh_ahead: Seconds = setting(
        0.0, "how long before a token's end they reconnect with a new one; 0 for not at all", at_least=0
    )
    resume: Literal["profile", "zero", "entity"] = setting("profile", "the cursor they resume with")
    entities: int = setting(20, "entities that a topic's events are about, for `resume` by entity", at_least=1)
    jitter: bool = setting(True, "whether their backoff has the jitter that it is meant to have")
    backoff_resets: Literal["profile", "live", "open", "never"] = setting(
        "profile", "the success that lets their backoff start again"
    )
    give_up: bool = setting(True, "whether they give up an upgrade or a join that nobody answers")
    hear_phx_close: bool = setting(True, "whether they notice that their channel was closed")
    close_sockets: bool = setting(True, "whether they close a socket that they have done with")
    protocol: str = setting("khala.ws.v1", "the protocol that they name when they connect")
    schema: int = setting(1, "the schema version that they name when they connect", at_least=0)
    read_interval: Seconds = setting(0.0, "how long they take before they read on; 0 is at once", at_least=0)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the event log keeps events; one setting for the whole system."""

    horizon: Seconds = setting(86400.0, "age after which events are pruned", at_least=0.001)
    max_events: int = setting(1_000_000, "events that a topic keeps at the most", at_least=1)
    interval: Seconds = setting(60.0, "how often the retention job runs", at_least=0.1)
    batch: int = setting(5000, "events that the retention job deletes at a time", at_least=1)
    per_topic: bool = setting(False, "whether a topic's own horizon holds where it is shorter than `horizon`")
    stalled: bool = setting(False, "whether the retention job does nothing")


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the server sends events."""

    paused: bool = setting(False, "whether live updates are held back")
    replay_batch: int = setting(200, "events in one replayed batch", at_least=1)
    lost_hints: int = setting(0, "every how manieth event wakes nobody to deliver it; 0 for none", at_least=0)
    dropped: int = setting(0, "every how manieth event's frames are lost on the way; 0 for none", at_least=0)
    duplicated: int = setting(0, "every how manieth event's frames come twice; 0 for none", at_least=0)
    swapped: int = setting(0, "every how manieth event's frames come after the next one's; 0 for none", at_least=0)
    queue_limit: int = setting(
        0, "topics that may wait for a client that reads slowly; 0 for no such queue", at_least=0
    )
    topics_per_drain: int = setting(2, "topics that such a client is sent when it reads on", at_least=1)
    max_strikes: int = setting(3, "overflows in a row after which its channel ends", at_least=1)
    reconnect_after: Seconds = setting(2.0, "how long it is told to stay away then", at_least=0)

    @property
    def is_plain(self) -> bool:
        """Whether what is published is delivered at once, in order, and once."""
        return not (self.paused or self.lost_hints or self.dropped or self.duplicated or self.swapped)


@dataclass(frozen=True, slots=True)
class Replay:
    """How far behind a client may be and still be sent what it missed."""

    enforce_budgets: bool = setting(False, "whether a cursor is stale that is too many events behind the head")
    most_events: int = setting(
        1_000_000, "events that a client may be behind, where its topic's tier allows more", at_least=0
    )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The endpoint at which a client gets the present state of a topic, and a cursor to go on from."""

    offered: bool = setting(False, "whether a stale client is told of a snapshot to recover by")
    answer: Literal["ok", "unavailable"] = setting("ok", "what the endpoint answers")
    delay: Seconds = setting(0.0, "how long its answer takes", at_least=0)


@dataclass(frozen=True, slots=True)
class Log:
    """The event log; one for the whole system."""

    epochs: bool = setting(False, "whether cursors name the log's epoch, so that one of another log is stale")


@dataclass(frozen=True, slots=True)
class Capture:
    """The job that takes what was published into the event log; one for the whole system."""

    stalled: bool = setting(False, "whether it takes nothing, so that heads stand still and a backlog grows")


@dataclass(frozen=True, slots=True)
class Publishing:
    """How events get into the log; one for the whole system."""

    factor: float = setting(1.0, "how many events are published where one would be", at_least=0, at_most=1000)
    limit: int = setting(0, "events that a topic takes in a second, beyond which it refuses; 0 for any", at_least=0)
    oversized: int = setting(0, "every how manieth event is too large and is refused; 0 for none", at_least=0)
    failed: int = setting(0, "every how manieth event gets a watermark and is not stored; 0 for none", at_least=0)
    inverted: int = setting(0, "every how manieth event is stored after the next one; 0 for none", at_least=0)


@dataclass(frozen=True, slots=True)
class Guard:
    """How soon a consumer may ask again; one setting for the whole system."""

    min_interval: Seconds = setting(0.0, "time that has to lie between two subscribe requests; 0 for none", at_least=0)
    capacity: int = setting(4096, "consumers that are remembered", at_least=1)


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
    admission: Admission = field(default_factory=Admission)
    sessions: Sessions = field(default_factory=Sessions)
    compatibility: Compatibility = field(default_factory=Compatibility)
    liveness: Liveness = field(default_factory=Liveness)
    network: Network = field(default_factory=Network)
    clients: Clients = field(default_factory=Clients)
    retention: Retention = field(default_factory=Retention)
    delivery: Delivery = field(default_factory=Delivery)
    replay: Replay = field(default_factory=Replay)
    snapshot: Snapshot = field(default_factory=Snapshot)
    log: Log = field(default_factory=Log)
    capture: Capture = field(default_factory=Capture)
    publishing: Publishing = field(default_factory=Publishing)
    guard: Guard = field(default_factory=Guard)
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


_SHARED_PLANES = frozenset({"admission", "retention", "guard", "log", "capture", "publishing", "server", "exporter"})
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
