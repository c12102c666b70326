"""The two forms of frames, and JSON that is read without harm."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.wire import V1, V2, WireFrame, WrittenPush, form_of, read_json, write_json
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


# --- V1


def test_in_v1_a_frame_is_an_object_and_what_a_server_sends_names_no_join() -> None:
    text = '{"topic":"sync:v1","event":"sync:heartbeat","payload":{"a":[1,null]},"ref":"2"}'
    frame = WireFrame(None, "2", "sync:v1", "sync:heartbeat", {"a": [1, None]})
    assert V1.read(text) == frame
    assert V1.write(frame) == text
    assert V1.write(WireFrame("1", "2", "sync:v1", "sync:heartbeat", {"a": [1, None]})) == text


def test_in_v1_a_client_may_name_its_join_and_add_what_it_likes() -> None:
    frame = V1.read('{"join_ref":3,"ref":4,"topic":"t","event":"e","payload":{},"more":1}')
    assert frame == WireFrame(3, 4, "t", "e", {})


@pytest.mark.parametrize("ref", ["7", 7, None, "", -7])
def test_in_v1_too_a_ref_keeps_its_type(ref: str | int | None) -> None:
    read = V1.read(json.dumps({"topic": "t", "event": "e", "payload": {}, "ref": ref}))
    assert (read.ref, type(read.ref)) == (ref, type(ref))


@pytest.mark.parametrize("missing", ["topic", "event", "payload", "ref"])
def test_in_v1_nothing_but_the_join_may_be_left_out(missing: str) -> None:
    whole: dict[str, object] = {"topic": "t", "event": "e", "payload": {}, "ref": None}
    with pytest.raises(FrameError, match="topic, event, payload and ref"):
        V1.read(json.dumps({key: value for key, value in whole.items() if key != missing}))


@pytest.mark.parametrize(
    "change",
    [{"topic": 1}, {"event": None}, {"payload": []}, {"payload": None}, {"ref": 1.5}, {"ref": True}, {"join_ref": {}}],
)
def test_in_v1_a_member_of_the_wrong_type_is_one_clear_error(change: dict[str, object]) -> None:
    with pytest.raises(FrameError):
        V1.read(json.dumps({"topic": "t", "event": "e", "payload": {}, "ref": None, **change}))


@given(st.text())
def test_any_text_is_a_v1_frame_or_an_error(text: str) -> None:
    with contextlib.suppress(FrameError):
        V1.read(text)


@given(REFS, st.text(), st.text(), st.dictionaries(st.text(), JSON, max_size=4))
def test_a_v1_frame_that_was_written_is_read_back(
    ref: str | int | None, topic: str, event: str, payload: dict[str, object]
) -> None:
    frame = WireFrame(None, ref, topic, event, payload)
    with contextlib.suppress(ValueError):
        assert V1.read(V1.write(frame)) == frame


# --- one push for many


@given(REFS, st.text(), st.text(), st.dictionaries(st.text(), JSON, max_size=4))
def test_a_push_that_was_written_once_is_the_same_text_as_one_that_was_written_for_its_join(
    join_ref: str | int | None, topic: str, event: str, payload: dict[str, object]
) -> None:
    frame = WireFrame(join_ref, None, topic, event, payload)
    with contextlib.suppress(ValueError):
        push = WrittenPush(topic, event, write_json(payload))
        assert V1.envelop(push, join_ref) == V1.write(frame)
        assert V2.envelop(push, join_ref) == V2.write(frame)


def test_those_whose_text_differs_are_told_apart() -> None:
    refs = ("1", 1, None, "", 0)
    assert len({V2.group(ref) for ref in refs}) == len(refs)
    assert len({V1.group(ref) for ref in refs}) == 1
    assert V1.group(None) not in {V2.group(ref) for ref in refs}


# --- vsn


def test_without_a_version_frames_are_v1() -> None:
    assert form_of(None) is V1
    assert form_of(V1.vsn) is V1


@pytest.mark.parametrize(("vsn", "form"), [("1.0.0", V1), ("1.0.9", V1), ("2.0.0", V2), ("2.0.12", V2)])
def test_a_later_patch_of_a_version_is_the_same_form(vsn: str, form: object) -> None:
    assert form_of(vsn) is form


@pytest.mark.parametrize("vsn", ["", "1", "2.0", "2.1.0", "1.1.0", "3.0.0", "2.0.0.0", "02.0.0", "2.0.0-rc", " 2.0.0"])
def test_there_is_no_form_of_any_other_version(vsn: str) -> None:
    assert form_of(vsn) is None
