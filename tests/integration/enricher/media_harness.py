"""A platform that serves media as a test says, and a browser that fetches them through the enricher."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import HttpUrl, SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from shared.contracts.inbox import Attachment
from shared.contracts.internal import Media
from shared.contracts.platform import Platform
from shared.http.server import serving
from shared.security.user_tokens import mint
from tests.integration.enricher.harness import JWT_SECRET, EnricherHarness, running_enricher

NUMBER = "1041"
CONVERSATION = "2f1c7d0a9b3e4f55"
PHOTO = b"\x89PNG" + bytes(range(256)) * 1000
EXPIRED = (400, {"error": {"code": 190, "error_subcode": 463, "message": "Session has expired"}})
GONE = (400, {"error": {"code": 100, "error_subcode": 33, "message": "Object does not exist"}})


@dataclass
class MediaPlatform:
    """The Graph API's media lookups and, at `/files/…`, the files."""

    url: str = ""
    """The file's URL in the lookup's response. Defaults to `/files/photo`."""
    mime_type: str = "image/jpeg"
    error: tuple[int, Any] | None = None
    content: bytes = PHOTO
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cookie: str = ""
    """The cookie that every response sets."""
    silent: str = ""
    """What never responds: `address` or `file`."""
    breaks_after: int | None = None
    """The file's connection is lost after so many bytes."""
    lookups: list[httpx.URL] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    cookies: list[str | None] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/files/{name}", self._file), Route("/{version}/{id}", self._address)])

    async def _address(self, request: Request) -> Response:
        self.lookups.append(httpx.URL(str(request.url)))
        self.tokens.append(request.headers.get("authorization"))
        self.cookies.append(request.headers.get("cookie"))
        if self.silent == "address":
            await self.release.wait()
        if self.error is not None:
            return JSONResponse(self.error[1], self.error[0])
        url = self.url or f"{request.base_url}files/photo?hash=secret"
        response = {"url": url, "mime_type": self.mime_type, "file_size": len(self.content), "id": "7001"}
        return JSONResponse(response, headers=self._set_cookie)

    async def _file(self, request: Request) -> Response:
        self.tokens.append(request.headers.get("authorization"))
        self.cookies.append(request.headers.get("cookie"))
        if self.silent == "file":
            await self.release.wait()
        if request.path_params["name"] == "moved":
            return RedirectResponse("/files/photo")
        if self.breaks_after is not None:
            response = {"Content-Length": str(len(self.content))}
            return StreamingResponse(self._broken(self.breaks_after), headers=response)
        return StreamingResponse(self._chunks(), self.status, self.headers | self._set_cookie)

    @property
    def _set_cookie(self) -> dict[str, str]:
        return {"Set-Cookie": self.cookie} if self.cookie else {}

    async def _broken(self, after: int) -> AsyncIterator[bytes]:
        yield self.content[:after]
        raise ConnectionResetError

    async def _chunks(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.content), 65536):
            yield self.content[start : start + 65536]


@dataclass
class MediaHarness:
    enricher: EnricherHarness
    platform: MediaPlatform
    browser: httpx.AsyncClient

    def attach(
        self, *, user: str = "user-1", platform: Platform = "whatsapp", page_id: str = NUMBER, **values: Any
    ) -> None:
        """Store an attachment as the first one of message 1."""
        owners = self.enricher.store.owners.get(page_id, [])
        attachment = Attachment(**{"type": "image", "media_id": "7001", "mime_type": "image/jpeg", **values})
        self.enricher.store.media[user, CONVERSATION, 1, 0] = Media(
            platform=platform,
            page_id=page_id,
            attachment=attachment,
            version=self.enricher.store.versions.get(page_id, 0),
            owner=owners[0] if owners else None,
        )

    def url(self, path: str = f"{CONVERSATION}/1/0") -> str:
        return self.url_of(f"/api/media/{path}")

    def url_of(self, path: str) -> str:
        return f"http://127.0.0.1:{self.enricher.port}{path}"

    async def get(self, path: str = f"{CONVERSATION}/1/0", *, user: str = "user-1", **headers: str) -> httpx.Response:
        return await self.browser.get(self.url(path), headers=as_user(user) | headers)

    @property
    def sent_bytes(self) -> float:
        return self.enricher.registry.get_sample_value("switchboard_enricher_media_bytes_total") or 0

    def count(self, outcome: str) -> float:
        name = "switchboard_enricher_media_total"
        return self.enricher.registry.get_sample_value(name, {"outcome": outcome}) or 0


def as_user(user: str) -> dict[str, str]:
    token, _ = mint(SecretStr(JWT_SECRET), user, now=datetime.now(UTC), ttl=timedelta(minutes=5))
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def running_media(**settings: Any) -> AsyncIterator[MediaHarness]:
    """Start everything. Message 1 of user-1 has one attachment, a photo."""
    platform = MediaPlatform()
    async with (
        serving(platform.app(), host="127.0.0.1", port=0, grace_seconds=1) as port,
        running_enricher(
            graph_url=HttpUrl(f"http://127.0.0.1:{port}"), graph_timeout_seconds=1, **settings
        ) as enricher,
        httpx.AsyncClient(timeout=20) as browser,
    ):
        media = MediaHarness(enricher, platform, browser)
        media.attach()
        yield media
        platform.release.set()


def problem_type(response: httpx.Response) -> str:
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem = response.json()
    assert problem["status"] == response.status_code
    return str(problem["type"].removeprefix("urn:switchboard:problem:"))
