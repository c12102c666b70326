"""What stands before the control API: the run's token, and a bound on what a request may send."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY_BYTES = 64 * 1024
BODY_SECONDS = 10.0
OPEN_PATHS = frozenset({"/health"})
ON_CALL = "/oncall"
"""The path, with all below it, that participants may enter."""


def new_token() -> str:
    """Return a token for one run."""
    return secrets.token_urlsafe(32)


class Guard:
    """Refuses whoever does not bring the token, whatever the path, and bodies that are too long or too slow.

    A participant's token, if there is one, opens the paths of `ON_CALL` and no others.
    """

    def __init__(self, app: ASGIApp, token: str, participant_token: str | None = None) -> None:
        if not token or participant_token == "":
            raise ValueError("the control API needs a token")
        if token == participant_token:
            raise ValueError("participants need a token of their own")
        self._app = app
        self._expected = f"Bearer {token}".encode()
        self._participants = None if participant_token is None else f"Bearer {participant_token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the request pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._is_participant(scope) and not _is_for_participants(scope["path"]):
            await _refuse(send, 403, "this is for facilitators: a participant's token does not open it")
        elif not self._may_enter(scope):
            hint = "the header must be 'Authorization: Bearer' with this run's token"
            await _refuse(send, 401, f"no token, or not this run's ({hint})", (b"www-authenticate", b"Bearer"))
        else:
            await self._let_pass(scope, receive, send)

    def _may_enter(self, scope: Scope) -> bool:
        return self._brings(scope, self._expected) or self._is_participant(scope) or scope["path"] in OPEN_PATHS

    def _is_participant(self, scope: Scope) -> bool:
        return self._participants is not None and self._brings(scope, self._participants)

    @staticmethod
    def _brings(scope: Scope, expected: bytes) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        return len(given) == 1 and secrets.compare_digest(given[0], expected)

    async def _let_pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read_body(receive)
        except TimeoutError:
            return await _refuse(send, 408, f"the body did not come within {BODY_SECONDS:g}s", CLOSE)
        except ConnectionError:
            return None
        if body is None:
            return await _refuse(send, 413, f"the body is too long; at most {MOST_BODY_BYTES} bytes", CLOSE)
        read = False

        async def replay() -> Message:
            nonlocal read
            if read:
                return await receive()
            read = True
            return {"type": "http.request", "body": body, "more_body": False}

        return await self._app(scope, replay, send)


CLOSE = (b"connection", b"close")


def _is_for_participants(path: str) -> bool:
    return path in OPEN_PATHS or path == ON_CALL or path.startswith(f"{ON_CALL}/")


async def _read_body(receive: Receive) -> bytes | None:
    """Return a request's body, or None if it is too long."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        body += message.get("body", b"")
        if len(body) > MOST_BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return bytes(body)


async def _refuse(send: Send, status: int, error: str, *headers: tuple[bytes, bytes]) -> None:
    body = orjson.dumps({"error": error})
    plain = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*plain, *headers]})
    await send({"type": "http.response.body", "body": body})
