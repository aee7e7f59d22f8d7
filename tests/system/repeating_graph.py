"""A Graph API that repeats access tokens in its responses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.http.server import serving


@dataclass
class Graph:
    """Fails in every possible way, and repeats the token of each request in the response."""

    seen: set[str] = field(default_factory=set)
    medium: str = ""
    """The path of media below /files."""

    async def response(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.seen.add(token)
        message = f"Error validating access token {token} of {request.url}"
        match request.path_params["person"].rpartition("-")[2]:
            case "0":
                return JSONResponse({"error": {"message": message, "code": 2}}, 500)
            case "1":
                return Response(f'{{"name": "{token}', 200, media_type="application/json")
            case "2":
                return JSONResponse({"error": {"message": message, "code": 100, "type": "OAuthException"}}, 400)
            case "3":
                return JSONResponse([token], 200)
            case "medium":
                return JSONResponse({"url": f"{request.base_url}files{self.medium}", "mime_type": "image/png"})
            case _:
                return JSONResponse({"error": {"message": message, "code": 190, "type": "OAuthException"}}, 401)

    async def file(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.seen.add(token)
        headers = {"X-Token": token, "Location": str(request.url), "WWW-Authenticate": f"Bearer {token}"}
        return Response(b"a photo", request.path_params["status"], headers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        file = Route("/files/{status:int}", self.file)
        app = Starlette(routes=[file, Route("/{version}/{person}", self.response)])
        async with serving(app, host="127.0.0.1", port=0, grace_seconds=1) as port:
            yield f"http://127.0.0.1:{port}"
