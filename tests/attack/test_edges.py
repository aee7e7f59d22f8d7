"""What is private is not served, and what is malformed ends in a clear refusal, never in a failure or a redirect."""

import asyncio
from urllib.parse import urlsplit

import pytest

from tests.attack.conftest import SECRET_WORDS, Victim
from tests.system.running import System

pytestmark = [pytest.mark.attack, pytest.mark.system, pytest.mark.timeout(120)]

_ANSWER_SECONDS = 20.0


async def raw_answer(system: System, request: bytes) -> bytes:
    """Send bytes to the front door; return everything that it answers before it closes, or within a second after."""
    port = urlsplit(system.urls["inbox"]).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await reader.read(65_536)
    finally:
        writer.close()


@pytest.mark.parametrize(
    "path",
    [
        "/internal/accounts", "/internal/events", "/metrics", "/readyz", "/healthz",
        "/api/../internal/events", "/api/%2e%2e/internal/events", "/api/..%2finternal/events", "//internal/events",
        "/assets/../../pyproject.toml", "/assets/%2e%2e/%2e%2e/pyproject.toml", "/.env", "/.git/config",
    ],
)  # fmt: skip
async def test_what_is_private_is_not_served(system: System, path: str) -> None:
    answer = await raw_answer(system, f"GET {path} HTTP/1.1\r\nHost: inbox\r\nConnection: close\r\n\r\n".encode())
    status = int(answer.split(b" ", 2)[1])
    assert status in (400, 401, 403, 404, 405), answer
    assert b"switchboard_" not in answer


@pytest.mark.parametrize(
    "path", ["/api/conversations/", "/webhooks/facebook/", "/webhooks", "/api", "/", "//mallory.example/"]
)
async def test_no_host_and_no_path_leads_anywhere_else(system: System, path: str) -> None:
    headers = (
        "Host: mallory.example\r\nX-Forwarded-Host: mallory.example\r\nX-Forwarded-Proto: https\r\nConnection: close"
    )
    answer = await raw_answer(system, f"GET {path} HTTP/1.1\r\n{headers}\r\n\r\n".encode())
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"\r\nlocation:" not in head, answer
    assert not head.split(b" ", 2)[1].startswith(b"3"), answer


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /api/conversations?cursor=" + "a" * 20_000 + " HTTP/1.1\r\nHost: inbox\r\n",
        "GET / HTTP/1.1\r\nHost: inbox\r\nCookie: " + "a" * 200_000 + "\r\n",
        "GET /api/search?q=" + "%00" * 50 + " HTTP/1.1\r\nHost: inbox\r\n",
        "BREW /api/conversations HTTP/1.1\r\nHost: inbox\r\n",
        "POST /api/tokens HTTP/1.1\r\nHost: inbox\r\nContent-Length: 12\r\n\r\n[[[[[[[[[[[[",
        "POST /webhooks/facebook HTTP/1.1\r\nHost: inbox\r\nContent-Length: -1\r\n",
        "POST /webhooks/facebook HTTP/1.1\r\nHost: inbox\r\nContent-Length: 99999999999\r\n",
    ],
    ids=["long query", "long header", "zero bytes", "unknown method", "not JSON", "negative length", "huge length"],
)  # fmt: skip
async def test_malformed_requests_are_refused(system: System, request_text: str) -> None:
    head, separator, body = request_text.partition("\r\n\r\n")
    answer = await raw_answer(
        system, f"{head.rstrip()}\r\nConnection: close\r\n\r\n{body if separator else ''}".encode()
    )
    status = int(answer.split(b" ", 2)[1])
    assert 400 <= status < 500, answer[:500]


async def test_after_everything_the_system_still_serves_its_users(system: System, victim: Victim) -> None:
    token = await system.token(victim.user_id)
    messages = await system.get(f"/conversations/{victim.conversation_id}/messages", token)
    assert [message["content"] for message in messages if message["id"] == victim.message_id] == [SECRET_WORDS]
