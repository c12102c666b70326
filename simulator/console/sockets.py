"""Whose browser may speak for which page: what comes over a socket is held to the session that the gate found."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from simulator.console.gate import SESSION_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from socketio import AsyncServer

    from simulator.console.sessions import Sessions

_SPEAKING = ("handshake", "event", "javascript_response", "ack", "log")


def hold_sockets(server: AsyncServer, sessions: Sessions) -> None:
    """Let every event pass only if the session of its socket has opened the page that it is for."""
    handlers = server.handlers["/"]

    def owner(environ: dict[str, Any]) -> Any:
        return environ.get("asgi.scope", {}).get(SESSION_KEY)

    for name in _SPEAKING:
        handlers[name] = _held(handlers[name], lambda sid: owner(server.get_environ(sid)), sessions)
    connect = handlers["connect"]

    async def on_connect(sid: str, environ: dict[str, Any], *more: Any) -> Any:
        wanted = parse_qs(environ.get("QUERY_STRING", "")).get("client_id")
        session = owner(environ)
        if session is None or (wanted is not None and not sessions.may_speak_for(session, wanted[0])):
            return False
        return await connect(sid, environ, *more)

    handlers["connect"] = on_connect


def _held(handler: Callable[..., Any], session_of: Callable[[str], Any], sessions: Sessions) -> Callable[..., Any]:
    async def held(sid: str, message: Any) -> Any:
        client = message.get("client_id") if isinstance(message, dict) else None
        if not sessions.may_speak_for(session_of(sid), client):
            return False
        answer = handler(sid, message)
        return await answer if inspect.isawaitable(answer) else answer

    return held
