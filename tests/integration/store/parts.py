"""Builders and parts for the tests of the store."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Route

from shared.aio.turn_queue import TurnLimits
from shared.aio.turns import Turns
from shared.contracts import Event, InboxEnrichedV1, InboxPersistedV1, conversation_id, derive_id
from shared.contracts.platform import Platform
from shared.errors import DependencyUnavailable
from shared.http.operations import Readiness
from shared.messaging.local import LocalBroker
from shared.security.user_tokens import mint
from shared.settings import load
from store.app import build_services
from store.core.erased import IdentityDigests
from store.handlers import InboxHandler, RecordsHandler
from store.jobs.outbox import OutboxPublisher
from store.jobs.retention import RetentionJob, retention_rules
from store.jobs.unclaimed import UnclaimedReleaser
from store.metrics import Metrics
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Statement
from store.repository.postgres.user_database import UserDatabase
from store.routes.internal import internal_app
from store.routes.public import public_app
from store.settings import Settings
from store.workers import build_workers
from tests.builders import inbox_enriched, message_item
from tests.recorder import WAIT_SECONDS

ADMIN = "admin-token-of-the-tests"
SERVICE = "service-token-of-the-tests"
JWT_SECRET = "0123456789abcdef0123456789abcdef"
ENCRYPTION_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
SECRETS = {
    "admin_tokens": ADMIN,
    "service_tokens": SERVICE,
    "encryption_keys": ENCRYPTION_KEY,
    "jwt_secret": JWT_SECRET,
}


def now() -> datetime:
    return datetime.now(UTC)


def at(second: int) -> datetime:
    return datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC) + timedelta(seconds=second)


def message(
    mid: str = "m-1",
    *,
    user: str = "user-1",
    person: str = "person-1",
    platform: Platform = "facebook",
    page: str = "page-1",
    **changes: Any,
) -> InboxEnrichedV1:
    """Return an event with a message; its ID follows from its user, participant, page and message ID."""
    event: dict[str, Any] = {
        name: changes.pop(name) for name in ("participant", "id", "received_at", "item") if name in changes
    }
    item = {"message_id": mid, "sender_id": person, "content": f"text of {mid}", **changes}
    default: dict[str, Any] = {
        "id": derive_id("test", user, person, platform, page, mid),
        "user_id": user,
        "platform": platform,
        "page_id": page,
        "participant_id": person,
        "conversation_id": conversation_id(platform, user, person),
        "item": message_item(**item),
        "participant": None,
    }
    return inbox_enriched(**{**default, **event})


class RecordingPublisher:
    """Records every published event; refuses while `is_unavailable`."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.is_unavailable = False

    async def publish(self, events: Sequence[Event]) -> None:
        if self.is_unavailable:
            raise DependencyUnavailable("the broker is unavailable")
        self.events.extend(events)

    def persisted(self, user_id: str = "user-1") -> list[InboxPersistedV1]:
        return [e for e in self.events if isinstance(e, InboxPersistedV1) and e.user_id == user_id]

    def seqs(self, user_id: str = "user-1") -> list[int]:
        return [event.seq for event in self.persisted(user_id)]


class Parts:
    """The store's parts on one database, without ports or background tasks."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.publisher = RecordingPublisher()
        self.metrics = Metrics(CollectorRegistry())
        self.digests = IdentityDigests([SecretStr(ENCRYPTION_KEY)])
        self.outbox = OutboxPublisher(
            database,
            self.publisher,
            utc_now=now,
            metrics=self.metrics,
            scan_interval_seconds=0.05,
            mark_interval_seconds=0.05,
        )
        self.releaser = UnclaimedReleaser(database, self.publisher, utc_now=now, metrics=self.metrics)
        self.inbox = InboxHandler(
            database=database,
            publish_changes=self.outbox.publish,
            digests=self.digests,
            utc_now=now,
            metrics=self.metrics,
        )
        self.notified: list[str] = []
        self.records = RecordsHandler(
            database=database,
            wake_releaser=lambda: None,
            notify_changed=self.notified.extend,
            digests=self.digests,
            utc_now=now,
            metrics=self.metrics,
            waiting_per_page=3,
        )

    async def apply_retention(self, **days: float) -> None:
        """Run the retention job once, with these settings."""
        settings = load(Settings, database_url=_NOWHERE, **SECRETS, **days)
        await RetentionJob(self.database, retention_rules(settings, self.metrics), utc_now=now).run_once()

    async def rows(self, query: str, **arguments: Any) -> list[tuple[Any, ...]]:
        async with self.database.reading() as connection:
            return [tuple(row) for row in await connection.execute(Statement(query), arguments)]

    async def execute(self, statement: str, **arguments: Any) -> None:
        async with self.database.transaction() as transaction:
            await transaction.execute(Statement(statement), arguments)


def as_user(user_id: str) -> dict[str, str]:
    """Return headers with a token of the user."""
    token, _ = mint(SecretStr(JWT_SECRET), user_id, now=now(), ttl=timedelta(minutes=5))
    return {"Authorization": f"Bearer {token}"}


@dataclass
class Service:
    """The whole service with clients of its two ports."""

    broker: LocalBroker
    public: httpx.AsyncClient
    internal: httpx.AsyncClient
    admin: dict[str, str]

    def as_user(self, user_id: str = "user-1") -> dict[str, str]:
        return as_user(user_id)

    async def get(self, path: str, user_id: str = "user-1", /, **parameters: Any) -> httpx.Response:
        return await self.public.get(path, headers=self.as_user(user_id), params=parameters)

    async def ask(self, path: str, body: Any) -> Any:
        answer = await self.internal.post(path, content=msgspec.json.encode(body))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def connect(self, page: str = "page-1", user: str | int = "user-1", **body: Any) -> httpx.Response:
        return await self.public.put(
            f"/api/accounts/facebook/{page}", headers=self.admin, json={"user_id": user, **body}
        )


_NOWHERE = "postgresql://nobody@localhost/nothing"


def without_waiting(database: Database) -> UserDatabase:
    """Return `database` for users who hardly ever wait for each other."""
    limits = TurnLimits(slots=100, slots_per_user=100, waiting_per_user=0, waiting=0)
    return UserDatabase(database, Turns(limits, wait_seconds=WAIT_SECONDS))


def unconnected_apps() -> tuple[FastAPI, Starlette]:
    """Return the public and the internal app without connections, for their descriptions."""
    return apps_on(Database(_NOWHERE, pool_size=1, command_timeout_seconds=1))


def apps_on(database: Database) -> tuple[FastAPI, Starlette]:
    """Return the public and the internal app on `database`, without background tasks."""
    settings = load(Settings, database_url=_NOWHERE, **SECRETS)
    broker, registry = LocalBroker(), CollectorRegistry()
    workers = build_workers(settings, database, broker, Metrics(registry), indexing_database=database, utc_now=now)
    services = build_services(settings, database, broker, workers, lists=database)
    users_database = without_waiting(database)

    async def no_problems() -> list[str]:
        return []

    public = public_app(
        settings,
        lists=users_database,
        search=users_database,
        database=database,
        services=services,
        readiness=Readiness(no_problems),
        registry=registry,
        utc_now=now,
    )
    return public, internal_app(database, services.read_marks, service_tokens=settings.service_tokens, utc_now=now)


def routes_of(app: Starlette) -> set[tuple[str, str]]:
    """Return (method, path) of every route of an app."""
    found, left = set(), list(app.routes)
    while left:
        route = left.pop()
        if (included := getattr(route, "original_router", None)) is not None:
            left += included.routes
            continue
        assert isinstance(route, Route), f"{type(route)} may lead to routes that are not checked"
        found |= {(method, route.path) for method in route.methods or ()}
    return found


def data_of(event: InboxPersistedV1) -> Any:
    return json.loads(bytes(event.data))


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Return the status and the problem name of a response."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    return answer.status_code, body["type"].rsplit(":", 1)[1]
