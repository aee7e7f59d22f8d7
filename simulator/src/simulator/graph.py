"""A Graph API for made-up customers: profile look-ups, pictures and WhatsApp's media, with faults. An ASGI application.

GET /{version}/{id}?fields=…    the profile
GET /{version}/{media-id}       where WhatsApp hands out a medium
GET /whatsapp_business/attachments/?mid={media-id}    the medium, with the token
GET /avatars/{id}.svg           the picture that the profile names
GET /media/{name}.svg           pictures that customers send
GET|POST /_faults               what is wrong with it now; a POST replaces everything, so `{}` heals it
GET|DELETE /_calls              how often it was called; a DELETE counts anew
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
from simulator.profiles import Answer
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
    """Who may look up profiles; the defaults let everybody.

    `tokens` are the access tokens that are taken; `app_secret` makes a right `appsecret_proof` necessary.
    """

    tokens: frozenset[str] | None = None
    app_secret: SecretStr | None = None


@dataclass
class Calls:
    """How often profiles were looked up."""

    total: int = 0
    by_id: Counter[str] = field(default_factory=Counter)
    by_answer: Counter[str] = field(default_factory=Counter)
    """Keys: `ok`, the error's code as text, `not_json`, `silence`."""

    def count(self, looked_up: str, answer: str) -> None:
        """Enter one look-up; ids beyond the hundred thousandth share one entry."""
        self.total += 1
        self.by_id[looked_up if looked_up in self.by_id or len(self.by_id) < _IDS_COUNTED else "others"] += 1
        self.by_answer[answer] += 1


class _Graph:
    def __init__(self, customers: Mapping[str, Customer], faults: FaultSwitch, access: Access, rng: Random) -> None:
        self._customers = customers
        self._faults = faults
        self._access = access
        self._rng = rng
        self._calls = Calls()

    async def look_up(self, request: Request) -> Response:
        if not _VERSION.fullmatch(request.path_params["version"]):
            raise HTTPException(404)
        looked_up, faults = request.path_params["id"], self._faults.now
        customer = self._customers.get(looked_up)
        headers = profiles.usage_headers(faults, customer)
        befalls = faults.kind is not None and (faults.share == 1 or self._rng.random() < faults.share)
        if faults.delay_seconds:
            await asyncio.sleep(faults.delay_seconds)
        if befalls and faults.kind == "silence":
            self._calls.count(looked_up, "silence")
            await _hold(request, faults.silence_seconds)
            return Response(status_code=504)
        if befalls and faults.kind == "not_json":
            self._calls.count(looked_up, "not_json")
            return Response("<html><body>Sorry, something went wrong.</body></html>", 200, headers, "text/html")
        answer = self._answer(request, customer, faults if befalls else Faults())
        self._calls.count(looked_up, str(answer.body["error"]["code"]) if "error" in answer.body else "ok")
        return JSONResponse(answer.body, answer.status, {**headers, **answer.headers})

    def _answer(self, request: Request, customer: Customer | None, faults: Faults) -> Answer:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        wrong = profiles.fault(faults.kind) if faults.kind is not None else None
        if wrong is not None:
            return wrong
        if (kind := media.kind_of(request.path_params["id"])) is not None:
            return self._medium(request, kind)
        fields = [] if faults.kind == "id_only" else _words(request.query_params.get("fields", "name"))
        origin = request.app.state.public_url or str(request.base_url).rstrip("/")
        return profiles.profile(customer, fields, picture_url=f"{origin}/avatars/{request.path_params['id']}.svg")

    def _medium(self, request: Request, kind: MediaKind) -> Answer:
        if self._faults.now.media_gone:
            return profiles.NO_SUCH_OBJECT
        medium = request.path_params["id"]
        # Its own address, and not the public one: whoever has the token asks from behind the front door.
        url = f"{str(request.base_url).rstrip('/')}{_ATTACHMENTS}?mid={medium}&hash={derive_id('hash', medium)}"
        told = {"url": url, "mime_type": media.MIME_TYPES[kind], "file_size": len(media.content(medium, kind))}
        return Answer(200, {"messaging_product": "whatsapp", **told, "id": medium})

    async def attachment(self, request: Request) -> Response:
        token, medium = bearer_token(request.headers.get("authorization")), request.query_params.get("mid", "")
        if token is None or (self._access.tokens is not None and token not in self._access.tokens):
            return Response(status_code=401)
        kind = media.kind_of(medium)
        if kind is None or self._faults.now.media_expired:
            raise HTTPException(404)
        return Response(media.content(medium, kind), 200, media_type=media.MIME_TYPES[kind])

    def _refusal(self, request: Request) -> Answer | None:
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
        if self._faults.now.pictures_expired:
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
        return JSONResponse(msgspec.to_builtins(self._faults.now))

    async def calls(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._calls = Calls()
        return JSONResponse(
            {
                "total": self._calls.total,
                "by_id": dict(self._calls.by_id),
                "by_answer": dict(self._calls.by_answer),
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
    """Return the application; it answers for `customers`, as `faults` says at the moment of each call.

    Args:
        customers: whom it knows.
        faults: what is wrong with it.
        access: who may look up; everybody when it is left out.
        public_url: where a browser reaches the application, without a slash at the end; the address of the call when
            it is left out, which is enough on one origin. Can be set later: `app.state.public_url`.
        rng: chooses whom a fault with a share befalls.
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
            Route("/{version}/{id}", graph.look_up),
        ]
    )
    app.state.public_url = public_url
    return app


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


async def _hold(request: Request, seconds: float) -> None:
    """Return when the caller has hung up, or after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        pass
