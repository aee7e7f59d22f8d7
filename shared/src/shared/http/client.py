"""Bounded HTTP calls: one client a peer, on aiohttp's transport, which costs a quarter of httpx's own."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

_CONNECT_SECONDS = 1.0
_KEPT_SECONDS = 5.0
"""How long a connection that nobody uses is kept."""
FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, aiohttp.ClientError, ssl.SSLError, OSError)
"""What a call may fail with; `TimeoutError` is among them."""
MAX_ANSWER_BYTES = 8 * 1024 * 1024


class CallFailed(Exception):
    """No whole answer came; the text says why, without URL parameters or headers."""


class NoAnswerInTime(CallFailed):
    """None came within the time that a call may take."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    """Finds names whatever their case."""


def client(*, total_seconds: float, connections: int) -> httpx.AsyncClient:
    """Return a client that follows no redirects and takes no proxy from the environment; the caller closes it.

    Nor does it keep cookies: what one user's call is given is not sent with another's.
    """
    ssl_context = httpx.create_ssl_context()

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=connections, ssl=ssl_context, keepalive_timeout=_KEPT_SECONDS)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    return httpx.AsyncClient(
        transport=AiohttpTransport(verify=ssl_context, client=session),
        timeout=httpx.Timeout(total_seconds, connect=_CONNECT_SECONDS, pool=_CONNECT_SECONDS),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        follow_redirects=False,
    )


def reason_of(error: Exception) -> str:
    """Return what a call failed with, without what it was made with."""
    cause = error.__cause__ if isinstance(error, httpx.TimeoutException) else None
    return type(cause or error).__name__


def is_silence(error: Exception) -> bool:
    """Whether a call failed for the time it took.

    The transport calls connections that are refused or dropped timeouts, too: what it was told itself is the cause.
    """
    if isinstance(error, httpx.TimeoutException):
        return error.__cause__ is None or isinstance(error.__cause__, TimeoutError)
    return isinstance(error, TimeoutError)


async def call(
    http: httpx.AsyncClient, method: str, url: str, *, total_seconds: float, headers: dict[str, str], **options: Any
) -> Answer:
    """Return the whole answer, whatever its status.

    Raises:
        NoAnswerInTime: not within `total_seconds`.
        CallFailed: that, more than `MAX_ANSWER_BYTES`, or the connection broke.
    """
    try:
        async with (
            asyncio.timeout(total_seconds),
            http.stream(method, url, headers=headers, **options) as response,
        ):
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise CallFailed(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
            return Answer(response.status_code, bytes(body), response.headers)
    except FAILURES as error:
        if is_silence(error):
            raise NoAnswerInTime(f"no answer within {total_seconds:g} s") from error
        raise CallFailed(reason_of(error)) from error
