"""Limits the size of request bodies, before they are read and before the request is authenticated."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from store.routes.problems import PROBLEMS

MAX_API_BODY_BYTES = 64 * 1024


class BodyLimit:
    """ASGI middleware: responds 413 to bodies that are longer than `max_bytes`, by their header or in fact.

    Args:
        app: what comes after it; must answer a Starlette `HTTPException` that is raised while it reads the body.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        detail = f"The limit is {self._max_bytes} bytes."
        declared = Request(scope).headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._max_bytes:
            await PROBLEMS.response("too-large", detail, headers={"Connection": "close"})(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise HTTPException(413, detail, headers={"Connection": "close"})
            return message

        await self._app(scope, counted, send)
