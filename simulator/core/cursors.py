"""A client's cursors: what it subscribes with, what moves them, and what becomes of them when they are stale."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simulator.core.messages import Subscribe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulator.conditions import Settings
    from simulator.core.profile import Profile

Cursors = dict[str, int]
"""The last watermark applied, by topic."""


def make_subscription(
    profile: Profile, settings: Settings, topics: tuple[str, ...], cursors: Cursors, epoch: int | None = None
) -> Subscribe:
    """Return the subscription of a client: to its topics, from the cursors that its profile and settings say.

    `epoch` is that of the log which the cursors are from, if the client knows it.
    """
    clients = settings.clients
    match clients.resume:
        case "zero":
            return Subscribe(topics, dict.fromkeys(topics, 0))
        case "entity":
            # Events are about one entity after another, and each counts its own from 1.
            sent = {topic: math.ceil(cursor / clients.entities) for topic, cursor in cursors.items()}
        case _:
            sent = dict(cursors)
    if profile.resume == "all":
        sent = {topic: sent.get(topic, 0) for topic in topics}
    return Subscribe(topics, sent, epoch=epoch)


def advance(cursors: Cursors, marks: Mapping[str, int]) -> None:
    """Move cursors to watermarks that are beyond them."""
    for topic, mark in marks.items():
        if mark > cursors.get(topic, 0):
            cursors[topic] = mark


def recover(profile: Profile, settings: Settings, cursors: Cursors, stale: Iterable[str]) -> bool:
    """Do about stale cursors what the profile does; true if it subscribes again at once, on the same socket."""
    if profile.on_stale_cursor == "forget" and settings.clients.resume != "zero":
        for topic in stale:
            cursors.pop(topic, None)
        return True
    cursors.update(dict.fromkeys(tuple(cursors) if profile.on_stale_cursor == "zero_all" else stale, 0))
    return False
