"""The channel under the topic that Realtime clients make of it."""

from __future__ import annotations

import json

import pytest

from simulator.core.alias import ALIAS, AliasedForm, asks_for_alias
from simulator.core.codec import decode_request, encode_message, write_once
from simulator.core.log import Event
from simulator.core.messages import CHANNEL, CHANNEL_CLOSED, NOTHING, TRANSPORT, Heartbeat, Join, Reply, UpdateBatch
from simulator.core.wire import V1, V2, FrameForm, WrittenPush
from simulator.errors import FrameError

FORMS = pytest.mark.parametrize("form", [V1, V2], ids=["v1", "v2"])


def heartbeat(form: FrameForm, topic: str) -> str:
    return form.envelop(WrittenPush(topic, "sync:heartbeat", "{}"), "1")


@FORMS
def test_what_is_for_the_alias_is_for_the_channel(form: FrameForm) -> None:
    for topic in (ALIAS, CHANNEL):
        assert isinstance(decode_request(heartbeat(form, topic), AliasedForm(form)).message, Heartbeat)


@FORMS
def test_what_comes_from_the_channel_comes_from_the_alias(form: FrameForm) -> None:
    for message in (CHANNEL_CLOSED, Reply("2", NOTHING)):
        assert form.read(encode_message(message, "1", AliasedForm(form))).topic == ALIAS
    batch = UpdateBatch("a", (Event(1, 0.0),), replay_complete=True, heads={"a": 1})
    assert form.read(AliasedForm(form).envelop(write_once(batch), "1")).topic == ALIAS


@FORMS
def test_the_sockets_own_topic_and_strange_ones_stay_what_they_are(form: FrameForm) -> None:
    assert form.read(encode_message(Reply("2", NOTHING, TRANSPORT), None, AliasedForm(form))).topic == TRANSPORT
    assert form.read(encode_message(Reply("2", NOTHING, "other"), None, AliasedForm(form))).topic == "other"


@FORMS
def test_an_alias_is_another_text_for_the_same_push_and_the_same_version(form: FrameForm) -> None:
    aliased = AliasedForm(form)
    assert aliased.group("1") != form.group("1")
    assert aliased.group("1") == AliasedForm(form).group("1")
    assert aliased.vsn == form.vsn


@pytest.mark.parametrize("text", ["", "[]", "{}", "[1,2,3]", "null"])
def test_what_is_no_frame_is_none_under_an_alias_either(text: str) -> None:
    with pytest.raises(FrameError):
        AliasedForm(V2).read(text)


def test_a_join_by_the_alias_asks_for_it() -> None:
    assert asks_for_alias(decode_request(json.dumps(["1", "1", ALIAS, "phx_join", {}])).message)
    assert not asks_for_alias(Join(CHANNEL))
    assert not asks_for_alias(Join("realtime:other"))
    assert not asks_for_alias(Heartbeat())
