"""Who is logged in: sessions behind a cookie, and which page of theirs a browser's socket may speak for."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from simulator.console.spec import ConsoleSpec

Role = Literal["facilitator", "participant"]

MOST_SESSIONS = 1000


@dataclass(slots=True)
class Session:
    """Somebody in one browser: the role, the name, and what the page keeps over a reload."""

    role: Role
    name: str
    kept: dict[str, Any] = field(default_factory=dict)


class Sessions:
    """Hands out session ids for tokens; the oldest session makes room where there are too many."""

    def __init__(self, spec: ConsoleSpec) -> None:
        self._tokens: dict[Role, bytes] = {
            "facilitator": spec.token.encode(),
            "participant": spec.participant_token.encode(),
        }
        self._sessions: dict[str, Session] = {}
        self._pages: dict[str, Session] = {}

    def log_in(self, token: str, name: str) -> tuple[str, Session] | None:
        """Return a new session and its id; None where the token is neither."""
        # Both are compared, whatever the first one gives, so that the time says nothing.
        fitting = [role for role, known in self._tokens.items() if secrets.compare_digest(token.encode(), known)]
        if not fitting:
            return None
        key, session = secrets.token_urlsafe(32), Session(fitting[0], name)
        self._sessions[key] = session
        for oldest in list(self._sessions)[:-MOST_SESSIONS]:
            del self._sessions[oldest]
        return key, session

    def find(self, key: str | None) -> Session | None:
        """Return the session of an id."""
        return None if key is None else self._sessions.get(key)

    def log_out(self, key: str | None) -> None:
        """End a session, if there is one."""
        if key is not None:
            self._sessions.pop(key, None)

    # --- pages

    def open_page(self, client: str, session: Session) -> None:
        """Say whose page a client of the browser's is."""
        self._pages[client] = session

    def close_page(self, client: str) -> None:
        """Forget a page."""
        self._pages.pop(client, None)

    def may_speak_for(self, session: Session | None, client: object) -> bool:
        """Tell whether a socket of a session may speak for a page: only for one that the session opened."""
        return session is not None and self._pages.get(str(client)) is session
