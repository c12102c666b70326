"""Tokens from a real endpoint, as a fleet's clients ask for them: `issuer.py` says how."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Self

import httpx

from simulator.core.tokens import MINT_PATIENCE_SECONDS, Token
from simulator.drivers.live.issuer import TOKEN_PATH, authorization
from simulator.errors import MintFailed

if TYPE_CHECKING:
    from types import TracebackType

CONNECTIONS = 64
"""Requests that one process has under way at a time; the others wait."""

REQUEST_SECONDS = MINT_PATIENCE_SECONDS
LONGEST_ANSWER = 65_536


class HttpTokenSource:
    """Asks the endpoint at `url` for each member's tokens; `access` is the run's secret for that.

    A `url` without a path means the endpoint's own. Close it when the fleet has ended.
    """

    def __init__(self, url: str, access: str) -> None:
        parsed = httpx.URL(url)
        self._url = parsed.copy_with(path=TOKEN_PATH) if parsed.path in ("", "/") else parsed
        self._access = access
        self._client = httpx.AsyncClient(
            timeout=REQUEST_SECONDS,
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            trust_env=False,
        )

    async def __call__(self, now: float, member: int) -> Token:
        """Return a new token for a member.

        Raises:
            MintFailed: its reason is the endpoint's own code, or `timeout`, `unreachable` or `bad_answer`.
        """
        headers = {"Authorization": authorization(self._access, member)}
        try:
            async with self._client.stream("POST", self._url, headers=headers) as response:
                answer = _read_object(await _read_body(response))
        except httpx.TimeoutException:
            raise MintFailed("timeout") from None
        except httpx.HTTPError:
            raise MintFailed("unreachable") from None
        if response.status_code != httpx.codes.OK:
            code = answer.get("code")
            raise MintFailed(code if isinstance(code, str) else f"status_{response.status_code}")
        text, seconds = answer.get("token"), answer.get("expires_in")
        if not isinstance(text, str) or not text or type(seconds) is not int:
            raise MintFailed("bad_answer")
        # A token ends on a whole second, and never later than its lifetime after the question.
        return Token(text, float(math.floor(now) + seconds))

    async def aclose(self) -> None:
        """Close the connections to the endpoint."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def http_token_source(url: str, access: str) -> HttpTokenSource:
    """Return the source of tokens for a fleet whose server has its token endpoint at `url`."""
    return HttpTokenSource(url, access)


async def _read_body(response: httpx.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > LONGEST_ANSWER:
            raise MintFailed("bad_answer")
    return body


def _read_object(body: bytes) -> dict[str, Any]:
    """Return the object in an answer; an answer without one has nothing to say."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
