"""Bounded HTTP calls: one client a peer, on aiohttp's transport, which costs a quarter of httpx's own."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

_CONNECT_SECONDS = 1.0
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
    """Return a client that follows no redirects and takes no proxy from the environment; the caller closes it."""
    return httpx.AsyncClient(
        transport=AiohttpTransport(limits=httpx.Limits(max_connections=connections)),
        timeout=httpx.Timeout(total_seconds, connect=_CONNECT_SECONDS, pool=_CONNECT_SECONDS),
        follow_redirects=False,
    )


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
    except TimeoutError as error:
        raise NoAnswerInTime(f"no answer within {total_seconds:g} s") from error
    except httpx.TimeoutException as error:
        raise NoAnswerInTime(type(error).__name__) from error
    except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, ssl.SSLError, OSError) as error:
        raise CallFailed(type(error).__name__) from error
