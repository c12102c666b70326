"""Phoenix' binary frames, which `V2` has beside its text: here what a client may send, which is a push.

    0, then the sizes in bytes of join_ref, ref, topic and event, a byte each; then these four; the rest is the payload

A server of this channel sends none: its payloads are objects, and Phoenix writes those as text.
"""

from __future__ import annotations

from simulator.errors import FrameError

_PUSH = 0
_FIELDS = 4
_HEAD = 1 + _FIELDS


def read_push(data: bytes) -> tuple[str, str, str, str, bytes]:
    """Return join_ref, ref, topic, event and payload of a binary push; a ref that is left out is an empty one.

    Raises:
        FrameError: it is no push, is shorter than it says, or has a field that is not UTF-8.
    """
    if len(data) < _HEAD or data[0] != _PUSH:
        raise FrameError("a binary frame of a client is a push: 0, four sizes, four fields and a payload")
    fields, start = [], _HEAD
    for size in data[1:_HEAD]:
        fields.append(data[start : start + size])
        start += size
    if start > len(data):
        raise FrameError("a binary frame is shorter than its sizes say")
    try:
        join_ref, ref, topic, event = (field.decode() for field in fields)
    except UnicodeDecodeError:
        raise FrameError("the fields of a binary frame are UTF-8") from None
    return join_ref, ref, topic, event, data[start:]
