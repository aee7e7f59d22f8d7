"""An ASGI application that simulates the Graph API: profiles, pictures and WhatsApp media, with faults.

GET /{version}/{id}?fields=…    a profile
GET /{version}/{media-id}       the URL of a WhatsApp media file
GET /whatsapp_business/attachments/?mid={media-id}    the media file; needs the token
GET /avatars/{id}.svg           the picture of a profile
GET /media/{name}.svg           pictures that customers send
GET|POST /_faults               the current faults; a POST replaces all of them, so `{}` ends them
GET|DELETE /_calls              call counts; a DELETE resets them
"""

import asyncio
import hmac
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random

import msgspec
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.contracts import derive_id
from shared.security.bearer import bearer_token
from simulator import media, pictures, profiles
from simulator.customers import Customer
from simulator.faults import Faults, FaultSwitch
from simulator.media import MediaKind
from simulator.profiles import GraphResponse
from simulator.signing import appsecret_proof

_VERSION = re.compile(r"v\d{1,2}\.\d")
_ATTACHMENTS = "/whatsapp_business/attachments/"
_IDS_COUNTED = 100_000
_PICTURE_HEADERS = {
    "Cache-Control": "public, max-age=86400",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Access:
    """Who may make calls; by default everybody.

    `tokens` are the accepted access tokens. If `app_secret` is set, calls need a valid `appsecret_proof`.
    """

    tokens: frozenset[str] | None = None
    app_secret: SecretStr | None = None


@dataclass
class Calls:
    """Number of lookups."""

    total: int = 0
    by_id: Counter[str] = field(default_factory=Counter)
    by_outcome: Counter[str] = field(default_factory=Counter)
    """Keys: `ok`, the error's code as text, `not_json`, `silence`."""

    def count(self, looked_up: str, outcome: str) -> None:
        """Count one lookup; IDs after the first 100,000 share one entry."""
        self.total += 1
        self.by_id[looked_up if looked_up in self.by_id or len(self.by_id) < _IDS_COUNTED else "others"] += 1
        self.by_outcome[outcome] += 1


class _Graph:
    def __init__(self, customers: Mapping[str, Customer], faults: FaultSwitch, access: Access, rng: Random) -> None:
        self._customers = customers
        self._faults = faults
        self._access = access
        self._rng = rng
        self._calls = Calls()

    async def lookup(self, request: Request) -> Response:
        if not _VERSION.fullmatch(request.path_params["version"]):
            raise HTTPException(404)
        looked_up, faults = request.path_params["id"], self._faults.current
        customer = self._customers.get(looked_up)
        headers = profiles.usage_headers(faults, customer)
        is_faulty = faults.kind is not None and (faults.share == 1 or self._rng.random() < faults.share)
        if faults.delay_seconds:
            await asyncio.sleep(faults.delay_seconds)
        if is_faulty and faults.kind == "silence":
            self._calls.count(looked_up, "silence")
            await _hold(request, faults.silence_seconds)
            return Response(status_code=504)
        if is_faulty and faults.kind == "not_json":
            self._calls.count(looked_up, "not_json")
            return Response("<html><body>Sorry, something went wrong.</body></html>", 200, headers, "text/html")
        response = self._respond(request, customer, faults if is_faulty else Faults())
        self._calls.count(looked_up, str(response.body["error"]["code"]) if "error" in response.body else "ok")
        return JSONResponse(response.body, response.status, {**headers, **response.headers})

    def _respond(self, request: Request, customer: Customer | None, faults: Faults) -> GraphResponse:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        fault = profiles.fault(faults.kind) if faults.kind is not None else None
        if fault is not None:
            return fault
        if (kind := media.kind_of(request.path_params["id"])) is not None:
            return self._media_url(request, kind)
        fields = [] if faults.kind == "id_only" else _split(request.query_params.get("fields", "name"))
        origin = request.app.state.public_url or str(request.base_url).rstrip("/")
        return profiles.profile(customer, fields, picture_url=f"{origin}/avatars/{request.path_params['id']}.svg")

    def _media_url(self, request: Request, kind: MediaKind) -> GraphResponse:
        if self._faults.current.media_gone:
            return profiles.NO_SUCH_OBJECT
        media_id = request.path_params["id"]
        # The internal URL, not the public one: the holder of the token calls from behind the proxy.
        url = f"{str(request.base_url).rstrip('/')}{_ATTACHMENTS}?mid={media_id}&hash={derive_id('hash', media_id)}"
        file = {"url": url, "mime_type": media.MIME_TYPES[kind], "file_size": len(media.content(media_id, kind))}
        return GraphResponse(200, {"messaging_product": "whatsapp", **file, "id": media_id})

    async def attachment(self, request: Request) -> Response:
        token, media_id = bearer_token(request.headers.get("authorization")), request.query_params.get("mid", "")
        if token is None or (self._access.tokens is not None and token not in self._access.tokens):
            return Response(status_code=401)
        kind = media.kind_of(media_id)
        if kind is None or self._faults.current.media_expired:
            raise HTTPException(404)
        return Response(media.content(media_id, kind), 200, media_type=media.MIME_TYPES[kind])

    def _refusal(self, request: Request) -> GraphResponse | None:
        token = bearer_token(request.headers.get("authorization")) or request.query_params.get("access_token")
        if self._access.tokens is not None:
            if token is None:
                return profiles.NO_TOKEN
            if token not in self._access.tokens:
                return profiles.BAD_TOKEN
        if self._access.app_secret is not None:
            proof = appsecret_proof(token or "", self._access.app_secret).encode()
            if not hmac.compare_digest(proof, request.query_params.get("appsecret_proof", "").encode()):
                return profiles.BAD_PROOF
        return None

    async def avatar(self, request: Request) -> Response:
        if self._faults.current.pictures_expired:
            return Response("URL signature expired", 403)
        customer = self._customers.get(request.path_params["id"])
        if customer is None:
            raise HTTPException(404)
        return Response(pictures.avatar(customer.name), 200, _PICTURE_HEADERS, pictures.MEDIA_TYPE)

    async def media(self, request: Request) -> Response:
        return Response(pictures.pattern(request.path_params["name"]), 200, _PICTURE_HEADERS, pictures.MEDIA_TYPE)

    async def faults(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                self._faults.set(msgspec.json.decode(await request.body(), type=Faults))
            except msgspec.MsgspecError as problem:
                return JSONResponse({"error": str(problem)}, 400)
        return JSONResponse(msgspec.to_builtins(self._faults.current))

    async def calls(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._calls = Calls()
        return JSONResponse(
            {
                "total": self._calls.total,
                "by_id": dict(self._calls.by_id),
                "by_answer": dict(self._calls.by_outcome),
            }
        )


def graph_app(
    customers: Iterable[Customer],
    faults: FaultSwitch,
    *,
    access: Access | None = None,
    public_url: str | None = None,
    rng: Random | None = None,
) -> Starlette:
    """Return the application.

    Args:
        customers: the people that it knows.
        faults: read at every call.
        access: who may make calls; default: everybody.
        public_url: the application's URL for browsers, without a trailing slash; default: the URL of the call, which
            is enough on one origin. Can be set later as `app.state.public_url`.
        rng: chooses the calls that a fault with a share affects.
    """
    known = {customer.customer_id: customer for customer in customers}
    graph = _Graph(known, faults, access or Access(), rng or Random(1))
    app = Starlette(
        routes=[
            Route("/_faults", graph.faults, methods=["GET", "POST"]),
            Route("/_calls", graph.calls, methods=["GET", "DELETE"]),
            Route("/avatars/{id}.svg", graph.avatar),
            Route("/media/{name}.svg", graph.media),
            Route(_ATTACHMENTS, graph.attachment),
            Route("/{version}/{id}", graph.lookup),
        ]
    )
    app.state.public_url = public_url
    return app


def _split(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


async def _hold(request: Request, seconds: float) -> None:
    """Return once the caller disconnects, or after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        pass
