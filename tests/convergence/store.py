"""A real store on a real Postgres: several workers process a history, and every view of it can be read."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import msgspec
from fastapi import FastAPI
from pydantic import SecretStr

from shared.contracts import AnyEvent, Event, InboxEnrichedV1, InboxPersistedV1, ProfileResolvedV1, WebhookSplitV1
from shared.errors import DependencyUnavailable
from shared.messaging.outcomes import DONE
from shared.security.user_tokens import mint, verifier
from shared.settings import load
from store.core.cursors import CursorSigner
from store.core.publish_watermarks import SeqRange
from store.handlers import InboxHandler
from store.repository.postgres.database import Database
from store.routes import problems
from store.routes.access import Access
from store.routes.events import events_router
from store.routes.inbox import inbox_router
from store.settings import Settings
from tests.convergence.arrangements import MAX_WORKERS, split_by_sizes
from tests.convergence.reducer import Json, Screen, time_of
from tests.integration.store.parts import JWT_SECRET, SECRETS, Parts, now, without_waiting

PER_PAGE = 7
"""Small, so that lists have several pages."""
Frames = dict[int, Json]
"""The frames of one user, by `seq`."""


class _CrashingPublisher:
    """Publishes, or fails between commit and publish at the calls in `crashes`."""

    def __init__(self, parts: Parts, crashes: set[int], calls: "_Calls") -> None:
        self._parts = parts
        self._crashes = crashes
        self._calls = calls

    async def __call__(self, ranges: Sequence[SeqRange], causes: Mapping[str, Event]) -> None:
        self._calls.number += 1
        if self._calls.number - 1 in self._crashes:
            raise DependencyUnavailable("the broker became unavailable between the commit and the publish")
        await self._parts.outbox.publish(ranges, causes)


@dataclass
class _Calls:
    number: int = 0


@dataclass
class Store:
    """Workers with their own connections, and the REST API."""

    workers: list[Parts]
    rest: httpx.AsyncClient

    async def deliver(
        self, events: Sequence[Event], *, batch_sizes: Sequence[int], workers: int, crashes: frozenset[int]
    ) -> None:
        """Deliver `events` to the handlers in batches; redeliver a failed batch one by one."""
        inbox = [event for event in events if isinstance(event, InboxEnrichedV1 | ProfileResolvedV1)]
        waiting: deque[list[AnyEvent]] = deque(split_by_sizes(inbox, batch_sizes))
        calls, left = _Calls(), set(crashes)

        async def work(parts: Parts) -> None:
            handler: InboxHandler = replace(parts.inbox, publish_changes=_CrashingPublisher(parts, left, calls))
            while waiting:
                batch = waiting.popleft()
                try:
                    outcomes = await handler(batch)
                except DependencyUnavailable:
                    waiting.extend([event] for event in reversed(batch))
                else:
                    assert outcomes == [DONE] * len(batch), outcomes

        manifests: list[AnyEvent] = [event for event in events if isinstance(event, WebhookSplitV1)]
        last = self.workers[workers - 1]
        keeping = [last.records(manifests)] if manifests else []
        await asyncio.gather(*(work(parts) for parts in self.workers[:workers]), *keeping)

    def published(self, user_id: str) -> Frames:
        """Return the user's frames as first published."""
        found: Frames = {}
        for worker in self.workers:
            for event in worker.publisher.events:
                if isinstance(event, InboxPersistedV1) and event.user_id == user_id:
                    frame = {"type": event.kind, "seq": event.seq, "data": msgspec.json.decode(event.data)}
                    found.setdefault(event.seq, frame)
        return found

    def forget_published(self) -> None:
        for worker in self.workers:
            worker.publisher.events.clear()

    async def log(self, user_id: str) -> list[Json]:
        """Return the user's event log as `GET /api/events` renders it now."""
        return await self._list("/api/events", user_id)

    async def screen(self, user_id: str) -> Screen:
        """Return what a new client loads: all conversations and messages."""
        conversations = await self._list("/api/conversations", user_id)
        messages: list[Json] = []
        for conversation in conversations:
            path = f"/api/conversations/{conversation['conversation_id']}/messages"
            found = await self._list(path, user_id)
            keys = [(time_of(message), message["message_id"], message["id"]) for message in found]
            assert keys == sorted(keys, reverse=True), "messages are newest first"
            messages += found
        return Screen(
            {conversation["conversation_id"]: conversation for conversation in conversations},
            {message["id"]: message for message in messages},
        )

    async def _list(self, path: str, user_id: str) -> list[Json]:
        token, _ = mint(SecretStr(JWT_SECRET), user_id, now=now(), ttl=timedelta(minutes=5))
        found: list[Json] = []
        following: str | None = f"{path}?limit={PER_PAGE}"
        while following is not None:
            answer = await self.rest.get(following, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200, answer.text
            found += answer.json()
            following = answer.links.get("next", {}).get("url")
        return found

    @property
    def database(self) -> Database:
        return self.workers[0].database

    async def rows(self, query: str, **arguments: Any) -> list[tuple[Any, ...]]:
        return await self.workers[0].rows(query, **arguments)


@asynccontextmanager
async def open_store(database_url: str) -> AsyncIterator[Store]:
    """Yield a store on `database_url`, without background tasks."""
    async with AsyncExitStack() as stack:
        databases = []
        for _ in range(MAX_WORKERS):
            databases.append(Database(database_url, pool_size=2, command_timeout_seconds=20))
            stack.push_async_callback(databases[-1].close)
        workers = [Parts(database) for database in databases]
        settings = load(Settings, database_url=database_url, **SECRETS)
        app = FastAPI()
        access = Access(verifier(settings), settings.admin_tokens)
        signer = CursorSigner([key.get_secret_value().encode() for key in settings.encryption_keys])
        users_database = without_waiting(databases[0])
        app.include_router(inbox_router(users_database, access, signer, rendering=""))
        app.include_router(events_router(users_database, access))
        problems.install(app)
        transport = httpx.ASGITransport(app=app)
        rest = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://store"))
        yield Store(workers, rest)
