"""Serves the built inbox page, with headers that stop foreign content from running.

The files are read once at startup and served from memory: the path of a request never reaches the disk.
"""

import gzip
import mimetypes
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from shared.clock import utc_now
from shared.errors import StartupRefused
from shared.settings import ENV_PREFIX
from switchboard.security_txt import security_txt

EMBEDDING_ORIGINS = f"{ENV_PREFIX}EMBEDDING_ORIGINS"
MEDIA_HOSTS = f"{ENV_PREFIX}INBOX_MEDIA_HOSTS"
PLATFORM_MEDIA_HOSTS = ("fbcdn.net", "cdninstagram.com", "fbsbx.com")
"""From where Messenger and Instagram serve pictures and videos, each with its subdomains."""
USER_CLAIM = f"{ENV_PREFIX}JWT_USER_ID_CLAIM"
FOLDER = f"{ENV_PREFIX}INBOX_DIR"
_SOURCES = Path(__file__).parents[3] / "frontend"
_AUTHORITY = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_HOST = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")
_COMPRESSED = frozenset({"text/html", "text/javascript", "text/css", "application/json", "image/svg+xml"})
_PAGE_HEADERS = {
    "Referrer-Policy": "no-referrer",
    # A page of another origin that opened this one loses its handle, so it can neither close nor navigate it.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Switchboard</title>
<h1>The inbox has not been built yet</h1>
<p>Run <code>make inbox</code> (or <code>switchboard build-inbox</code>) in the source folder, then start Switchboard
again. Everything else works: <a href="/api/openapi.json">the REST API</a>, the webhooks and the WebSocket.</p>
</html>
"""


def built_inbox(environment: Mapping[str, str]) -> Path:
    """Return the folder of the built page; it may not exist."""
    return Path(environment.get(FOLDER) or _SOURCES / "dist")


def embedding_origins(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the origins whose pages may embed the inbox and sign it in.

    Raises:
        StartupRefused: an entry of the comma-separated variable is not an origin.
    """
    given = tuple(word.strip() for word in environment.get(EMBEDDING_ORIGINS, "").split(",") if word.strip())
    for origin in given:
        parts = urlsplit(origin)
        is_origin = parts.scheme in ("http", "https") and _AUTHORITY.fullmatch(parts.netloc)
        if not is_origin or origin != f"{parts.scheme}://{parts.netloc}":
            raise StartupRefused(
                f"{EMBEDDING_ORIGINS} contains {origin!r}, which is not an origin like https://example.com."
            )
    return given


def media_hosts(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the hosts from which the page loads pictures and videos without a click.

    Raises:
        StartupRefused: an entry of the comma-separated variable is not the name of a host.
    """
    given = environment.get(MEDIA_HOSTS)
    if not given:
        return PLATFORM_MEDIA_HOSTS
    hosts = tuple(word.strip() for word in given.split(",") if word.strip())
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise StartupRefused(f"{MEDIA_HOSTS} contains {host!r}, which is not a host name like media.example.com.")
    return hosts


def content_security_policy(authority: str, origins: Sequence[str], hosts: Sequence[str]) -> str:
    """Return the policy of a page on `authority` (host, optional port): no inline code, nothing from other origins.

    Exceptions are pictures and media from `hosts` and their subdomains. Any other host would learn when a conversation
    is read, and from where. Media that need the user's token are fetched by the page and shown from memory (`blob:`).
    The simulator's come from the page's own origin.
    """
    media = " ".join(f"https://{host} https://*.{host}" for host in hosts)
    sockets = f"ws://{authority} wss://{authority}" if _AUTHORITY.fullmatch(authority) else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' data: blob: {media}",
            f"media-src 'self' blob: {media}",
            f"connect-src 'self' {sockets}".rstrip(),
            "frame-ancestors " + (" ".join(origins) or "'none'"),
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


@dataclass(frozen=True)
class _File:
    content: bytes
    compressed: bytes | None
    media_type: str
    is_immutable: bool
    """Its name changes with its content."""


def inbox_app(
    folder: Path,
    *,
    origins: Sequence[str],
    hosts: Sequence[str],
    user_claim: str,
    security_contact: str | None = None,
    now: Callable[[], datetime] = utc_now,
) -> Starlette:
    """Return the application that serves the built page, or a page that says how to build it.

    Args:
        folder: the result of `make inbox`.
        origins: the origins whose pages may embed it; none if empty.
        hosts: from which it loads pictures and videos without a click.
        user_claim: the claim of a token that names its user, as in the services' settings.
        security_contact: whom to tell of a vulnerability; None serves no security.txt.
        now: returns the time in UTC.
    """
    files = {path.relative_to(folder).as_posix(): _read(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    index = files.pop("index.html", _File(_NOT_BUILT.encode(), None, "text/html", is_immutable=False))

    async def page(request: Request) -> Response:
        policy = content_security_policy(request.headers.get("host", ""), origins, hosts)
        return _response(request, index, {"Content-Security-Policy": policy, **_PAGE_HEADERS})

    async def config(_: Request) -> Response:
        content = {"embedding_origins": list(origins), "media_hosts": list(hosts), "user_claim": user_claim}
        return JSONResponse(content, headers={"Cache-Control": "no-cache"})

    async def security(_: Request) -> Response:
        if security_contact is None:
            return Response("not found\n", 404)
        return PlainTextResponse(security_txt(security_contact, now=now()), headers={"Cache-Control": "no-cache"})

    async def file(request: Request) -> Response:
        found = files.get(request.path_params["path"])
        return Response("not found\n", 404) if found is None else _response(request, found, {})

    return Starlette(
        routes=[
            Route("/", page),
            Route("/config.json", config),
            Route("/.well-known/security.txt", security),
            Route("/{path:path}", file),
        ]
    )


def _read(path: Path) -> _File:
    content = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    compressed = gzip.compress(content, mtime=0) if media_type in _COMPRESSED else None
    return _File(content, compressed, media_type, is_immutable=path.parent.name == "assets")


def _response(request: Request, file: _File, more: Mapping[str, str]) -> Response:
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if file.is_immutable else "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Encoding",
        **more,
    }
    content = file.content
    if file.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        content = file.compressed
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=file.media_type, headers=headers)
