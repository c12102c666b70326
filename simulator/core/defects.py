"""Tokens that are no good, as proxies, builds and settings make them; each defect bears its reject reason's name."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from jwt.utils import base64url_decode

if TYPE_CHECKING:
    from collections.abc import Callable

Segments = tuple[str, str, str]


def spoil_claims(claims: dict[str, Any], defect: str) -> None:
    """Take out of the claims what a defect takes out, before they are signed."""
    if defect == "invalid_claims":
        del claims["oa_org_id"]


def write_headers(kid: str, defect: str) -> dict[str, Any]:
    """Return the headers that are signed beside the algorithm."""
    match defect:
        case "missing_kid":
            return {}
        case "invalid_token":
            return {"kid": kid, "crit": ["oa"]}  # an extension that nobody understands
    return {"kid": kid}


def spoil_text(text: str, defect: str) -> str:
    """Return a signed token as it looks once the defect has come over it; the payload stays readable."""
    spoil = _SPOILERS.get(defect)
    if spoil is None:
        return text
    header, payload, signature = text.split(".")
    return spoil((header, payload, signature))


def _cut(segments: Segments) -> str:
    """Lose the signature, as a limit on the length of addresses does it."""
    return ".".join(segments[:2])


def _pad(segments: Segments) -> str:
    """Pad the signature, as another base64 does it."""
    return f"{'.'.join(segments)}="


def _lose_algorithm(segments: Segments) -> str:
    return _with_header(segments, lambda header: header.pop("alg"))


def _change_algorithm(segments: Segments) -> str:
    return _with_header(segments, lambda header: header.update(alg="HS512"))


def _with_header(segments: Segments, change: Callable[[dict[str, Any]], Any]) -> str:
    header = json.loads(base64url_decode(segments[0]))
    change(header)
    written = base64.urlsafe_b64encode(json.dumps(header, separators=(",", ":")).encode()).decode().rstrip("=")
    return ".".join((written, *segments[1:]))


_SPOILERS: dict[str, Callable[[Segments], str]] = {
    "invalid_token_format": _cut,
    "invalid_token_encoding": _pad,
    "invalid_header": _lose_algorithm,
    "unsupported_alg": _change_algorithm,
}
