"""Bounded HTTP calls: one client per peer, on aiohttp's transport, which costs a quarter of httpx's own."""

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
_KEEPALIVE_SECONDS = 5.0
"""How long an idle connection stays open."""
MAX_RESPONSE_BYTES = 8 * 1024 * 1024
CALL_ERRORS = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, aiohttp.ClientError, ssl.SSLError, OSError)
"""Everything that a call may fail with; `TimeoutError` is an `OSError`."""


class CallFailed(Exception):
    """There is no complete response. The text says why, without URL parameters or headers."""


class CallTimedOut(CallFailed):
    """There is no complete response within the time limit of the call."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete response."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    """Looked up without regard to case."""


def http_client(*, total_seconds: float, connections: int) -> httpx.AsyncClient:
    """Return a client that follows no redirects and uses no proxy from the environment; the caller closes it.

    It keeps no cookies, so that nothing that one user's call receives is sent with another's.

    Args:
        total_seconds: limit of a call that sets none of its own.
        connections: open at once; further calls wait for one, for at most a second.
    """
    ssl_context = httpx.create_ssl_context()

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=connections, ssl=ssl_context, keepalive_timeout=_KEEPALIVE_SECONDS)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    return httpx.AsyncClient(
        transport=AiohttpTransport(verify=ssl_context, client=session),
        timeout=httpx.Timeout(total_seconds, connect=_CONNECT_SECONDS, pool=_CONNECT_SECONDS),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        follow_redirects=False,
    )


async def call(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    total_seconds: float,
    headers: dict[str, str],
    max_bytes: int | None = MAX_RESPONSE_BYTES,
    **options: Any,
) -> HttpResponse:
    """Make a call and return the complete response, whatever its status.

    Args:
        http: see `http_client`.
        method: of the request.
        url: absolute.
        total_seconds: from the first byte of the request to the last of the response.
        headers: of the request.
        max_bytes: of the response's body; None where the peer is trusted to bound it.
        options: passed to `httpx.AsyncClient.stream`.

    Raises:
        CallTimedOut: it took longer than `total_seconds`.
        CallFailed: the response has more than `max_bytes`, or the connection failed.
    """
    try:
        async with (
            asyncio.timeout(total_seconds),
            http.stream(method, url, headers=headers, **options) as response,
        ):
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if max_bytes is not None and len(body) > max_bytes:
                    raise CallFailed(f"a response of more than {max_bytes} bytes")
            return HttpResponse(response.status_code, bytes(body), response.headers)
    except CALL_ERRORS as error:
        if is_timeout(error):
            raise CallTimedOut(f"no response within {total_seconds:g} s") from error
        raise CallFailed(describe_error(error)) from error


def describe_error(error: Exception) -> str:
    """Return the kind of one of `CALL_ERRORS`, without the URL and headers of the call."""
    cause = error.__cause__ if isinstance(error, httpx.TimeoutException) else None
    return type(cause or error).__name__


def is_timeout(error: Exception) -> bool:
    """Return whether one of `CALL_ERRORS` means that the peer took too long.

    The transport also reports refused and dropped connections as timeouts; their cause tells them apart.
    """
    if isinstance(error, httpx.TimeoutException):
        return error.__cause__ is None or isinstance(error.__cause__, TimeoutError)
    return isinstance(error, TimeoutError)
