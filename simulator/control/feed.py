"""The message that a node gets, as bytes, and the line protocol that brings it through a pipe."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_args

import orjson

from simulator.conditions import KNOBS, Conditions, Impulse, Settings, Share, parse_knob
from simulator.control.keys import Keys
from simulator.control.lease import NodeMessage, Struck, check_lease
from simulator.errors import InputError, Place, shorten, show, unknown_name

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

VERSION = 1
MOST_BYTES = 256 * 1024
_READ_BYTES = 64 * 1024
_KINDS: dict[str, type[Impulse]] = {}


def encode(message: NodeMessage) -> bytes:
    """Return a message as one line of JSON, without the line's end."""
    return orjson.dumps(
        {
            "v": VERSION,
            "controller": message.controller,
            "serial": message.serial,
            "lease_s": message.lease_seconds,
            "conditions": message.conditions.to_dict(),
            "impulses": [
                {"id": struck.id, "injection": struck.injection, **encode_impulse(struck.impulse)}
                for struck in message.impulses
            ],
        }
    )


def decode(raw: bytes) -> NodeMessage:
    """Return the message in a line of JSON, every value checked.

    Raises:
        InputError: it is no such message; the place is the key.
    """
    return decode_value(parse_json(raw))


def parse_json(raw: bytes) -> Any:
    """Return what a JSON text of bounded size says.

    Raises:
        InputError: it is too long, or no JSON.
    """
    if len(raw) > MOST_BYTES:
        raise InputError(f"a message of {len(raw)} bytes is too long; at most {MOST_BYTES}")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InputError(f"not JSON: {shorten(str(error))}") from None


def decode_value(value: Any) -> NodeMessage:
    """Return the message that parsed JSON says, every value checked.

    Raises:
        InputError: it is no such message; the place is the key.
    """
    data = Keys(value, "", ("v", "controller", "serial", "lease_s", "conditions", "impulses"))
    if data.integer("v") != VERSION:
        raise InputError(f"version {show(data.raw['v'])} is not known; this one reads {VERSION}", Place(key="v"))
    return NodeMessage(
        controller=data.text("controller"),
        serial=data.integer("serial"),
        lease_seconds=check_lease(data.number("lease_s"), "lease_s"),
        conditions=_conditions(data.raw["conditions"]),
        impulses=tuple(_struck(entry, key) for entry, key in data.entries("impulses")),
    )


# --- conditions


def _conditions(raw: Any) -> Conditions:
    data = Keys(raw, "conditions", ("baseline", "variations"))
    settings = Settings()
    for knob, value in data.mapping("baseline").items():
        key = f"conditions.baseline.{shorten(knob)}"
        settings = settings.with_value(knob, _knob_value(knob, value, key))
    conditions = Conditions(settings)
    for entry, key in data.entries("variations"):
        conditions = _vary(conditions, Keys(entry, key, ("knob", "value", "share", "cohort", "injection")))
    return conditions


def _vary(conditions: Conditions, entry: Keys) -> Conditions:
    knob = entry.text("knob")
    value = _knob_value(knob, entry.raw["value"], entry.at("knob"))
    share = _share(entry.number("share"), entry.text("cohort", empty=True), entry.at("share"))
    by = Conditions(conditions.baseline, conditions.variations, entry.text("injection", empty=True))
    try:
        varied = by.vary(knob, value, share)
    except ValueError as error:
        raise InputError(str(error), Place(key=entry.at("share"))) from None
    return Conditions(varied.baseline, varied.variations)


def _knob_value(knob: str, raw: Any, key: str) -> Any:
    """Return a knob's value; unlike in a file, it already has the knob's own type."""
    if knob not in KNOBS:
        raise unknown_name("knob", knob, KNOBS, Place(key=key))
    try:
        value = parse_knob(knob, raw)
    except ValueError as error:
        raise InputError(str(error), Place(key=key)) from None
    if isinstance(raw, str) != isinstance(value, str) or isinstance(raw, bool) != isinstance(value, bool):
        raise InputError(f"{show(raw)} does not fit {knob}", Place(key=key))
    return value


def _share(fraction: float, cohort: str, key: str) -> Share:
    try:
        return Share(fraction, cohort)
    except ValueError as error:
        raise InputError(str(error), Place(key=key)) from None


# --- impulses


def encode_impulse(impulse: Impulse) -> dict[str, Any]:
    """Return an impulse as plain data: its kind, and its fields."""
    data: dict[str, Any] = {"kind": _kind_of(type(impulse))}
    for field in fields(impulse):
        value = getattr(impulse, field.name)
        data[field.name] = {"fraction": value.fraction, "cohort": value.cohort} if isinstance(value, Share) else value
    return data


def _struck(raw: Any, key: str) -> Struck:
    kind = raw.get("kind") if isinstance(raw, dict) else None
    if not isinstance(kind, str) or kind not in impulse_kinds():
        raise InputError(f"{show(kind)} is no kind of impulse", Place(key=f"{key}.kind"))
    impulse = impulse_kinds()[kind]
    data = Keys(raw, key, ("id", "injection", "kind", *(field.name for field in fields(impulse))))
    values = {field.name: _impulse_field(data, field.name, str(field.type)) for field in fields(impulse)}
    return Struck(data.text("id"), data.text("injection"), impulse(**values))


def _impulse_field(data: Keys, name: str, kind: str) -> Any:
    match kind:
        case "Share":
            share = Keys(data.raw[name], data.at(name), ("fraction", "cohort"))
            return _share(share.number("fraction"), share.text("cohort", empty=True), share.at("fraction"))
        case "bool":
            return data.boolean(name)
        case "int":
            return data.integer(name)
        case "float" | "Seconds":
            return data.number(name)
        case _:
            return data.text(name, empty=True)


def impulse_kinds() -> dict[str, type[Impulse]]:
    """Return the kinds of impulses by the name that they have in messages: `DropConnections` is `drop_connections`."""
    if not _KINDS:
        _KINDS.update({_kind_of(kind): kind for kind in get_args(Impulse)})
    return _KINDS


def _kind_of(kind: type) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in kind.__name__).lstrip("_")


# --- the line protocol


class Lines:
    """Cuts a stream of bytes into lines of bounded length; a longer one is dropped and counted."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._buffer = bytearray()
        self._dropping = False
        self.dropped = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that are complete now."""
        lines = []
        *ended, rest = data.split(b"\n")
        for part in ended:
            self._append(part)
            if not self._dropping and self._buffer:
                lines.append(bytes(self._buffer))
            self._buffer.clear()
            self._dropping = False
        self._append(rest)
        return lines

    def _append(self, part: bytes) -> None:
        if not self._dropping and len(self._buffer) + len(part) > self._most:
            self._dropping = True
            self.dropped += 1
            self._buffer.clear()
        if not self._dropping:
            self._buffer += part


async def read_feed(
    stream: asyncio.StreamReader,
    on_message: Callable[[NodeMessage], object],
    on_problem: Callable[[InputError], object],
) -> None:
    """Hand each message on a pipe to a callback until the pipe ends: then the controller is gone.

    What cannot be read is handed to `on_problem`; the conditions then in force last until their lease ends.
    """
    lines = Lines()
    while data := await stream.read(_READ_BYTES):
        before = lines.dropped
        complete = lines.feed(data)
        if lines.dropped > before:
            on_problem(InputError(f"a line is too long; at most {MOST_BYTES} bytes"))
        for line in complete:
            try:
                message = decode(line)
            except InputError as error:
                on_problem(error)
            else:
                on_message(message)
