"""The array form of frames, and JSON that is read without harm."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.wire import V2, WireFrame, read_json, write_json
from simulator.errors import FrameError


def test_a_frame_is_an_array_of_five() -> None:
    text = '["1","2","sync:v1","sync:heartbeat",{"a":[1,null]}]'
    frame = WireFrame("1", "2", "sync:v1", "sync:heartbeat", {"a": [1, None]})
    assert V2.read(text) == frame
    assert V2.write(frame) == text


def test_further_elements_are_passed_over() -> None:
    assert V2.read('[null,1,"t","e",{},"more",{}]') == WireFrame(None, 1, "t", "e", {})


@pytest.mark.parametrize(("text", "ref"), [('"7"', "7"), ("7", 7), ("null", None), ('""', ""), ("-7", -7)])
def test_a_ref_keeps_its_type(text: str, ref: str | int | None) -> None:
    frame = V2.read(f'[{text},{text},"t","e",{{}}]')
    assert (frame.join_ref, frame.ref) == (ref, ref)
    assert type(frame.ref) is type(ref)
    assert V2.write(frame) == f'[{text},{text},"t","e",{{}}]'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "null",
        "7",
        '"text"',
        "[]",
        '[null,1,"t","e"]',
        '{"topic":"t","event":"e","payload":{},"ref":1}',
        '[null,1,"t","e",null]',
        '[null,1,"t","e",[]]',
        '[null,1,"t","e","text"]',
        '[null,1,null,"e",{}]',
        '[null,1,"t",7,{}]',
        '[null,true,"t","e",{}]',
        '[false,1,"t","e",{}]',
        '[null,1.0,"t","e",{}]',
        '[null,[],"t","e",{}]',
        '[{},1,"t","e",{}]',
        '[null,1,"t","e",{}]]',
        '\ufeff[null,1,"t","e",{}]',
        '[null,1,"t","e",{"a":NaN}]',
        '[null,1,"t","e",{"a":Infinity}]',
        '[null,1,"t","e",{"a":-Infinity}]',
        '[null,1,"t","e",{"a":1e999}]',
        '[null,1,"t","e",{"a":' + "9" * 5000 + "}]",
        "[" * 100_000,
        '{"a":' * 100_000,
        '[null,1,"t","e",' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "]",
        "\x00",
        '[null,1,"t","e",{"a":"\n"}]',
    ],
    ids=lambda text: repr(text[:24]),
)
def test_what_is_no_frame_is_one_clear_error(text: str) -> None:
    with pytest.raises(FrameError, match=r"^a frame") as caught:
        V2.read(text)
    assert len(str(caught.value)) < 200


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_a_frame_or_an_error(text: str) -> None:
    with contextlib.suppress(FrameError):
        assert isinstance(V2.read(text), WireFrame)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
REFS = st.none() | st.integers() | st.text()


@given(JSON)
def test_every_json_value_can_be_read_or_is_refused(value: object) -> None:
    text = json.dumps([None, 1, "t", "e", value])
    if isinstance(value, dict):
        assert V2.read(text).payload == value
    else:
        with pytest.raises(FrameError):
            V2.read(text)


@given(REFS, REFS, st.text(), st.text(), st.dictionaries(st.text(), JSON, max_size=4))
def test_a_frame_that_was_written_is_read_back(
    join_ref: str | int | None, ref: str | int | None, topic: str, event: str, payload: dict[str, object]
) -> None:
    frame = WireFrame(join_ref, ref, topic, event, payload)
    assert V2.read(V2.write(frame)) == frame


def test_a_lone_surrogate_that_came_in_can_be_sent_back_as_bytes() -> None:
    text = V2.write(V2.read('[null,1,"\\ud800","e",{}]'))
    assert text.encode() == b'[null,1,"\\ud800","e",{}]'


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(FrameError):
        read_json(b"\xff\xfe\xff")


def test_a_number_that_json_does_not_have_is_never_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(float("nan"))


def test_v2_is_asked_for_by_its_version() -> None:
    assert V2.vsn == "2.0.0"
