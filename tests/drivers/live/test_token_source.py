from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from simulator.conditions import Conditions, Population, Settings
from simulator.core.tokens import Verifier
from simulator.drivers.live import token_source
from simulator.drivers.live.issuer import TOKEN_PATH, TokenEndpoint
from simulator.drivers.live.token_source import LONGEST_ANSWER, http_token_source
from simulator.errors import MintFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from simulator.core.tokens import Token

SECRET, EPOCH, NOW = b"a secret of this run", 1_700_000_000, 12.75


@asynccontextmanager
async def _answering(answer: bytes | None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve one answer, or none ever, on a free port; yield the address, and the heads of the requests."""
    heads: list[bytes] = []
    answering: list[asyncio.Task[None] | None] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.append(asyncio.current_task())
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
        await asyncio.gather(*(task for task in answering if task is not None))


def _http(body: object, status: str = "200 OK") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data


async def _ask(url: str) -> Token:
    async with http_token_source(url, "ab" * 32) as source, asyncio.timeout(20):
        return await source(NOW, 3)


def _fails_with(answer: bytes) -> str:
    async def main() -> str:
        async with _answering(answer) as (url, _):
            with pytest.raises(MintFailed) as failure:
                await _ask(url)
            return failure.value.reason

    return asyncio.run(main())


def test_a_member_asks_with_the_runs_access_and_its_number() -> None:
    async def main() -> None:
        async with _answering(_http({"token": "t", "expires_in": 300})) as (url, heads):
            token = await _ask(url)
        assert token.text == "t"
        assert token.expires_at == 312.0
        assert heads[0].startswith(f"POST {TOKEN_PATH} HTTP/1.1\r\n".encode())
        assert f"authorization: bearer {'ab' * 32}.3\r\n".encode() in heads[0].lower()

    asyncio.run(main())


def test_an_address_with_a_path_is_taken_as_it_is() -> None:
    async def main() -> None:
        async with _answering(_http({"token": "t", "expires_in": 300})) as (url, heads):
            await _ask(f"{url}/my/tokens")
        assert heads[0].startswith(b"POST /my/tokens ")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            _http({"code": "sync_token_unavailable", "message": "no"}, "503 Service Unavailable"),
            "sync_token_unavailable",
        ),
        (_http(b"<html>", "502 Bad Gateway"), "status_502"),
        (_http(b"[1]", "500 No"), "status_500"),
        (_http(b"nothing"), "bad_answer"),
        (_http({"token": "", "expires_in": 300}), "bad_answer"),
        (_http({"token": "t"}), "bad_answer"),
        (_http({"token": "t", "expires_in": True}), "bad_answer"),
        (_http(b"[" * LONGEST_ANSWER + b"["), "bad_answer"),
        (b"", "unreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", "unreachable"),
    ],
)
def test_an_answer_without_a_token_fails_with_its_reason(answer: bytes, reason: str) -> None:
    assert _fails_with(answer) == reason


def test_an_endpoint_that_does_not_listen_is_unreachable() -> None:
    async def main() -> None:
        async with _answering(b"") as (url, _):
            pass
        with pytest.raises(MintFailed, match="unreachable"):
            await _ask(url)

    asyncio.run(main())


def test_an_endpoint_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_source, "REQUEST_SECONDS", 0.05)

    async def main() -> None:
        async with _answering(None) as (url, _):
            with pytest.raises(MintFailed, match="timeout"):
                await _ask(url)

    asyncio.run(main())


def test_the_real_endpoint_gives_tokens_that_the_verifier_takes() -> None:
    async def main() -> None:
        endpoint = TokenEndpoint(
            topics=("a", "b"),
            population=Population(5, 1),
            run_secret=SECRET,
            epoch=EPOCH,
            conditions=Conditions(),
            clock=lambda: NOW,
        )
        source = http_token_source("http://issuer", endpoint.access)
        transport = httpx.ASGITransport(endpoint.app)
        source._client, real = httpx.AsyncClient(transport=transport), source._client  # noqa: SLF001
        await real.aclose()
        async with source:
            token = await source(NOW, 3)
            claims = Verifier(SECRET, EPOCH).verify(NOW, token.text, Settings())
            assert claims.subject == "user:3"
            assert token.expires_at == claims.expires_at - EPOCH
            endpoint.apply(Conditions().vary("issuer.answer", "unavailable"))
            with pytest.raises(MintFailed, match="sync_token_unavailable"):
                await source(NOW, 3)

    asyncio.run(main())
