"""Fetching a medium from where the platform hands it out, a piece at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from pydantic import SecretStr

from enricher.errors import GraphCallRejected, GraphTimeout, GraphUnavailable, MediaGone, MediaTooLarge
from enricher.media.addressing import AllowedHosts
from shared.http.client import CALL_ERRORS, describe_error, is_timeout

_OK = 200
_GONE = (404, 410)
_LATER = 429
_SERVER_ERRORS = 500


@dataclass(frozen=True, slots=True)
class Download:
    """A medium that has begun to come."""

    size: int | None
    """Bytes in all, where the other side says so."""
    pieces: AsyncIterator[bytes]
    """To be read once. Ends with `GraphTimeout`, `GraphUnavailable` or `MediaTooLarge` when the rest does not come."""


class Downloader:
    """Downloader, each with the memory of a few pieces.

    Args:
        http: closed by whoever opened it; must follow no redirects.
        hosts: where a token may be sent.
        idle_seconds: how long nothing may come.
        max_bytes: of one medium.
    """

    def __init__(self, http: httpx.AsyncClient, *, hosts: AllowedHosts, idle_seconds: float, max_bytes: int) -> None:
        self._http = http
        self._hosts = hosts
        self._idle_seconds = idle_seconds
        self._max_bytes = max_bytes

    @asynccontextmanager
    async def opened(self, url: str, token: SecretStr) -> AsyncIterator[Download]:
        """Fetch from `url` while the context lasts.

        Raises:
            GraphCallRejected: `url` is not where a token may be sent, or the other side refuses.
            MediaGone, MediaTooLarge, GraphUnavailable, GraphTimeout: what each means is written in `enricher.errors`.
        """
        if not self._hosts.allow(url):
            raise GraphCallRejected("the address of the medium is not one that a token may be sent to")
        # Compressed, a small answer could become a large one here.
        headers = {"Authorization": f"Bearer {token.get_secret_value()}", "Accept-Encoding": "identity"}
        request = self._http.build_request("GET", url, headers=headers)
        try:
            async with asyncio.timeout(self._idle_seconds):
                response = await self._http.send(request, stream=True)
        except CALL_ERRORS as error:
            raise self._failed(error) from error
        try:
            yield Download(self._size(response), self._pieces(response))
        finally:
            await response.aclose()

    def _size(self, response: httpx.Response) -> int | None:
        """Return how long the answer is; raise when it is not the medium."""
        status = response.status_code
        if status in _GONE:
            raise MediaGone(f"HTTP {status} instead of a medium")
        if status == _LATER or status >= _SERVER_ERRORS:
            raise GraphUnavailable(f"HTTP {status} instead of a medium")
        if status != _OK or response.headers.get("Content-Encoding", "identity") != "identity":
            raise GraphCallRejected(f"HTTP {status} instead of a medium as it is")
        told = response.headers.get("Content-Length", "")
        size = int(told) if told.isascii() and told.isdigit() else None
        if size is not None and size > self._max_bytes:
            raise MediaTooLarge(f"a medium of {size} bytes")
        return size

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        received = 0
        pieces = response.aiter_raw()
        while True:
            try:
                async with asyncio.timeout(self._idle_seconds):
                    piece = await anext(pieces, None)
            except CALL_ERRORS as error:
                raise self._failed(error) from error
            if piece is None:
                return
            received += len(piece)
            if received > self._max_bytes:
                raise MediaTooLarge(f"a medium of more than {self._max_bytes} bytes")
            yield piece

    def _failed(self, error: Exception) -> GraphUnavailable:
        if is_timeout(error):
            return GraphTimeout(f"nothing of a medium within {self._idle_seconds:g} s")
        return GraphUnavailable(f"a medium broke off: {describe_error(error)}")
