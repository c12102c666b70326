"""Frames of the channel against the reference, written out by hand; round trips; and hostile ends."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.codec import Received, decode_message, decode_request, encode_message, encode_request
from simulator.core.log import Event
from simulator.core.messages import (
    CHANNEL_CLOSED,
    NOTHING,
    UNMATCHED,
    BadRequest,
    ChannelCrashed,
    ErrorPush,
    Frame,
    Heartbeat,
    HeartbeatPush,
    HeartbeatState,
    Join,
    Joined,
    Leave,
    Problem,
    Reply,
    SnapshotOffer,
    StaleDetail,
    StaleTopic,
    Subscribe,
    Subscribed,
    TransportHeartbeat,
    Unsubscribe,
    Unsubscribed,
    UpdateBatch,
)
from simulator.core.pushes import hash_payload
from simulator.core.wire import V1, V2, WireFrame
from simulator.errors import FrameError

if TYPE_CHECKING:
    from simulator.core.messages import ClientMessage, ServerMessage

LARGEST = 2**63 - 1


def base64_json(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# --- what clients send

GOLDEN_REQUESTS: list[tuple[str, Any, Any]] = [
    ('["1","1","sync:v1","phx_join",{}]', "1", Join("sync:v1", "1")),
    ('["1","9","sync:v1","phx_leave",{}]', "1", Leave("9")),
    (
        '["1","2","sync:v1","sync:subscribe",{"topics":["a","b"],"resume_after":{"a":7}}]',
        "1",
        Subscribe(("a", "b"), {"a": 7}, None, "2"),
    ),
    (
        '[1,2,"sync:v1","sync:subscribe",{"topics":["a"],"resume_after":{},"replay_batch_size":50}]',
        1,
        Subscribe(("a",), {}, 50, 2),
    ),
    (
        '["1","2","sync:v1","sync:subscribe",{"topics":["a"],"resume_after":{"a":7},"epoch":3}]',
        "1",
        Subscribe(("a",), {"a": 7}, None, "2", 3),
    ),
    ('["1","3","sync:v1","sync:unsubscribe",{"topics":["a"]}]', "1", Unsubscribe(("a",), "3")),
    ('["1",4,"sync:v1","sync:heartbeat",{}]', "1", Heartbeat(4)),
    ('[null,"5","phoenix","heartbeat",{}]', None, TransportHeartbeat("5")),
    ('["2","2","room:1","phx_join",{}]', "2", Join("room:1", "2")),
    ('["2","3","room:1","phx_leave",{}]', "2", Leave("3", "room:1")),
]


@pytest.mark.parametrize(("text", "join_ref", "message"), GOLDEN_REQUESTS)
def test_a_clients_message_has_this_form(text: str, join_ref: Any, message: ClientMessage) -> None:
    assert encode_request(message, join_ref) == text
    assert decode_request(text) == Received(join_ref, message)


def test_a_join_without_a_join_ref_goes_by_its_own_ref() -> None:
    assert decode_request('[null,"1","sync:v1","phx_join",{}]').join_ref == "1"
    assert decode_request('[null,0,"sync:v1","phx_join",{}]').join_ref == 0
    assert decode_request('["7","1","sync:v1","phx_join",{}]').join_ref == "7"


def test_only_a_join_goes_by_its_own_ref() -> None:
    assert decode_request('[null,"2","sync:v1","sync:heartbeat",{}]').join_ref is None


def test_a_joins_payload_does_not_matter() -> None:
    assert decode_request('["1","1","sync:v1","phx_join",{"access_token":"x"}]').message == Join("sync:v1", "1")


def subscription(**payload: Any) -> ClientMessage:
    """Return what a server makes of a subscription's payload, which went through JSON."""
    return decode_request(V2.write(WireFrame("1", 2, "sync:v1", "sync:subscribe", payload))).message


def test_cursors_may_come_as_a_map_or_as_a_list() -> None:
    expected = Subscribe(("a", "b"), {"a": 1, "b": 2}, None, 2)
    assert subscription(topics=["a", "b"], resume_after={"a": 1, "b": 2}) == expected
    listed = [{"topic": "a", "watermark": 1}, {"topic": "b", "watermark": 2, "more": True}]
    assert subscription(topics=["a", "b"], resume_after=listed) == expected


def test_of_two_cursors_for_a_topic_the_later_holds() -> None:
    listed = [{"topic": "a", "watermark": 1}, {"topic": "a", "watermark": 2}]
    assert subscription(topics=["a"], resume_after=listed) == Subscribe(("a",), {"a": 2}, None, 2)


@pytest.mark.parametrize("payload", [{}, {"resume_after": None}, {"resume_after": {}}, {"resume_after": []}])
def test_without_cursors_there_are_none(payload: dict[str, Any]) -> None:
    assert subscription(topics=["a"], **payload) == Subscribe(("a",), {}, None, 2)


def test_topics_are_trimmed_and_named_once_and_what_is_not_text_is_passed_over() -> None:
    assert subscription(topics=[" a", "a", 7, None, "", " ", ["b"], "b"]) == Subscribe(("a", "b"), {}, None, 2)


@pytest.mark.parametrize("size", [None, 0, -1, 1.0, 1.5, True, "50", [], {}, 2**63])
def test_a_batch_size_that_does_not_fit_counts_as_none(size: Any) -> None:
    assert subscription(topics=["a"], replay_batch_size=size) == Subscribe(("a",), {}, None, 2)


@pytest.mark.parametrize("epoch", [-1, 1.5, True, "1", [], {}, 2**63])
def test_an_epoch_that_is_no_whole_number_within_bounds_is_bad(epoch: Any) -> None:
    assert subscription(topics=["a"], epoch=epoch) == BadRequest("bad_subscription", 2)


@pytest.mark.parametrize("topics", [None, [], "a", {"a": 1}, 7, True, [7], [" "], [None]])
def test_without_any_topic_a_subscription_is_bad(topics: Any) -> None:
    assert subscription(topics=topics) == BadRequest("bad_subscription", 2)


@pytest.mark.parametrize("cursor", [-1, 1.0, 1.5, True, False, "1", None, [], {}, 2**63, 10**400])
def test_a_cursor_that_is_no_whole_number_within_bounds_is_bad(cursor: Any) -> None:
    bad = BadRequest("bad_subscription", 2)
    assert subscription(topics=["a"], resume_after={"a": cursor}) == bad
    assert subscription(topics=["a"], resume_after=[{"topic": "a", "watermark": cursor}]) == bad


def test_the_smallest_and_the_largest_cursor_are_good() -> None:
    cursors = {"a": 0, "b": LARGEST}
    assert subscription(topics=["a", "b"], resume_after=cursors) == Subscribe(("a", "b"), cursors, None, 2)


@pytest.mark.parametrize(
    "cursors",
    [7, True, "a", ["a"], [None], [["a", 1]], [{"topic": "a"}], [{"watermark": 1}], [{"topic": 7, "watermark": 1}]],
    ids=repr,
)
def test_cursors_of_another_shape_are_bad(cursors: Any) -> None:
    assert subscription(topics=["a"], resume_after=cursors) == BadRequest("bad_subscription", 2)


@pytest.mark.parametrize("payload", ["{}", '{"topics":null}', '{"topics":[]}', '{"topics":"a"}'])
def test_unsubscribing_from_nothing_is_bad(payload: str) -> None:
    text = f'["1","2","sync:v1","sync:unsubscribe",{payload}]'
    assert decode_request(text).message == BadRequest("bad_subscription", "2")


@pytest.mark.parametrize("event", ["", "sync:hello", "phx_reply", "heartbeat", "access_token"])
def test_an_event_that_the_channel_does_not_have_is_told_apart(event: str) -> None:
    message = decode_request(V2.write(WireFrame("1", 2, "sync:v1", event, {}))).message
    assert message == BadRequest("unknown_event", 2)


@pytest.mark.parametrize(("topic", "event"), [("room:1", "sync:heartbeat"), ("phoenix", "x"), ("", "heartbeat")])
def test_anything_but_a_join_or_leave_on_another_topic_is_unmatched_there(topic: str, event: str) -> None:
    message = decode_request(V2.write(WireFrame(None, 2, topic, event, {}))).message
    assert message == BadRequest("unmatched topic", 2, topic)


def test_a_client_does_not_send_what_only_a_server_makes_of_a_frame() -> None:
    with pytest.raises(FrameError, match="bad_subscription"):
        encode_request(BadRequest("bad_subscription"), "1")


# --- what servers send

STALE = Problem(
    "stale_cursor", "cursor is older than retention floor", stale_topics=(StaleTopic("a", 3, 9), StaleTopic("b", 0, 4))
)
STALE_JSON = (
    '{"code":"stale_cursor","message":"cursor is older than retention floor","full_resync_required":true,'
    '"stale_topics":[{"topic":"a","resume_after":3,"retention_floor":9},'
    '{"topic":"b","resume_after":0,"retention_floor":4}]}'
)
OVER_BUDGET = Problem(
    "stale_cursor",
    "m",
    stale_topics=(StaleTopic("a", 3, 0, StaleDetail("replay_budget_exceeded", "cold", 900, 897, 500)),),
    snapshot_plan=(SnapshotOffer("a", 900, 120), SnapshotOffer("b", 4, None)),
)
OVER_BUDGET_JSON = (
    '{"code":"stale_cursor","message":"m","full_resync_required":true,"stale_topics":[{"topic":"a","resume_after":3,'
    '"retention_floor":0,"reason":"replay_budget_exceeded","qos_tier":"cold","head_watermark":900,"replay_lag":897,'
    '"replay_budget_events":500}],"reason_codes":["replay_budget_exceeded"],"snapshot_plan":{"format":'
    '"openagents.sync.snapshot.v1","topics":[{"topic":"a","head_watermark":900,"snapshot":{"topic":"a","format":'
    '"openagents.sync.snapshot.v1","schema_version":1,"cadence_seconds":120,"source_table":"a"}},'
    '{"topic":"b","head_watermark":4,"snapshot":null}]}}'
)
BATCH = UpdateBatch("a", (Event(6, 0.0, {"b": 1, "a": "é"}), Event(7, 0.0)), replay_complete=True, heads={"a": 7})
CANONICAL = '{"a":"é","b":1}'
HASH = base64.b64encode(hashlib.sha256(CANONICAL.encode()).digest()).decode()
BATCH_JSON = (
    '{"updates":[{"topic":"a","doc_key":"a","doc_version":6,"payload":{"b":1,"a":"\\u00e9"},'
    f'"payload_hash":"{HASH}","watermark":6,"hydration_required":false}},'
    '{"topic":"a","doc_key":"a","doc_version":7,"payload":null,"payload_hash":null,"watermark":7,'
    '"hydration_required":true}],"replay_complete":true,"head_watermarks":[{"topic":"a","watermark":7}]}'
)

GOLDEN_MESSAGES: list[tuple[str, Any]] = [
    (
        (
            '["1","1","sync:v1","phx_reply",{"status":"ok","response":'
            '{"subscription_id":"sub_1","allowed_topics":["a","b"],"current_watermarks":[]}}]'
        ),
        Reply("1", Joined("sub_1", ("a", "b"))),
    ),
    (
        (
            '["1",2,"sync:v1","phx_reply",{"status":"ok","response":{"subscription_id":"sub_1","topics":["a"],'
            '"current_watermarks":[{"topic":"a","watermark":7}]}}]'
        ),
        Reply(2, Subscribed("sub_1", ("a",), {"a": 7})),
    ),
    (
        '["1",3,"sync:v1","phx_reply",{"status":"ok","response":{"subscription_id":"sub_1","topics":[]}}]',
        Reply(3, Unsubscribed("sub_1", ())),
    ),
    (
        (
            '["1",null,"sync:v1","phx_reply",{"status":"ok","response":'
            '{"subscription_id":"sub_1","watermarks":[{"topic":"a","watermark":7}]}}]'
        ),
        Reply(None, HeartbeatState("sub_1", {"a": 7})),
    ),
    ('["1",4,"sync:v1","phx_reply",{"status":"ok","response":{}}]', Reply(4, NOTHING)),
    (
        '["1",5,"sync:v1","phx_reply",{"status":"error","response":{"code":"bad_subscription"}}]',
        Reply(5, Problem("bad_subscription")),
    ),
    (
        '["1",6,"sync:v2","phx_reply",{"status":"error","response":{"code":"bad_topic"}}]',
        Reply(6, Problem("bad_topic"), "sync:v2"),
    ),
    (
        (
            '["1",7,"sync:v1","phx_reply",{"status":"error","response":'
            '{"code":"forbidden_topic","forbidden_topics":["x","y"]}}]'
        ),
        Reply(7, Problem("forbidden_topic", forbidden_topics=("x", "y"))),
    ),
    (f'["1",8,"sync:v1","phx_reply",{{"status":"error","response":{STALE_JSON}}}]', Reply(8, STALE)),
    (
        (
            '["1",2,"sync:v1","phx_reply",{"status":"ok","response":{"subscription_id":"sub_1","topics":["a"],'
            '"current_watermarks":[{"topic":"a","watermark":7}],"epoch":2}}]'
        ),
        Reply(2, Subscribed("sub_1", ("a",), {"a": 7}, 2)),
    ),
    (f'["1",null,"sync:v1","sync:error",{STALE_JSON}]', ErrorPush(STALE)),
    (f'["1",null,"sync:v1","sync:error",{OVER_BUDGET_JSON}]', ErrorPush(OVER_BUDGET)),
    (
        (
            '["1",null,"sync:v1","sync:frame",{"topic":"a","seq":0,"kind":"KHALA_FRAME_KIND_ERROR",'
            f'"payload_bytes":"{base64_json(STALE_JSON)}","schema_version":1}}]'
        ),
        Frame("ERROR", "a", 0, STALE),
    ),
    (f'["1",null,"sync:v1","sync:update_batch",{BATCH_JSON}]', BATCH),
    (
        (
            '["1",null,"sync:v1","sync:frame",{"topic":"a","seq":7,"kind":"KHALA_FRAME_KIND_UPDATE_BATCH",'
            f'"payload_bytes":"{base64_json(BATCH_JSON)}","schema_version":1}}]'
        ),
        Frame("UPDATE_BATCH", "a", 7, BATCH),
    ),
    (
        '["1",null,"sync:v1","sync:heartbeat",{"watermarks":[{"topic":"a","watermark":7}]}]',
        HeartbeatPush(HeartbeatState("", {"a": 7})),
    ),
    ('["1","1","sync:v1","phx_close",{}]', CHANNEL_CLOSED),
    ('["1","1","sync:v1","phx_error",{}]', ChannelCrashed()),
]


@pytest.mark.parametrize(("text", "message"), GOLDEN_MESSAGES)
def test_a_servers_message_has_this_form(text: str, message: ServerMessage) -> None:
    assert encode_message(message, "1") == text
    assert decode_message(text) == Received("1", message)


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ('[null,"5","phoenix","phx_reply",{"status":"ok","response":{}}]', Reply("5", NOTHING, "phoenix")),
        (
            '[null,5,"room:1","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]',
            Reply(5, UNMATCHED, "room:1"),
        ),
    ],
)
def test_what_phoenix_itself_answers_belongs_to_no_join(text: str, reply: Reply) -> None:
    assert encode_message(reply, "1") == text
    assert decode_message(text) == Received(None, reply)


def test_a_pushed_heartbeat_does_not_say_whose_it_is() -> None:
    text = encode_message(HeartbeatPush(HeartbeatState("sub_9", {})), "1")
    assert text == '["1",null,"sync:v1","sync:heartbeat",{"watermarks":[]}]'


@pytest.mark.parametrize("join_ref", ["4", 4, None])
def test_the_join_ref_is_given_back_with_its_type(join_ref: str | int | None) -> None:
    wanted = json.dumps(join_ref)
    assert encode_message(CHANNEL_CLOSED, join_ref) == f'[{wanted},{wanted},"sync:v1","phx_close",{{}}]'
    assert decode_message(encode_message(BATCH, join_ref)).join_ref == join_ref


def test_an_ok_of_an_unknown_shape_carries_nothing_that_we_know() -> None:
    text = '["1",4,"sync:v1","phx_reply",{"status":"ok","response":{"greeting":"hello"}}]'
    assert decode_message(text).message == Reply(4, NOTHING)


def test_a_payloads_hash_does_not_depend_on_the_order_of_its_keys() -> None:
    assert hash_payload({"b": 1, "a": "é"}) == hash_payload({"a": "é", "b": 1}) == HASH


def reply(payload: Any) -> str:
    return json.dumps(["1", 2, "sync:v1", "phx_reply", payload])


def update(**changes: Any) -> str:
    """Return a batch of one update, with some fields changed."""
    entry = {"topic": "a", "watermark": 1, "payload": None, **changes}
    payload = {"updates": [entry], "replay_complete": True, "head_watermarks": []}
    return json.dumps(["1", None, "sync:v1", "sync:update_batch", payload])


def pushed_frame(**changes: Any) -> str:
    """Return an error frame, with some fields changed."""
    body = base64_json('{"code":"x"}')
    good = {"topic": "a", "seq": 0, "kind": "KHALA_FRAME_KIND_ERROR", "payload_bytes": body, "schema_version": 1}
    return json.dumps(["1", None, "sync:v1", "sync:frame", {**good, **changes}])


STALE_ENTRY = {
    "topic": "a",
    "resume_after": 3,
    "retention_floor": 9,
    "reason": "scope_reset",
    "qos_tier": "hot",
    "head_watermark": 9,
    "replay_lag": 6,
    "replay_budget_events": 3000,
}
OFFER = {"topic": "a", "head_watermark": 9, "snapshot": None}
SUBSCRIBED_ENTRY = {"subscription_id": "s", "topics": [], "current_watermarks": []}


def plan_of(topics: list[Any]) -> dict[str, Any]:
    """Return a snapshot plan."""
    return {"format": "openagents.sync.snapshot.v1", "topics": topics}


def test_the_good_forms_of_what_is_spoilt_below_are_read() -> None:
    good = {"code": "x", "stale_topics": [STALE_ENTRY], "snapshot_plan": plan_of([OFFER])}
    assert isinstance(decode_message(reply({"status": "error", "response": good})).message, Reply)
    assert isinstance(decode_message(reply({"status": "ok", "response": SUBSCRIBED_ENTRY})).message, Reply)
    assert decode_message(pushed_frame()).message == Frame("ERROR", "a", 0, Problem("x"))
    assert isinstance(decode_message(update()).message, UpdateBatch)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        reply({}),
        reply({"status": "ok"}),
        reply({"status": "ok", "response": []}),
        reply({"status": "maybe", "response": {}}),
        reply({"status": 1, "response": {}}),
        reply({"status": "error", "response": {}}),
        reply({"status": "error", "response": {"code": 7}}),
        reply({"status": "error", "response": {"code": "x", "message": 7}}),
        reply({"status": "error", "response": {"code": "x", "stale_topics": [{}]}}),
        reply({"status": "error", "response": {"code": "x", "stale_topics": {"a": 1}}}),
        reply({"status": "error", "response": {"code": "x", "stale_topics": [{**STALE_ENTRY, "reason": 7}]}}),
        reply({"status": "error", "response": {"code": "x", "stale_topics": [{**STALE_ENTRY, "reason": "whim"}]}}),
        reply({"status": "error", "response": {"code": "x", "stale_topics": [{**STALE_ENTRY, "replay_lag": -1}]}}),
        reply({"status": "error", "response": {"code": "x", "snapshot_plan": []}}),
        reply({"status": "error", "response": {"code": "x", "snapshot_plan": {"format": "v0", "topics": []}}}),
        reply({"status": "error", "response": {"code": "x", "snapshot_plan": plan_of([7])}}),
        reply({"status": "error", "response": {"code": "x", "snapshot_plan": plan_of([{"topic": "a"}])}}),
        reply({"status": "error", "response": {"code": "x", "snapshot_plan": plan_of([{**OFFER, "snapshot": 7}])}}),
        reply({"status": "error", "response": {"code": "x", "snapshot_plan": plan_of([{**OFFER, "snapshot": {}}])}}),
        reply({"status": "ok", "response": {**SUBSCRIBED_ENTRY, "epoch": "2"}}),
        reply({"status": "error", "response": {"code": "x", "forbidden_topics": [1]}}),
        reply({"status": "ok", "response": {"subscription_id": 7}}),
        reply({"status": "ok", "response": {"subscription_id": "s"}}),
        reply({"status": "ok", "response": {"subscription_id": "s", "allowed_topics": "a"}}),
        reply({"status": "ok", "response": {"subscription_id": "s", "watermarks": {"a": 1}}}),
        reply({"status": "ok", "response": {"subscription_id": "s", "watermarks": [{"topic": "a"}]}}),
        update(topic=7),
        update(watermark=-1),
        update(watermark=True),
        update(watermark=1.5),
        update(watermark=2**63),
        json.dumps(["1", None, "sync:v1", "sync:update_batch", {"updates": []}]),
        json.dumps(["1", None, "sync:v1", "sync:update_batch", {"updates": 7}]),
        json.dumps(["1", None, "sync:v1", "sync:update_batch", {"updates": [{"topic": "a", "watermark": 1}]}]),
        json.dumps(["1", None, "sync:v1", "sync:heartbeat", {}]),
        json.dumps(["1", None, "sync:v1", "sync:error", {}]),
        json.dumps(["1", None, "sync:v1", "presence_state", {}]),
        json.dumps(["1", None, "room:1", "phx_close", {}]),
        pushed_frame(kind="KHALA_FRAME_KIND_HEARTBEAT"),
        pushed_frame(kind="ERROR"),
        pushed_frame(kind=7),
        pushed_frame(schema_version=2),
        pushed_frame(schema_version=None),
        pushed_frame(seq=-1),
        pushed_frame(topic=None),
        pushed_frame(payload_bytes=7),
        pushed_frame(payload_bytes="not base64"),
        pushed_frame(payload_bytes="é"),
        pushed_frame(payload_bytes="abc"),
        pushed_frame(payload_bytes=base64_json("[]")),
        pushed_frame(payload_bytes=base64_json("[" * 100_000)),
        pushed_frame(payload_bytes=base64.b64encode(b"\xff").decode()),
        pushed_frame(kind="KHALA_FRAME_KIND_UPDATE_BATCH"),
    ],
    ids=lambda text: text[:100],
)
def test_what_a_server_of_this_channel_does_not_send_is_one_clear_error(text: str) -> None:
    with pytest.raises(FrameError):
        decode_message(text)


def test_a_batch_of_several_topics_is_refused() -> None:
    updates = [{"topic": topic, "watermark": 1} for topic in ("a", "b")]
    payload = {"updates": updates, "replay_complete": True, "head_watermarks": []}
    with pytest.raises(FrameError, match="one topic"):
        decode_message(json.dumps(["1", None, "sync:v1", "sync:update_batch", payload]))


# --- there and back

REFS = st.none() | st.integers() | st.text()
NAMES = st.text(min_size=1, max_size=8)
TOPICS = NAMES.filter(lambda name: name == name.strip())
MARKS = st.integers(0, LARGEST)
CURSORS = st.dictionaries(NAMES, MARKS, max_size=3)
TOPIC_LISTS = st.lists(TOPICS, min_size=1, max_size=3, unique=True).map(tuple)
REQUESTS = st.one_of(
    st.builds(Join, NAMES, REFS),
    st.builds(Leave, REFS, NAMES),
    st.builds(Subscribe, TOPIC_LISTS, CURSORS, st.none() | st.integers(1, LARGEST), REFS),
    st.builds(Unsubscribe, TOPIC_LISTS, REFS),
    st.builds(Heartbeat, REFS),
    st.builds(TransportHeartbeat, REFS),
)
STALE_TOPICS = st.lists(st.builds(StaleTopic, NAMES, MARKS, MARKS), max_size=3).map(tuple)
PROBLEMS = st.builds(Problem, NAMES, st.text(), st.lists(NAMES, max_size=3).map(tuple), STALE_TOPICS)
RESPONSES = st.one_of(
    st.just(NOTHING),
    st.just(UNMATCHED),
    PROBLEMS,
    st.builds(Joined, st.text(), TOPIC_LISTS),
    st.builds(Subscribed, st.text(), TOPIC_LISTS, CURSORS),
    st.builds(Unsubscribed, st.text(), TOPIC_LISTS),
    st.builds(HeartbeatState, st.text(), CURSORS),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
EVENTS = st.lists(st.builds(Event, MARKS, st.just(0.0), JSON), min_size=1, max_size=3).map(tuple)
BATCHES = st.builds(UpdateBatch, NAMES, EVENTS, st.booleans(), CURSORS)
MESSAGES = st.one_of(
    st.builds(Reply, REFS, RESPONSES, NAMES),
    BATCHES,
    st.builds(Frame, st.just("UPDATE_BATCH"), NAMES, MARKS, BATCHES),
    st.builds(Frame, st.just("ERROR"), NAMES, st.just(0), PROBLEMS),
    st.builds(HeartbeatPush, st.builds(HeartbeatState, st.just(""), CURSORS)),
    st.builds(ErrorPush, PROBLEMS),
    st.just(CHANNEL_CLOSED),
    st.just(ChannelCrashed()),
)


@given(REQUESTS, REFS)
def test_every_message_of_a_client_arrives_as_it_was_sent(message: Any, join_ref: Any) -> None:
    received = decode_request(encode_request(message, join_ref))
    assert received.message == message
    assert type(received.message.ref) is type(message.ref)


@given(MESSAGES, REFS)
def test_every_message_of_a_server_arrives_as_it_was_sent(message: Any, join_ref: Any) -> None:
    received = decode_message(encode_message(message, join_ref))
    assert received.message == message


@given(
    st.sampled_from(["phx_reply", "sync:update_batch", "sync:frame", "sync:heartbeat", "sync:error", "phx_close"]),
    st.dictionaries(
        st.sampled_from(["status", "response", "updates", "kind", "payload_bytes", "watermarks", "code", "topic"]),
        JSON,
        max_size=5,
    ),
)
def test_a_hostile_server_makes_a_message_or_an_error(event: str, payload: dict[str, Any]) -> None:
    with contextlib.suppress(FrameError):
        decode_message(json.dumps(["1", 2, "sync:v1", event, payload]))


@given(
    st.sampled_from(["phx_join", "phx_leave", "sync:subscribe", "sync:unsubscribe", "sync:heartbeat", "heartbeat"]),
    st.dictionaries(st.sampled_from(["topics", "resume_after", "replay_batch_size"]), JSON, max_size=3),
)
def test_a_hostile_client_makes_a_message_whatever_its_payload_is(event: str, payload: dict[str, Any]) -> None:
    assert decode_request(json.dumps(["1", 2, "sync:v1", event, payload])).message.ref == 2


@pytest.mark.parametrize(("event", "message"), [("phx_close", CHANNEL_CLOSED), ("phx_error", ChannelCrashed())])
def test_in_the_older_form_the_end_of_a_channel_says_by_its_ref_which_join_it_ends(event: str, message: Any) -> None:
    text = f'{{"topic":"sync:v1","event":"{event}","payload":{{}},"ref":"3"}}'
    received = decode_message(text, V1)
    assert (received.join_ref, received.message) == ("3", message)


def test_in_the_older_form_nothing_else_says_which_join_it_belongs_to() -> None:
    text = '{"topic":"sync:v1","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"3"}'
    assert decode_message(text, V1).join_ref is None
