"""Messages as values."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import get_args

import pytest

from simulator.core.messages import (
    CHANNEL,
    NOTHING,
    ClientMessage,
    Heartbeat,
    Join,
    Reply,
    Response,
    ServerMessage,
    Subscribe,
)

EVERY_KIND: tuple[type, ...] = (*get_args(ClientMessage), *get_args(ServerMessage), *get_args(Response))


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_message_is_a_frozen_value_without_a_dictionary(kind: type) -> None:
    assert is_dataclass(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__dict__" not in dir(kind)


@pytest.mark.parametrize("kind", get_args(ClientMessage))
def test_every_message_of_a_client_has_a_ref(kind: type) -> None:
    assert "ref" in {field.name for field in fields(kind)}


def test_messages_with_the_same_content_are_equal() -> None:
    assert Subscribe(("a",), {"a": 1}) == Subscribe(("a",), {"a": 1})
    assert Heartbeat(1) != Heartbeat("1")


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Join().topic = "other"  # type: ignore[misc]


def test_joins_and_replies_are_on_the_sync_channel_unless_told_otherwise() -> None:
    assert Join().topic == CHANNEL == "sync:v1"
    assert Reply(1, NOTHING).topic == CHANNEL
