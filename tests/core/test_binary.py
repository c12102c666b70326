"""Binary frames, as the serializers of phoenix.js 1.6, 1.7 and 1.8 write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.binary import read_push
from simulator.errors import FrameError

BEAT = bytes.fromhex("000101070e313773796e633a763173796e633a6865617274626561740102ff")
JOIN = bytes.fromhex("0001010708313173796e633a76317068785f6a6f696e")


def test_a_push_of_the_real_serializer_is_read() -> None:
    assert read_push(BEAT) == ("1", "7", "sync:v1", "sync:heartbeat", b"\x01\x02\xff")
    assert read_push(JOIN) == ("1", "1", "sync:v1", "phx_join", b"")


def test_sizes_count_bytes_and_not_characters() -> None:
    topic = "tökén"
    data = bytes([0, 0, 1, len(topic.encode()), 1]) + b"1" + topic.encode() + b"e" + b"rest"
    assert read_push(data) == ("", "1", topic, "e", b"rest")


@pytest.mark.parametrize("data", [b"", b"\x00", BEAT[:4], BEAT[:20], b"\x01" + BEAT[1:], b"\x02" + BEAT[1:], b"\xff"])
def test_what_is_no_push_is_one_clear_error(data: bytes) -> None:
    with pytest.raises(FrameError, match="binary frame"):
        read_push(data)


def test_fields_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(FrameError, match="UTF-8"):
        read_push(b"\x00\x01\x00\x00\x00\xff")


@given(st.binary(max_size=64))
def test_any_bytes_are_a_push_or_an_error(data: bytes) -> None:
    try:
        fields = read_push(b"\x00" + data)
    except FrameError:
        return
    assert sum(len(field.encode()) for field in fields[:4]) + len(fields[4]) + 5 == len(data) + 1
