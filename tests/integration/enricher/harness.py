"""The enricher over real HTTP, between a store and a Graph API that a test controls. The broker is in-process."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import HttpUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from enricher.app import lifespan
from enricher.settings import Settings
from shared.contracts import (
    AnyEvent,
    InboxEnrichedV1,
    ItemParkedV1,
    MessageItem,
    Profile,
    ProfileRequestedV1,
    ProfileResolvedV1,
    TokenRefusedV1,
    WebhookReceivedV1,
    WebhookSplitV1,
    WebhookUnclaimedV1,
    derive_id,
)
from shared.contracts.internal import (
    KnownParticipant,
    Lookup,
)
from shared.http.server import serving
from shared.messaging.local import LocalBroker
from shared.messaging.outcomes import DONE, Outcome
from shared.messaging.topology import STORE_INBOX, STORE_RECORDS
from tests.fakes.store import ENCRYPTION_KEY, PAGE_TOKEN, SERVICE_TOKEN, FakeStore, fake_store
from tests.recorder import eventually

APP_SECRET = "app-secret-of-the-tests"
JWT_SECRET = "0123456789abcdef0123456789abcdef"


@dataclass
class FakeGraph:
    """A Graph API that knows some people, and can be slow or broken."""

    people: dict[str, Any] = field(default_factory=dict)
    delays_seconds: dict[str, float] = field(default_factory=dict)
    error: tuple[int, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    token: str = PAGE_TOKEN
    calls: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{version}/{person}", self._profile)])

    async def _profile(self, request: Request) -> Response:
        person = request.path_params["person"]
        self.calls.append(person)
        proof = hmac.new(APP_SECRET.encode(), self.token.encode(), sha256).hexdigest()
        expected = {
            "authorization": request.headers.get("authorization") == f"Bearer {self.token}",
            "appsecret_proof": request.query_params.get("appsecret_proof") == proof,
            "fields": "name" in request.query_params.get("fields", ""),
            "version": request.path_params["version"] == "v25.0",
            "no token in the URL": self.token not in str(request.url),
        }
        self.problems += [name for name, is_right in expected.items() if not is_right]
        await asyncio.sleep(self.delays_seconds.get(person, 0.0))
        if self.error is not None:
            return JSONResponse(self.error[1], status_code=self.error[0], headers=self.headers)
        return JSONResponse(self.people.get(person, {"id": person}), headers=self.headers)


@dataclass
class EnricherHarness:
    """A running enricher and everything that it has published."""

    broker: LocalBroker
    store: FakeStore
    graph: FakeGraph
    registry: CollectorRegistry
    port: int
    store_seconds: float = 0.0
    published: list[tuple[float, AnyEvent]] = field(default_factory=list)

    async def record(self, events: Sequence[AnyEvent]) -> Sequence[Outcome]:
        await asyncio.sleep(self.store_seconds)
        at = asyncio.get_running_loop().time()
        self.published += [(at, event) for event in events]
        return [DONE] * len(events)

    def calls_with_outcome(self, outcome: str) -> float:
        """Return how many calls to the Graph API had this outcome, according to the metric."""
        return self.registry.get_sample_value("switchboard_enricher_graph_calls_total", {"outcome": outcome}) or 0

    @property
    def inbox(self) -> list[InboxEnrichedV1]:
        return [event for _, event in self.published if isinstance(event, InboxEnrichedV1)]

    @property
    def unclaimed(self) -> list[WebhookUnclaimedV1]:
        return [event for _, event in self.published if isinstance(event, WebhookUnclaimedV1)]

    @property
    def requested(self) -> list[ProfileRequestedV1]:
        return [event for _, event in self.published if isinstance(event, ProfileRequestedV1)]

    @property
    def resolved(self) -> list[ProfileResolvedV1]:
        return [event for _, event in self.published if isinstance(event, ProfileResolvedV1)]

    @property
    def refused(self) -> list[TokenRefusedV1]:
        return [event for _, event in self.published if isinstance(event, TokenRefusedV1)]

    @property
    def parked(self) -> list[ItemParkedV1]:
        return [event for _, event in self.published if isinstance(event, ItemParkedV1)]

    @property
    def manifests(self) -> list[WebhookSplitV1]:
        return [event for _, event in self.published if isinstance(event, WebhookSplitV1)]

    def at(self, text: str) -> float:
        """Return when the message with this text was published."""
        [at] = [
            at
            for at, event in self.published
            if isinstance(event, InboxEnrichedV1) and isinstance(event.item, MessageItem) and event.item.content == text
        ]
        return at

    async def make_lookups_due(self) -> None:
        """Make the requested lookups due, and wait until they have ended."""
        number = len(self.resolved) + len(self.requested)
        self.store.due += [
            Lookup(
                user_id=one.user_id,
                platform=one.platform,
                page_id=one.page_id,
                participant_id=one.participant_id,
                attempts=0,
            )
            for one in self.requested
        ]
        await eventually(lambda: len(self.resolved) == number)


def received(body: Any, **changes: Any) -> WebhookReceivedV1:
    """Return a webhook as ingest publishes it."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    now = datetime.now(UTC)
    default: dict[str, Any] = {
        "id": derive_id("webhook", "facebook", content),
        "occurred_at": now,
        "received_at": now,
        "platform": "facebook",
        "body": content,
    }
    return WebhookReceivedV1(**{**default, **changes})


def known(participant_id: str, name: str, *, hours_ago: float = 1.0) -> KnownParticipant:
    profile = Profile(name=name, fetched_at=datetime.now(UTC) - timedelta(hours=hours_ago))
    return KnownParticipant(user_id="user-1", platform="facebook", participant_id=participant_id, profile=profile)


@asynccontextmanager
async def running_enricher(
    *, broker: LocalBroker | None = None, store_seconds: float = 0.0, **settings: Any
) -> AsyncIterator[EnricherHarness]:
    """Start everything. The page "1041" is connected; the store needs `store_seconds` for each batch of events."""
    graph, registry = FakeGraph(), CollectorRegistry()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(fake_store())
        store.connect("1041")
        graph_port = await stack.enter_async_context(serving(graph.app(), host="127.0.0.1", port=0, grace_seconds=1))
        values: dict[str, Any] = {
            "store_internal_url": HttpUrl(store.url),
            "graph_url": HttpUrl(f"http://127.0.0.1:{graph_port}"),
            "service_tokens": f"{SERVICE_TOKEN},older-service-token",
            "encryption_keys": ENCRYPTION_KEY,
            "app_secrets": f"{APP_SECRET},another-app-secret",
            "app_ids": "42, 7",
            "jwt_secret": JWT_SECRET,
            **settings,
        }
        broker = await stack.enter_async_context(broker or LocalBroker())
        enricher = EnricherHarness(broker, store, graph, registry, port=0, store_seconds=store_seconds)
        await stack.enter_async_context(broker.consume(STORE_INBOX, enricher.record))
        await stack.enter_async_context(broker.consume(STORE_RECORDS, enricher.record))
        ports = await stack.enter_async_context(
            lifespan(Settings(enricher_port=0, **values), broker, registry=registry)
        )
        enricher.port = ports["enricher"]
        yield enricher
    assert graph.problems == []


def names(enricher: EnricherHarness) -> dict[str, str | None]:
    """Return each message's author by the message's text."""
    return {
        found.item.content or "": found.participant.name if found.participant else None
        for found in enricher.inbox
        if isinstance(found.item, MessageItem)
    }
