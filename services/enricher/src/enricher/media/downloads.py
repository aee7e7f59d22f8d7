"""Downloads a media file from the platform, chunk by chunk."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from pydantic import SecretStr

from enricher.graph.errors import GraphCallRejected, GraphTimeout, GraphUnavailable, MediaGone
from enricher.media.addressing import AllowedHosts
from shared.errors import PermanentError
from shared.http.client import CALL_ERRORS, describe_error, is_timeout

_OK = 200
_GONE = (404, 410)
_TOO_MANY_REQUESTS = 429
_SERVER_ERRORS = 500


class MediaTooLarge(PermanentError):
    """The file is larger than the limit."""


@dataclass(frozen=True, slots=True)
class Download:
    """A download in progress."""

    size: int | None
    """Total bytes, if the platform says so."""
    chunks: AsyncIterator[bytes]
    """Can be read once. Raises `GraphTimeout`, `GraphUnavailable` or `MediaTooLarge` if the rest does not arrive."""


class Downloader:
    """Downloads files. Each download needs the memory of a few chunks.

    Args:
        http: closed by its owner. Must not follow redirects.
        hosts: that a token may be sent to.
        idle_seconds: how long the platform may send nothing.
        max_bytes: of one file.
    """

    def __init__(self, http: httpx.AsyncClient, *, hosts: AllowedHosts, idle_seconds: float, max_bytes: int) -> None:
        self._http = http
        self._hosts = hosts
        self._idle_seconds = idle_seconds
        self._max_bytes = max_bytes

    @asynccontextmanager
    async def open(self, url: str, token: SecretStr) -> AsyncIterator[Download]:
        """Download from `url` while the context lasts.

        Raises:
            GraphCallRejected: `url` is not on an allowed host, or the platform rejects the request.
            MediaGone: the platform no longer has the file.
            MediaTooLarge: the file is larger than `max_bytes`.
            GraphUnavailable, GraphTimeout: the platform does not deliver.
        """
        if not self._hosts.allow(url):
            raise GraphCallRejected("the media URL is not on an allowed host")
        # A small compressed response could become a large one here.
        headers = {"Authorization": f"Bearer {token.get_secret_value()}", "Accept-Encoding": "identity"}
        request = self._http.build_request("GET", url, headers=headers)
        try:
            async with asyncio.timeout(self._idle_seconds):
                response = await self._http.send(request, stream=True)
        except CALL_ERRORS as error:
            raise self._failure(error) from error
        try:
            yield Download(self._checked_size(response), self._chunks(response))
        finally:
            await response.aclose()

    def _checked_size(self, response: httpx.Response) -> int | None:
        """Return the size of the file; raise if the response is not the file."""
        status = response.status_code
        if status in _GONE:
            raise MediaGone(f"HTTP {status} instead of a file")
        if status == _TOO_MANY_REQUESTS or status >= _SERVER_ERRORS:
            raise GraphUnavailable(f"HTTP {status} instead of a file")
        if status != _OK or response.headers.get("Content-Encoding", "identity") != "identity":
            raise GraphCallRejected(f"HTTP {status} without an uncompressed file")
        stated = response.headers.get("Content-Length", "")
        size = int(stated) if stated.isascii() and stated.isdigit() else None
        if size is not None and size > self._max_bytes:
            raise MediaTooLarge(f"a file of {size} bytes")
        return size

    async def _chunks(self, response: httpx.Response) -> AsyncIterator[bytes]:
        received_bytes = 0
        chunks = response.aiter_raw()
        while True:
            try:
                async with asyncio.timeout(self._idle_seconds):
                    chunk = await anext(chunks, None)
            except CALL_ERRORS as error:
                raise self._failure(error) from error
            if chunk is None:
                return
            received_bytes += len(chunk)
            if received_bytes > self._max_bytes:
                raise MediaTooLarge(f"a file of more than {self._max_bytes} bytes")
            yield chunk

    def _failure(self, error: Exception) -> GraphUnavailable:
        if is_timeout(error):
            return GraphTimeout(f"nothing received within {self._idle_seconds:g} s")
        return GraphUnavailable(f"the download was interrupted: {describe_error(error)}")
