"""The token endpoint: `POST /api/sync/token`, with a keyring of its own, so that it and the verifier can drift apart.

Whoever asks says who it is with `Authorization: Bearer <access>.<member>`: `access` is one value per run, which stands
for the session that the original's users have at its website, and `member` is the client's number. The body may be
empty, or an object with `scopes` (some of the topics; all of them if it is left out) and `ttl` (whole seconds).
"""

from __future__ import annotations

import asyncio
import hmac
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import ClientDisconnect

from simulator.core.exporter import Exporter
from simulator.core.metrics import Metrics
from simulator.core.tokens import Issuer, choose_scopes, derive_key
from simulator.drivers.live.exposition import CONTENT_TYPE, make_registry, write_metrics
from simulator.drivers.live.resolved import Resolved
from simulator.errors import MintFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from simulator.conditions import Conditions, Population, Settings
    from simulator.drivers.live.exposition import Exposed

TOKEN_PATH = "/api/sync/token"  # noqa: S105  # a path, no token

SHORTEST_TTL_SECONDS = 60
LONGEST_TTL_SECONDS = 900
LONGEST_BODY = 4_096

_NO_STORE = {"Cache-Control": "no-store"}
_AUTHORIZATION = re.compile(rb"Bearer ([0-9a-f]{64})\.(0|[1-9][0-9]{0,8})", re.IGNORECASE)


def derive_access(run_secret: bytes) -> str:
    """Return the value that lets a run's own clients ask for tokens."""
    return derive_key(run_secret, "token-endpoint").hex()


def authorization(access: str, member: int) -> str:
    """Return the `Authorization` header with which a client asks for its token."""
    return f"Bearer {access}.{member}"


class TokenRequest(BaseModel):
    """What a client may ask for."""

    model_config = ConfigDict(strict=True)

    scopes: Annotated[list[str], Field(max_length=100)] | None = None
    ttl: int | None = None


class _Refused(Exception):
    """The request gets no token; `code` says why, as in the original."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message


_PROBLEMS: dict[str, tuple[HTTPStatus, str, str]] = {
    problem[1]: problem
    for problem in (
        (HTTPStatus.SERVICE_UNAVAILABLE, "sync_token_unavailable", "tokens cannot be issued now"),
        (HTTPStatus.FORBIDDEN, "policy_denied", "a policy does not allow it"),
        (HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_scope", "scopes are some of the topics"),
        (HTTPStatus.UNAUTHORIZED, "unauthenticated", "who asks is not known"),
    )
}
"""By code, with which the core's issuer refuses."""


class TokenEndpoint:
    """Mints tokens by the `issuer.*` knobs, client by client, and counts each request as ok or error.

    `clock` says the seconds since the run's start, at Unix time `epoch`, and may be called from any thread; so may
    `apply`.
    """

    def __init__(  # noqa: PLR0913  # what a run is made of
        self,
        *,
        topics: Iterable[str],
        population: Population,
        run_secret: bytes,
        epoch: int,
        conditions: Conditions,
        clock: Callable[[], float],
        contract_names: Mapping[str, Exposed] | None = None,
        initialise_series: bool = True,
    ) -> None:
        self.metrics = Metrics(initialise=initialise_series)
        self.access = derive_access(run_secret)
        self._topics = tuple(topics)
        self._population = population
        self._epoch = epoch
        self._clock = clock
        self._issuer = Issuer(run_secret, epoch)
        self._resolved = Resolved(population, conditions)
        self._shown = Exporter(self.metrics)
        self._registry = make_registry(self._shown, contract_names, "issuer", lambda: self._resolved.everyone.exporter)
        self.app = self._make_app()

    def apply(self, conditions: Conditions) -> None:
        """Let other conditions hold for the requests to come."""
        self._resolved = Resolved(self._population, conditions)
        self._shown.freeze(self._resolved.everyone.exporter)

    def _make_app(self) -> FastAPI:
        app = FastAPI(title="Sync token endpoint", docs_url=None, redoc_url=None)
        body = {"required": False, "content": {"application/json": {"schema": TokenRequest.model_json_schema()}}}
        refusals: dict[int | str, dict[str, Any]] = {
            401: {"description": "unauthenticated"},
            403: {"description": "policy_denied"},
            413: {"description": "payload_too_large"},
            422: {"description": "invalid_scope or invalid_request"},
            503: {"description": "sync_token_unavailable"},
        }
        app.post(TOKEN_PATH, responses=refusals, openapi_extra={"requestBody": body})(self._answer)
        app.get("/metrics")(self._scrape)
        app.get("/healthz")(_say_ok)
        return app

    async def _answer(self, request: Request) -> Response:
        """Mint a short-lived token for the sync socket."""
        try:
            content = await self._mint(request)
        except _Refused as refused:
            self.metrics.add(("token_mint", "error"))
            return JSONResponse({"code": refused.code, "message": refused.message}, refused.status, _NO_STORE)
        if content is None:
            return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE)
        self.metrics.add(("token_mint", "ok"))
        return JSONResponse(content, headers=_NO_STORE)

    async def _mint(self, request: Request) -> dict[str, Any] | None:
        """Return what a client gets with its token; None if it was gone before its token came."""
        member = self._authenticate(request)
        asked = _read_body(await _receive_body(request))
        scopes = self._choose_scopes(asked)
        delay = self._settings_of(member).issuer.delay
        if delay and not await _wait(request, delay):
            return None
        settings = _choose_ttl(asked, self._settings_of(member), self._resolved.conditions.baseline)
        try:
            token = self._issuer.mint(self._clock(), str(member), scopes, settings)
        except MintFailed as failed:
            raise _Refused(*_PROBLEMS[failed.reason]) from None
        return {
            "token": token.text,
            "token_type": "Bearer",
            "expires_in": int(settings.issuer.ttl),
            "expires_at": self._epoch + int(token.expires_at),
            "scopes": list(choose_scopes(scopes, settings)),
        }

    def _settings_of(self, member: int) -> Settings:
        resolved = self._resolved
        return resolved.of(member if member < resolved.size else None)

    def _authenticate(self, request: Request) -> int:
        """Return the number of the client that asks."""
        found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", "").encode())
        if found is None or not hmac.compare_digest(found[1], self.access.encode()):
            raise _Refused(*_PROBLEMS["unauthenticated"])
        return int(found[2])

    def _choose_scopes(self, asked: TokenRequest) -> tuple[str, ...]:
        if asked.scopes is None:
            return self._topics
        if not asked.scopes or not set(asked.scopes) <= set(self._topics):
            raise _Refused(*_PROBLEMS["invalid_scope"])
        return tuple(dict.fromkeys(asked.scopes))

    async def _scrape(self) -> Response:
        """Show the counters in Prometheus' text format."""
        return Response(write_metrics(self._registry), headers={"Content-Type": CONTENT_TYPE})


async def _wait(request: Request, seconds: float) -> bool:
    """Wait for a time, and return whether the client did, too."""
    try:
        async with asyncio.timeout(seconds):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return True
    return False


async def _say_ok() -> Response:
    """Say that the endpoint runs."""
    return Response("ok\n", media_type="text/plain")


async def _receive_body(request: Request) -> bytes:
    """Return the body, and no more of it than fits."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST_BODY:
                message = f"at most {LONGEST_BODY} bytes"
                raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "payload_too_large", message)
    except ClientDisconnect:
        raise _Refused(HTTPStatus.BAD_REQUEST, "invalid_request", "the client went away") from None
    return body


def _read_body(body: bytes) -> TokenRequest:
    if not body.strip():
        return TokenRequest()
    try:
        return TokenRequest.model_validate_json(body)
    except ValidationError:
        message = "the body is an object with scopes, an array of texts, and ttl, whole seconds"
        raise _Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", message) from None


def _choose_ttl(asked: TokenRequest, settings: Settings, baseline: Settings) -> Settings:
    """Return settings with the lifetime that was asked for, unless a fault has changed it for this client."""
    if asked.ttl is None:
        return settings
    if not SHORTEST_TTL_SECONDS <= asked.ttl <= LONGEST_TTL_SECONDS:
        message = f"ttl is {SHORTEST_TTL_SECONDS} to {LONGEST_TTL_SECONDS} seconds"
        raise _Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", message)
    distorted = settings.issuer.ttl != baseline.issuer.ttl
    return settings if distorted else settings.with_value("issuer.ttl", float(asked.ttl))
