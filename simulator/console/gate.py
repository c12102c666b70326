"""What stands before every request and every socket of the console: host, origin, session; and the way to log in."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from simulator.console.sessions import Session, Sessions

SESSION_KEY = "syncstorm.session"
"""Under which the session of a request stands in its scope."""

MOST_BODY_BYTES = 4096
MOST_NAME = 80
HOME = {"facilitator": "/", "participant": "/participant"}

_HEADERS = {
    # Nothing may be asked of any other host; the framework writes scripts and styles into its page.
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "cross-origin-resource-policy": "same-origin",
    # Without any referrer, browsers would not say which page a form comes from either.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
_LOGIN_PAGE = resources.files("simulator.console").joinpath("login.html").read_text(encoding="utf-8")


class Gate:
    """Lets nobody in who has not logged in with one of the two tokens, whatever the path.

    A request has to name this very host, and one that says where it comes from has to come from it: other pages on
    this machine share its cookies.
    """

    def __init__(self, app: ASGIApp, sessions: Sessions, port: int) -> None:
        self._app = app
        self._sessions = sessions
        self._cookie = f"syncstorm-{port}"
        self._hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let it pass."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        key = self._session_id(scope)
        session = self._sessions.find(key)
        problem = self._problem(scope)
        if scope["type"] == "websocket":
            if problem or session is None:
                await _refuse_socket(receive, send)
                return
            scope[SESSION_KEY] = session
            await self._app(scope, receive, send)
            return
        answer = _with_headers(send)
        if problem:
            await PlainTextResponse(problem, 403)(scope, receive, answer)
        elif scope["path"] == "/login":
            await self._log_in(scope, receive, answer)
        elif scope["path"] == "/logout" and scope["method"] == "POST":
            self._sessions.log_out(key)
            await self._forget(scope, receive, answer)
        elif session is None:
            await _to_login(scope, receive, answer)
        elif scope["path"] == "/" and session.role != "facilitator":
            await RedirectResponse(HOME[session.role], 303)(scope, receive, answer)
        else:
            scope[SESSION_KEY] = session
            await self._app(scope, receive, answer)

    # --- who asks

    def _problem(self, scope: Scope) -> str:
        hosts, origins = _values(scope, b"host"), _values(scope, b"origin")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return "this console answers under 127.0.0.1 and localhost only\n"
        own = f"http://{hosts[0]}"
        if origins and origins != [own]:
            return "another page may not ask this of the console\n"
        if not origins and (scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")):
            return "the request does not say which page it comes from\n"
        return ""

    def _session_id(self, scope: Scope) -> str | None:
        for value in _values(scope, b"cookie"):
            try:
                found = SimpleCookie(value).get(self._cookie)
            except CookieError:
                continue
            if found is not None:
                return found.value
        return None

    # --- logging in and out

    async def _log_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await _login_page("")(scope, receive, send)
            return
        form = parse_qs(await _read(receive), keep_blank_values=True)
        token, name = (form.get(field, [""])[0].strip() for field in ("token", "name"))
        if not name or len(name) > MOST_NAME or not name.isprintable():
            await _login_page(f"Say who you are, in 1 to {MOST_NAME} characters.", 422)(scope, receive, send)
            return
        entered = self._sessions.log_in(token, name)
        if entered is None:
            problem = "That is not the token of this game day. It was shown when the game day started."
            await _login_page(problem, 401)(scope, receive, send)
            return
        key, session = entered
        response = RedirectResponse(HOME[session.role], 303)
        # Not `secure`: it is loopback without TLS, and not every browser takes that for secure.
        response.set_cookie(self._cookie, key, httponly=True, samesite="strict", path="/")
        await response(scope, receive, send)

    async def _forget(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = RedirectResponse("/login", 303)
        response.delete_cookie(self._cookie, httponly=True, samesite="strict", path="/")
        await response(scope, receive, send)


def session_of(scope: Scope) -> Session:
    """Return the session of a request that the gate let pass."""
    found: Session = scope[SESSION_KEY]
    return found


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _login_page(problem: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(_LOGIN_PAGE.replace("<!-- problem -->", problem), status, {"cache-control": "no-store"})


async def _to_login(scope: Scope, receive: Receive, send: Send) -> None:
    accepts = " ".join(_values(scope, b"accept"))
    if scope["method"] == "GET" and "text/html" in accepts:
        await RedirectResponse("/login", 303)(scope, receive, send)
    else:
        await PlainTextResponse("log in first\n", 401)(scope, receive, send)


async def _refuse_socket(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close", "code": 1008})


async def _read(receive: Receive) -> str:
    body = bytearray()
    while len(body) <= MOST_BODY_BYTES:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return body.decode("utf-8", errors="replace")
    return ""


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
            # The framework lets every origin read what its sockets' fallback answers; here, only this page does.
            kept = [(name, value) for name, value in message.get("headers", ()) if not _lets_others(name)]
            message = {**message, "headers": [*kept, *own]}
        await send(message)

    return send_with_headers


def _lets_others(name: bytes) -> bool:
    return name.lower().startswith(b"access-control-")
