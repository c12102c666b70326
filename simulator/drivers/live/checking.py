"""One check of a drill: what it says, whether it holds, and what drills need to make one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from simulator.errors import FrameError, MintFailed, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from simulator.core.wire import WireFrame
    from simulator.drivers.live.dialogue import Dialogue

FAILURES = (OSError, WebSocketException, FrameError, MintFailed)
"""What can go wrong while a server is asked; a time-out is an OSError."""

Tokens = Callable[[], Awaitable[str]]
"""Returns a good token, from wherever the user has it; raises `MintFailed` if there is none."""

ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Check:
    """One sentence about the server: it holds, it does not, or (None) it could not be checked."""

    name: str
    passed: bool | None
    detail: str = ""


def given_token(token: str) -> Tokens:
    """Return the source that has this one token."""

    async def source() -> str:
        return token

    return source


async def attempt(name: str, check: Awaitable[Check]) -> Check:
    """Return a check under its name; one that could not be made says why."""
    try:
        made = await check
    except FAILURES as error:
        return Check(name, *judge_failure(error))
    return Check(name, made.passed, made.detail)


def judge_failure(error: Exception) -> tuple[bool | None, str]:
    """Return what an error says about the server: it answered wrongly, or it could not be asked."""
    match error:
        case MintFailed(reason=reason):
            return None, f"there is no token: {reason}"
        case InvalidStatus():
            return False, f"the upgrade was refused with status {error.response.status_code}"
        case ConnectionClosed():
            return False, f"the server ended the socket: {describe(error)}"
        case FrameError():
            return False, str(error)
        case _:
            return None, describe(error)


def describe(error: Exception) -> str:
    """Return an error in one line."""
    return shorten(str(error) or type(error).__name__)


async def join_topics(dialogue: Dialogue, topics: Sequence[str] | None) -> list[str]:
    """Join, and return the topics to subscribe to: those that are wanted, or all that are allowed."""
    allowed = (await dialogue.join()).get("allowed_topics")
    found = list(topics) if topics is not None else allowed
    if not isinstance(found, list) or not found:
        raise FrameError("the join names no allowed topics, and none were given")
    return found


def watermarks(frames: Iterable[WireFrame]) -> dict[str, list[int]]:
    """Return the watermarks of every update, by topic and in order.

    Raises:
        FrameError: an update has none.
    """
    found: dict[str, list[int]] = {}
    for frame in frames:
        if frame.event == "sync:update_batch":
            for update in frame.payload.get("updates", ()):
                topic, mark = update.get("topic"), update.get("watermark")
                if not isinstance(topic, str) or type(mark) is not int:
                    raise FrameError("an update has a topic and a watermark")
                found.setdefault(topic, []).append(mark)
    return found
