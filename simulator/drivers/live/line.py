"""One socket of a client, from its dialling to its end: the path to it, its refs and its frames.

The client may hang up long before the socket ends: the path delays, or a black hole swallows, what it says last.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from websockets.asyncio.server import broadcast
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.protocol import State

from simulator.core.codec import Received, decode_message, encode_request
from simulator.core.messages import (
    TRANSPORT,
    Accepted,
    ChannelClosed,
    Join,
    Leave,
    Refused,
    Reply,
    SocketClosed,
    Upgrade,
)
from simulator.core.server import TOKEN_STATUSES
from simulator.core.wire import V2, form_of
from simulator.drivers.live.path import Path
from simulator.errors import FrameError

if TYPE_CHECKING:
    import asyncio

    from websockets.asyncio.client import ClientConnection

    from simulator.conditions.knobs import Network
    from simulator.core.compatibility import ClientVersion
    from simulator.core.messages import ClientMessage, ServerMessage
    from simulator.drivers.live.outside import Outside
    from simulator.drivers.live.path import Direction

UNDER_WAY_SECONDS = 0.01
"""How long the request of a client that hung up before it was answered goes on: its server may have it by then."""

_PROTOCOL_ERROR = 1002
_ACCEPTED = Accepted()
_CLOSED_BY_CLIENT = SocketClosed(1000)


class Owner(Protocol):
    """Whose socket it is."""

    def hear(self, line: Line, message: ServerMessage | Accepted | Refused | SocketClosed) -> None:
        """Take a message that came to the client's end."""
        ...

    def on_sent(self, message: ClientMessage | Upgrade) -> None:
        """Take note of a message that went out to the server."""
        ...

    def on_answered(self, message: ServerMessage | Accepted | Refused) -> None:
        """Take note of a message that came from the server, whether the client will hear it or not."""
        ...

    def on_old_age(self) -> None:
        """Take note that a proxy ended the socket because of its age."""
        ...

    def forget(self, line: Line) -> None:
        """Take note that nothing can come of a line any more."""
        ...


class Line:
    """A socket: a client's messages go in by `send`, the server's come out by its owner's `hear`."""

    __slots__ = (
        "_accepted_at",
        "_form",
        "_heard",
        "_is_closing",
        "_join_ref",
        "_left_ref",
        "_network",
        "_old_age",
        "_outside",
        "_owner",
        "_path",
        "_refs",
        "_socket",
        "_task",
        "_version",
        "beats",
        "is_open",
        "live_at",
    )

    def __init__(self, outside: Outside, owner: Owner, network: Network, version: ClientVersion, vsn: str) -> None:
        self.is_open = True
        self.live_at: float | None = None
        self.beats = 0
        self._outside = outside
        self._owner = owner
        self._network = network
        self._version = version
        self._path = Path(outside, network, self._arrive)
        self._socket: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._form = form_of(vsn) or V2
        self._refs = 0
        self._join_ref: str | None = None
        self._heard = False
        self._is_closing = False
        self._left_ref: str | None = None
        self._accepted_at = 0.0
        self._old_age: asyncio.TimerHandle | None = None

    @property
    def is_up(self) -> bool:
        """Whether neither end of the socket has begun to close it."""
        return self._socket is not None and self._socket.state is State.OPEN

    @property
    def is_connected(self) -> bool:
        """Whether the socket itself is up, whatever the client has heard of it."""
        return self._socket is not None and self._task is not None and not self._task.done()

    def dial(self, token: str) -> None:
        """Ask the server for a socket."""
        self._path.carry("up", Upgrade(token))

    def send(self, message: ClientMessage) -> None:
        """Send a message to the server, under the client's latest join."""
        self._refs += 1
        ref = str(self._refs)
        if isinstance(message, Join):
            self._join_ref, self._heard = ref, False
        elif isinstance(message, Leave):
            self._left_ref = self._join_ref
        self._path.carry("up", (message, encode_request(replace(message, ref=ref), self._join_ref, self._form)))

    def hang_up(self) -> None:
        """Close the socket; the client hears nothing more of it, and nor does the server if it is left half-open."""
        self.is_open = False
        if not self._network.half_open:
            self._path.carry("up", _CLOSED_BY_CLIENT)
        self._drop_unsent_upgrade()
        self._end_if_over()

    def let_go(self) -> None:
        """Leave the socket open, and hear nothing more of it."""
        self.is_open = False
        self._end_if_over()

    def set_network(self, network: Network) -> None:
        """Take the network's new state."""
        self._network = network
        self._path.set_network(network)
        self._await_old_age()

    def release(self) -> None:
        """Let go on what a black hole held back, if the path is back."""
        if not self.is_open:
            self._drop_unsent_upgrade()
        self._path.release()
        self._end_if_over()

    def stop(self) -> None:
        """Close the socket past the path, as a process does that ends."""
        self.is_open = False
        self._path.clear()
        if self._socket is None and self._task is not None:
            self._task.cancel()
        self._close()

    # --- messages

    def _arrive(self, direction: Direction, message: Any) -> None:
        if direction == "down":
            self._hear(message)
        elif type(message) is Upgrade:
            self._owner.on_sent(message)
            self._task = self._outside.spawn(self._run(message.token or ""))
            self._task.add_done_callback(self._end_if_over)
        elif type(message) is SocketClosed:
            self._close()
            self._end_if_over()
        elif self._socket is not None and self.is_connected:
            sent, text = message
            self._owner.on_sent(sent)
            # Unlike `send`, this is no coroutine: what a client does at a time, it does before all else can happen.
            broadcast((self._socket,), text)

    def _hear(self, message: Any) -> None:
        """Let the client hear of a message, unless it has hung up or the message is about an earlier join."""
        if isinstance(message, Received):
            if self._is_outdated(message):
                return
            message = message.message
        if self.is_open:
            self._owner.hear(self, message)

    def _is_outdated(self, received: Received[ServerMessage]) -> bool:
        """Tell whether a message is about an earlier join.

        Frames of the older form do not name their join, but each join has a reply that nothing overtakes.
        """
        message = received.message
        if received.join_ref is not None:
            return received.join_ref != self._join_ref
        if self._form is V2 or (isinstance(message, Reply) and message.topic == TRANSPORT):
            return False
        if isinstance(message, Reply) and message.ref == self._join_ref:
            self._heard = True
        return not self._heard

    def _read(self, data: str | bytes) -> None:
        """Hand on what the server sent.

        Raises:
            FrameError: it cannot be read.
        """
        if isinstance(data, bytes):
            raise FrameError("a server of this channel sends text")
        received = decode_message(data, self._form)
        asked_for = received.join_ref is not None and received.join_ref == self._left_ref
        if not (asked_for and isinstance(received.message, ChannelClosed)):
            self._owner.on_answered(received.message)
        self._path.carry("down", received)

    # --- the socket

    async def _run(self, token: str) -> None:
        try:
            socket = await self._outside.dial(token, self._form.vsn, self._version)
        except InvalidStatus as refusal:
            self._on_refused(refusal.response.status_code)
        except (OSError, WebSocketException):
            self._path.carry("down", SocketClosed())
        else:
            self._socket = socket
            self._accepted_at = self._outside.now()
            self._await_old_age()
            self._owner.on_answered(_ACCEPTED)
            if self._is_closing:
                await socket.close()
                return
            self._path.carry("down", _ACCEPTED)
            await self._listen(socket)

    def _await_old_age(self) -> None:
        """Set when a proxy on the way ends the socket, if there is one that does."""
        if self._old_age is not None:
            self._old_age.cancel()
            self._old_age = None
        if self.is_up and self._network.max_age:
            due = self._accepted_at + self._network.max_age
            self._old_age = self._outside.call_at(due, self._end_at_old_age)

    def _end_at_old_age(self) -> None:
        if self._socket is not None and self.is_up:
            self._owner.on_old_age()
            self._socket.transport.abort()

    def _on_refused(self, status: int) -> None:
        refused = Refused(status)
        self._owner.on_answered(refused)
        self._path.carry("down", refused if status in TOKEN_STATUSES else SocketClosed())

    async def _listen(self, socket: ClientConnection) -> None:
        try:
            while True:
                self._read(await socket.recv())
        except ConnectionClosed as end:
            self._path.carry("down", SocketClosed() if end.rcvd is None else SocketClosed(end.rcvd.code))
        except FrameError:
            self._path.carry("down", SocketClosed(_PROTOCOL_ERROR))
            await socket.close(_PROTOCOL_ERROR)

    def _close(self) -> None:
        self._is_closing = True
        if self._task is None or self._task.done():
            return
        if self._socket is not None:
            self._outside.spawn(self._socket.close())
        else:
            self._outside.call_at(self._outside.now() + UNDER_WAY_SECONDS, self._give_up, self._task)

    def _give_up(self, task: asyncio.Task[None]) -> None:
        if self._socket is None:
            task.cancel()

    def _drop_unsent_upgrade(self) -> None:
        """Forget an attempt whose first packets vanished: nobody sends them again for a client that gave it up."""
        if type(self._path.first_held("up")) is Upgrade:
            self._path.clear()

    def _end_if_over(self, _task: object = None) -> None:
        if self._old_age is not None and not self.is_up:
            self._old_age.cancel()
        running = self._task is not None and not self._task.done()
        if not self.is_open and not running and self._path.is_empty("up"):
            self._path.clear()
            self._owner.forget(self)
