"""The way to a broker: the only module that knows the MQTT library."""

from __future__ import annotations

import asyncio
import errno
import logging
import math
import random
import secrets
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from simulator.control.feed import MOST_BYTES
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

    from simulator.control.broker import Broker

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 8.0

_SETTLED_SECONDS = 5.0
_KEEPALIVE_SECONDS = 10
_CALL_SECONDS = 10.0
_LEAVE_SECONDS = 1.0
_MOST_WAITING = 1000
_HEADROOM_BYTES = 1024
_SILENT = logging.getLogger("syncstorm.mqtt")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False  # a stranger who floods us is not to flood the terminal, too


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message from the broker."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class Message:
    """A message to the broker; one that it is to retain it keeps for ever, or for so many seconds."""

    topic: str
    payload: bytes
    retain: bool = False
    kept_seconds: int | None = None


class Connection:
    """A connection that is up; when it is lost, its methods end the session."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client

    async def publish(self, message: Message) -> None:
        """Publish a message, and wait until the broker has it."""
        properties = None
        if message.kept_seconds is not None:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = message.kept_seconds
        heed = _heed_cancellations()
        await self._client.publish(message.topic, message.payload, qos=1, retain=message.retain, properties=properties)
        heed()

    async def leave(self, messages: Iterable[Message]) -> None:
        """Publish last messages, if the connection is still up."""
        with suppress(aiomqtt.MqttError, TimeoutError):
            async with asyncio.timeout(_LEAVE_SECONDS):
                for message in messages:
                    await self.publish(message)

    async def deliveries(self) -> AsyncIterator[Delivery]:
        """Yield what the broker sends."""
        async for message in self._client.messages:
            yield Delivery(str(message.topic), bytes(message.payload), bool(message.retain))


async def stay_connected(  # noqa: PLR0913  # what a connection has
    broker: Broker,
    name: str,
    session: Callable[[Connection], Awaitable[None]],
    on_problem: Callable[[str], object],
    *,
    subscriptions: Sequence[str] = (),
    will: Callable[[], Message] | None = None,
    jitter: Callable[[float, float], float] = random.uniform,
) -> None:
    """Run a session on every connection, until cancelled; between two of them there is a pause that grows."""
    loop = asyncio.get_running_loop()
    if loop.get_exception_handler() is None:
        loop.set_exception_handler(_hush)
    failures, began = 0, math.inf

    async def begin(connection: Connection) -> None:
        nonlocal began
        began = loop.time()
        await session(connection)

    while True:
        began = math.inf
        client = _client(broker, name, will() if will else None)
        # A task of its own: where a session fails as it is cancelled, its error would hide the cancellation.
        connected = asyncio.create_task(_connect(client, begin, subscriptions))
        try:
            await asyncio.wait([connected])
            connected.result()
        except* aiomqtt.MqttError as group:
            on_problem(f"the broker at {broker} is away: {_first(group)}")
        except* OSError as group:
            on_problem(f"the broker at {broker} cannot be reached: {_first(group)}")
        finally:
            connected.cancel()
            await asyncio.gather(connected, return_exceptions=True)
        failures = 0 if loop.time() - began > _SETTLED_SECONDS else failures + 1
        await asyncio.sleep(pause_after(failures, jitter))


async def _connect(
    client: aiomqtt.Client, session: Callable[[Connection], Awaitable[None]], subscriptions: Sequence[str]
) -> None:
    """Run a session on a new connection."""
    heed = _heed_cancellations()
    async with client:
        heed()
        for topic in subscriptions:
            await client.subscribe(topic, qos=1)
            heed()
        await session(Connection(client))


def pause_after(failures: int, jitter: Callable[[float, float], float]) -> float:
    """Return how long to wait before the next attempt: longer each time, and not the same for everybody."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(failures, 16))
    return jitter(longest / 2, longest)


async def probe(broker: Broker) -> None:
    """Connect once, so that a wrong address or password is known at the start.

    Raises:
        EngineError: the broker is not there, or refuses.
    """
    try:
        async with _client(broker, "probe", None):
            pass
    except (aiomqtt.MqttError, OSError) as error:
        raise EngineError(f"the broker at {broker} cannot be used: {error}") from None


def _client(broker: Broker, name: str, will: Message | None) -> aiomqtt.Client:
    limits = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    limits.MaximumPacketSize = MOST_BYTES + _HEADROOM_BYTES  # a stranger cannot make us hold more than this
    return aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.user,
        password=broker.password,
        identifier=f"syncstorm-{name}-{secrets.token_hex(4)}",
        protocol=aiomqtt.ProtocolVersion.V5,
        will=None if will is None else aiomqtt.Will(will.topic, will.payload, qos=1, retain=True),
        keepalive=_KEEPALIVE_SECONDS,
        timeout=_CALL_SECONDS,
        max_queued_incoming_messages=_MOST_WAITING,
        properties=limits,
        logger=_SILENT,
        tls_context=ssl.create_default_context() if broker.tls else None,
    )


def _heed_cancellations() -> Callable[[], None]:
    """Return what raises a cancellation that was swallowed since.

    Python 3.11's `asyncio.wait_for`, which the library uses, swallows one that comes at the moment of the answer.
    """
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()

    def heed() -> None:
        if task.cancelling() > before:
            raise asyncio.CancelledError

    return heed


def _hush(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Pass over what the library leaves behind when a broker dies; it has been told as a problem already.

    These are futures with the loss in them that nobody asks, and callbacks for sockets that are closed.
    """
    error = context.get("exception")
    if isinstance(error, aiomqtt.MqttError):
        return
    if isinstance(error, OSError) and error.errno == errno.EBADF and "add_writer" in repr(context.get("handle")):
        return
    loop.default_exception_handler(context)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
