"""The outer form of a frame: who it is for, what it is, and its payload; what payloads hold is not known here.

Phoenix has two forms, chosen by `vsn` in the upgrade request: `V1` writes a frame as an object, `V2` as an array. The
payloads inside are the same.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from simulator.core.binary import read_push
from simulator.errors import FrameError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.core.messages import Ref


@dataclass(frozen=True, slots=True)
class WireFrame:
    """One frame: `join_ref` names the channel's join, `ref` the message, null where there is none."""

    join_ref: Ref
    ref: Ref
    topic: str
    event: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WrittenPush:
    """A push whose payload is JSON already, so that it is written once for all who get it."""

    topic: str
    event: str
    payload: str


class FrameForm(Protocol):
    """One way of writing frames as text."""

    @property
    def vsn(self) -> str:
        """The version that asks for this form in an upgrade request."""
        ...

    def read(self, data: str | bytes) -> WireFrame:
        """Return the frame in a text or a binary message.

        Raises:
            FrameError: there is none.
        """
        ...

    def write(self, frame: WireFrame) -> str:
        """Return a frame as a text message."""
        ...

    def envelop(self, push: WrittenPush, join_ref: Ref) -> str:
        """Return a push, whose payload is JSON already, as a text message for the join that `join_ref` names."""
        ...

    def group(self, join_ref: Ref) -> object:
        """Return what tells apart the recipients whose text of one push differs."""
        ...


class ObjectForm:
    """`{"topic", "event", "payload", "ref"}`; a client may give a `join_ref`, and a server gives none."""

    vsn = "1.0.0"

    def read(self, data: str | bytes) -> WireFrame:
        """Return the frame in a message; Phoenix takes a binary one for text, too.

        Raises:
            FrameError: it is not JSON, not an object, or a member is missing or has the wrong type.
        """
        value = read_json(data)
        if not isinstance(value, dict) or not {"topic", "event", "payload", "ref"} <= value.keys():
            raise FrameError("a frame is an object with topic, event, payload and ref")
        return _check_frame(value.get("join_ref"), value["ref"], value["topic"], value["event"], value["payload"])

    def write(self, frame: WireFrame) -> str:
        """Return a frame as a text message; its `join_ref` is not in it."""
        return write_json({"topic": frame.topic, "event": frame.event, "payload": frame.payload, "ref": frame.ref})

    def envelop(self, push: WrittenPush, join_ref: Ref) -> str:
        """Return a push as a text message, the same for every join."""
        del join_ref
        topic, event = write_json(push.topic), write_json(push.event)
        return f'{{"topic":{topic},"event":{event},"payload":{push.payload},"ref":null}}'

    def group(self, join_ref: Ref) -> object:
        """Return the same for all: a push does not name the join."""
        del join_ref
        return self.vsn


class ArrayForm:
    """`[join_ref, ref, topic, event, payload]`; further elements are passed over, as Phoenix does."""

    vsn = "2.0.0"

    def read(self, data: str | bytes) -> WireFrame:
        """Return the frame in a message; the bytes that a binary one carries are nothing that this channel reads.

        Raises:
            FrameError: a text is not JSON, not an array of five, or an element has the wrong type; a binary one is no
                push.
        """
        if isinstance(data, bytes):
            join_ref, ref, topic, event, _ = read_push(data)
            return WireFrame(join_ref, ref, topic, event, {})
        value = read_json(data)
        if not isinstance(value, list) or len(value) < 5:
            raise FrameError("a frame is an array of join_ref, ref, topic, event and payload")
        return _check_frame(*value[:5])

    def write(self, frame: WireFrame) -> str:
        """Return a frame as a text message."""
        return write_json([frame.join_ref, frame.ref, frame.topic, frame.event, frame.payload])

    def envelop(self, push: WrittenPush, join_ref: Ref) -> str:
        """Return a push as a text message for the join that `join_ref` names."""
        return f"[{write_json(join_ref)},null,{write_json(push.topic)},{write_json(push.event)},{push.payload}]"

    def group(self, join_ref: Ref) -> object:
        """Return the join, which a push names, with its type: 1 is not "1"."""
        return type(join_ref), join_ref


V1 = ObjectForm()
V2 = ArrayForm()

_FORMS: tuple[tuple[re.Pattern[str], FrameForm], ...] = (
    (re.compile(r"1\.0\.(0|[1-9][0-9]*)", re.ASCII), V1),
    (re.compile(r"2\.0\.(0|[1-9][0-9]*)", re.ASCII), V2),
)


def form_of(vsn: str | None) -> FrameForm | None:
    """Return the form that `vsn` asks for: `V1` if there is no `vsn`, None if there is no such form."""
    if vsn is None:
        return V1
    return next((form for pattern, form in _FORMS if pattern.fullmatch(vsn)), None)


def read_json(text: str | bytes) -> Any:
    """Return the value of a JSON text; numbers that JSON does not have, or that no float holds, are refused.

    Raises:
        FrameError: the text is not JSON, is nested too deeply, or has a number that is too long.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_read_float)
    except (ValueError, RecursionError) as error:
        # RecursionError's own text differs between Pythons, and ValueError's may quote the whole number.
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else _shorten(str(error))
        raise FrameError(f"a frame is JSON: {reason}") from None


def write_json(value: Any) -> str:
    """Return a value as JSON without spaces, in ASCII: a lone surrogate that came in can go out again."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _check_frame(join_ref: Any, ref: Any, topic: Any, event: Any, payload: Any) -> WireFrame:
    if not isinstance(topic, str) or not isinstance(event, str):
        raise FrameError("a frame's topic and event are text")
    if not isinstance(payload, dict):
        raise FrameError("a frame's payload is an object")
    return WireFrame(_read_ref(join_ref), _read_ref(ref), topic, event, payload)


def _read_ref(value: Any) -> Ref:
    # JSON's true is an int in Python, and a ref is given back with the type it came with.
    if value is None or (isinstance(value, str | int) and not isinstance(value, bool)):
        return value
    raise FrameError("a frame's refs are text, whole numbers or null")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number in JSON")


def _read_float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("a number is too large")
    return value


def _shorten(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:120]}…"
