"""The outer form of a frame: who it is for, what it is, and its payload; what payloads hold is not known here.

Phoenix has two forms, chosen by `vsn` in the upgrade request. `V2` writes a frame as an array. Another form is another
class with `read` and `write`; the payloads inside are the same.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

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


class FrameForm(Protocol):
    """One way of writing frames as text."""

    @property
    def vsn(self) -> str:
        """The version that asks for this form in an upgrade request."""
        ...

    def read(self, text: str) -> WireFrame:
        """Return the frame in a text message.

        Raises:
            FrameError: there is none.
        """
        ...

    def write(self, frame: WireFrame) -> str:
        """Return a frame as a text message."""
        ...


class ArrayForm:
    """`[join_ref, ref, topic, event, payload]`; further elements are passed over, as Phoenix does."""

    vsn = "2.0.0"

    def read(self, text: str) -> WireFrame:
        """Return the frame in a text message.

        Raises:
            FrameError: it is not JSON, not an array of five, or an element has the wrong type.
        """
        value = read_json(text)
        if not isinstance(value, list) or len(value) < 5:
            raise FrameError("a frame is an array of join_ref, ref, topic, event and payload")
        join_ref, ref, topic, event, payload = value[:5]
        if not isinstance(topic, str) or not isinstance(event, str):
            raise FrameError("a frame's topic and event are text")
        if not isinstance(payload, dict):
            raise FrameError("a frame's payload is an object")
        return WireFrame(_read_ref(join_ref), _read_ref(ref), topic, event, payload)

    def write(self, frame: WireFrame) -> str:
        """Return a frame as a text message."""
        return write_json([frame.join_ref, frame.ref, frame.topic, frame.event, frame.payload])


V2 = ArrayForm()


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
