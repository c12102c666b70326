"""Drills: whether a server that speaks the protocol keeps its contract. It may be somebody else's.

What could not be checked is not passed: `passed` is None then, and `detail` says what was missing.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

from websockets.exceptions import InvalidStatus, WebSocketException

from simulator.drivers.live.checking import (
    ANSWER_SECONDS,
    FAILURES,
    Check,
    Tokens,
    attempt,
    describe,
    given_token,
    join_topics,
    judge_failure,
    watermarks,
)
from simulator.drivers.live.dialogue import open_dialogue
from simulator.errors import MintFailed, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.core.wire import WireFrame

__all__ = ["Check", "Tokens", "drill_auth", "drill_reconnect", "drill_stale_cursor", "given_token"]


# --- tokens at the handshake


async def drill_auth(
    url: str, tokens: Tokens, *, expired: str | None = None, seconds: float = ANSWER_SECONDS
) -> list[Check]:
    """Check that a good token is let in, and that all others are refused with 403 and not a word more.

    An expired token has to be given: nobody but the issuer can make one.
    """
    accepted = await attempt("a good token is accepted", _is_accepted(url, tokens, seconds))
    refused = {
        "a missing token is refused with 403 and no body": None,
        "garbage in place of a token is refused with 403 and no body": "garbage",
    }
    checks = [accepted, *[await _refusal(name, url, token, seconds) for name, token in refused.items()]]
    checks.append(await _check_expired(url, expired, seconds))
    name = "a token that another key signed is refused with 403 and no body"
    try:
        forged = _forge(await tokens())
    except MintFailed as failure:
        return [*checks, Check(name, None, f"there is no token to forge: {failure.reason}")]
    if forged is None:
        return [*checks, Check(name, None, "the token that was given is no signed JWT")]
    return [*checks, await _refusal(name, url, forged, seconds)]


async def _is_accepted(url: str, tokens: Tokens, seconds: float) -> Check:
    async with open_dialogue(url, await tokens(), seconds) as dialogue:
        await dialogue.join()
    return Check("", passed=True)


async def _check_expired(url: str, token: str | None, seconds: float) -> Check:
    name = "an expired token is refused with 403 and no body"
    if token is None:
        return Check(name, None, "no expired token was given")
    end = (_read_claims(token) or {}).get("exp")
    if type(end) is not int or end > time.time():
        return Check(name, None, "the token that was given as expired has not expired")
    return await _refusal(name, url, token, seconds)


async def _refusal(name: str, url: str, token: str | None, seconds: float) -> Check:
    try:
        async with open_dialogue(url, token, seconds):
            return Check(name, passed=False, detail="it was accepted")
    except InvalidStatus as refusal:
        status, body = refusal.response.status_code, refusal.response.body
        said = f"status {status}, {len(body or b'')} bytes of body"
        return Check(name, status == 403 and not body, said)
    except (OSError, WebSocketException) as error:
        return Check(name, None, f"the server could not be asked: {describe(error)}")


def _forge(token: str) -> str | None:
    """Return a token with the same claims and the signature of no key that anybody has."""
    header, dot, _ = token.rpartition(".")
    if not dot or _read_claims(token) is None:
        return None
    signature = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    return f"{header}.{signature}"


def _read_claims(token: str) -> dict[str, Any] | None:
    segments = token.split(".")
    if len(segments) != 3:
        return None
    try:
        value = json.loads(base64.urlsafe_b64decode(segments[1] + "=" * (-len(segments[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


# --- coming back


async def drill_reconnect(
    url: str, tokens: Tokens, *, topics: Sequence[str] | None = None, seconds: float = ANSWER_SECONDS
) -> list[Check]:
    """Check that a client that comes back with its cursor gets what is newer, all of it and nothing else."""
    seen = _Seen()
    steps = {
        "a join is accepted, and a subscription without cursors": _subscribe_anew(url, tokens, topics, seconds, seen),
        "a subscription that resumes gets newer events only": _resume(url, tokens, seconds, seen),
        "a client whose connection was lost resumes without a gap": _lose_and_resume(url, tokens, seconds, seen),
    }
    return [await attempt(name, step) for name, step in steps.items()]


class _Seen:
    """A topic that has events, and the newest of them."""

    topic: str | None = None
    head = 0


async def _subscribe_anew(url: str, tokens: Tokens, topics: Sequence[str] | None, seconds: float, seen: _Seen) -> Check:
    async with open_dialogue(url, await tokens(), seconds) as dialogue:
        wanted = await join_topics(dialogue, topics)
        before, reply = await dialogue.subscribe(wanted, {})
        if reply["status"] != "ok":
            return Check("", passed=False, detail=f"the subscription was refused: {shorten(str(reply['response']))}")
        marks = watermarks(before)
        if not marks:
            marks = watermarks([await dialogue.wait_for("sync:update_batch")])
        seen.topic, found = max(marks.items(), key=lambda entry: entry[1][-1])
        seen.head = found[-1]
    return Check("", passed=True, detail=f"{seen.topic} stands at {seen.head}")


async def _resume(url: str, tokens: Tokens, seconds: float, seen: _Seen) -> Check:
    if seen.topic is None:
        return Check("", None, "no event came to resume from")
    cursor = seen.head - 1
    async with open_dialogue(url, await tokens(), seconds) as dialogue:
        await dialogue.join()
        before, reply = await dialogue.subscribe([seen.topic], {seen.topic: cursor})
    if reply["status"] != "ok":
        return Check("", passed=False, detail=f"resuming from {cursor} was refused: {shorten(str(reply['response']))}")
    return _judge(watermarks(before).get(seen.topic, []), cursor, seen.head)


async def _lose_and_resume(url: str, tokens: Tokens, seconds: float, seen: _Seen) -> Check:
    if seen.topic is None:
        return Check("", None, "no event came to resume from")
    async with open_dialogue(url, await tokens(), seconds) as dialogue:
        await dialogue.join()
        before, _ = await dialogue.subscribe([seen.topic], {seen.topic: seen.head})
        cursor = max([seen.head, *watermarks(before).get(seen.topic, [])])
        dialogue.abort()
    async with open_dialogue(url, await tokens(), seconds) as dialogue:
        await dialogue.join()
        before, reply = await dialogue.subscribe([seen.topic], {seen.topic: cursor})
        if reply["status"] != "ok":
            return Check("", passed=False, detail=f"resuming was refused: {shorten(str(reply['response']))}")
        marks = watermarks(before).get(seen.topic, [])
        while not marks:
            marks = watermarks([await dialogue.wait_for("sync:update_batch")]).get(seen.topic, [])
    return _judge(marks, cursor, cursor + 1)


def _judge(marks: list[int], cursor: int, head: int) -> Check:
    """Judge the watermarks that a subscription with a cursor got, when there were events up to a head."""
    expected = list(range(cursor + 1, cursor + 1 + len(marks)))
    detail = f"from {cursor} came {shorten(', '.join(map(str, marks)) or 'nothing')}"
    return Check("", marks == expected and bool(marks) and marks[-1] >= head, detail)


# --- cursors that are too old


async def drill_stale_cursor(
    url: str, tokens: Tokens, *, topics: Sequence[str] | None = None, seconds: float = ANSWER_SECONDS
) -> list[Check]:
    """Check that a cursor below the retention floor is told so, and that a client recovers by leaving it out."""
    names = (
        "a stale cursor is told as push, frame and reply, in this order",
        "each of the three has the code, the need of a full resync, and the topics with their floors",
        "the socket stays open, and a subscription that leaves the cursor out is accepted",
    )
    try:
        async with open_dialogue(url, await tokens(), seconds) as dialogue:
            wanted = await join_topics(dialogue, topics)
            before, reply = await dialogue.subscribe(wanted, dict.fromkeys(wanted, 0))
            if reply["status"] == "ok":
                reason = "0 is no stale cursor here: nothing has been pruned yet"
                return [Check(name, None, reason) for name in names]
            told = [frame for frame in before if frame.event in ("sync:error", "sync:frame")]
            events = [*(frame.event for frame in told), "phx_reply"]
            problems = [*map(_problem_in, told), reply["response"]]
            stale = [entry["topic"] for entry in reply["response"].get("stale_topics", ()) if _is_stale_entry(entry)]
            _, again = await dialogue.subscribe(wanted, {})
    except FAILURES as error:
        return [Check(name, *judge_failure(error)) for name in names]
    return [
        Check(names[0], events == ["sync:error", "sync:frame", "phx_reply"], ", ".join(events)),
        Check(names[1], all(map(_is_complete, problems)), f"stale: {shorten(', '.join(stale)) or 'none named'}"),
        Check(names[2], again["status"] == "ok", "" if again["status"] == "ok" else shorten(str(again["response"]))),
    ]


def _problem_in(frame: WireFrame) -> Mapping[str, Any]:
    """Return the refusal that a push, or the body of a frame, carries."""
    if frame.event == "sync:error":
        return frame.payload
    try:
        body = json.loads(base64.b64decode(str(frame.payload.get("payload_bytes")), validate=True))
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) and frame.payload.get("kind") == "KHALA_FRAME_KIND_ERROR" else {}


def _is_complete(problem: Mapping[str, Any]) -> bool:
    entries = problem.get("stale_topics")
    return (
        problem.get("code") == "stale_cursor"
        and problem.get("full_resync_required") is True
        and isinstance(entries, list)
        and bool(entries)
        and all(map(_is_stale_entry, entries))
    )


def _is_stale_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("topic"), str):
        return False
    cursor, floor = entry.get("resume_after"), entry.get("retention_floor")
    return type(cursor) is int and type(floor) is int and cursor < floor
