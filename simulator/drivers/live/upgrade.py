"""What an upgrade request asks for: which form of frames, with which token, for which client."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from simulator.core.compatibility import UNNAMED, ClientVersion
from simulator.core.tokens import read_payload
from simulator.core.wire import form_of
from simulator.errors import TokenRejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulator.core.wire import FrameForm

SOCKET_PATHS = frozenset({"/socket/websocket", "/sync/socket/websocket"})
"""Where the original mounted its socket, and the path of the proxy before it, which its clients use."""

SUBPROTOCOL = "phoenix"
"""The subprotocol of clients that send their token beside it and not in the query."""

_TOKEN_PREFIX = "base64url.bearer.phx."  # noqa: S105  # the name of a header's field, no token
_MOST_PARAMETERS = 100
_LEAST_SEGMENTS = 2
_SCHEMA = re.compile(r"[0-9]{1,9}", re.ASCII)
_MEMBER = re.compile(r"user:(0|[1-9][0-9]{0,8})", re.ASCII)


@dataclass(frozen=True, slots=True)
class UpgradeRequest:
    """The form of frames, None if there is no such form; the token, None if there is none; and the client's version."""

    form: FrameForm | None
    token: str | None
    version: ClientVersion = UNNAMED


def read_upgrade(path: str, subprotocol_headers: Iterable[str] = ()) -> UpgradeRequest:
    """Return what the path and the headers that offer subprotocols ask for."""
    try:
        # As in Plug, the last of two parameters of one name holds.
        parameters = dict(
            parse_qsl(path.partition("?")[2], keep_blank_values=True, max_num_fields=_MOST_PARAMETERS),
        )
    except ValueError:
        return UpgradeRequest(None, None)
    token = parameters.get("token") or _read_token(subprotocol_headers)
    return UpgradeRequest(form_of(parameters.get("vsn")), token, _read_version(parameters))


def write_version(version: ClientVersion) -> dict[str, str]:
    """Return the parameters by which a client says its version; it leaves out what is empty."""
    texts = {
        "client_build_id": version.build,
        "protocol_version": version.protocol,
        "schema_version": str(version.schema or ""),
    }
    return {name: text for name, text in texts.items() if text}


def _read_version(parameters: Mapping[str, str]) -> ClientVersion:
    """Return what a client says about itself; as in the original, a schema that is no number is 0."""
    schema = parameters.get("schema_version", "")
    return ClientVersion(
        parameters.get("client_build_id", "").strip(),
        parameters.get("protocol_version", "").strip(),
        int(schema) if _SCHEMA.fullmatch(schema) else 0,
    )


def claimed_member(token: str | None, size: int) -> int | None:
    """Return the client that a token says it is for, below `size`; nobody has checked the token yet.

    A fault for a share of the clients can thus meet them before, or without, the check.
    """
    segments = token.split(".") if token else []
    if len(segments) < _LEAST_SEGMENTS:
        return None
    try:
        subject = read_payload(segments[1]).get("sub")
    except TokenRejected:
        return None
    found = _MEMBER.fullmatch(subject) if isinstance(subject, str) else None
    return int(found[1]) if found and int(found[1]) < size else None


def _read_token(subprotocol_headers: Iterable[str]) -> str | None:
    for entry in (entry.strip() for header in subprotocol_headers for entry in header.split(",")):
        if entry.startswith(_TOKEN_PREFIX):
            encoded = entry.removeprefix(_TOKEN_PREFIX)
            try:
                return base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode()
            except ValueError:
                return entry  # what cannot be read is refused by the verifier, which says why
    return None
