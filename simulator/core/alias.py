"""The channel under another topic: Supabase's Realtime clients put a prefix before every topic that they join."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulator.core.messages import CHANNEL, Join

if TYPE_CHECKING:
    from simulator.core.messages import ClientMessage, Ref
    from simulator.core.wire import FrameForm, WireFrame, WrittenPush

ALIAS = f"realtime:{CHANNEL}"
"""The topic that those clients make of the channel's."""


@dataclass(frozen=True, slots=True)
class AliasedForm:
    """A form of frames in which the channel's topic is written as its alias, and either is read as the channel's."""

    inner: FrameForm

    @property
    def vsn(self) -> str:
        """The version that asks for the inner form."""
        return self.inner.vsn

    def read(self, data: str | bytes) -> WireFrame:
        """Return the frame in a message, for the channel if it is for its alias.

        Raises:
            FrameError: there is none.
        """
        frame = self.inner.read(data)
        return replace(frame, topic=CHANNEL) if frame.topic == ALIAS else frame

    def write(self, frame: WireFrame) -> str:
        """Return a frame as a text message, from the alias if it is from the channel."""
        return self.inner.write(replace(frame, topic=ALIAS) if frame.topic == CHANNEL else frame)

    def envelop(self, push: WrittenPush, join_ref: Ref) -> str:
        """Return a push, whose payload is JSON already, as a text message from the alias."""
        return self.inner.envelop(replace(push, topic=ALIAS), join_ref)

    def group(self, join_ref: Ref) -> object:
        """Return what tells apart the recipients whose text of one push differs."""
        return ALIAS, self.inner.group(join_ref)


def asks_for_alias(message: ClientMessage) -> bool:
    """Tell whether a client joins the channel by its alias."""
    return isinstance(message, Join) and message.topic == ALIAS
