"""Sends clients' read marks to the store: collected per conversation, and retried until the store answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import structlog

from push_gateway.delivery.store_retry import StoreRetry
from push_gateway.metrics import Metrics
from shared.aio.background import BackgroundTasks, bugs_caught
from shared.contracts.internal import ReadRequest, ReadResponse
from shared.errors import DependencyUnavailable
from shared.store_client.errors import NoSuchConversation

log = structlog.get_logger(__name__)

_MAX_CONVERSATIONS_PER_USER = 50
_MAX_USERS = 5_000
_WORKERS = 4


class ReadMarkStore(Protocol):
    """Stores read marks. Every call ends within a bounded time."""

    async def mark_read(self, request: ReadRequest) -> ReadResponse:
        """Mark a conversation as read; never moves a mark back.

        Raises:
            NoSuchConversation: There is nothing to mark.
            DependencyUnavailable: The store did not answer. `StoreRefused`: it will not until an operator acts.
        """


class ReadMarks:
    """Pending read marks, limited per user and in total. The highest `seq` of a conversation covers all before it.

    While the store is unavailable or refuses us, no worker calls it before the delay is over or another call succeeds.

    Args:
        store: Where marks are sent.
        metrics: Counts marks stored, refused and dropped.
        retry: How long to wait after a failure.
    """

    def __init__(self, store: ReadMarkStore, metrics: Metrics, retry: StoreRetry) -> None:
        self._store = store
        self._metrics = metrics
        self._retry = retry
        self._pending: dict[str, dict[str, int]] = {}
        self._has_pending = asyncio.Event()
        self._failures = 0
        self._backoff_ends_at = 0.0

    def mark(self, user_id: str, conversation_id: str, up_to_seq: int) -> None:
        """Send a mark to the store soon. Beyond the limits it is dropped: the client repeats it when it reconnects."""
        conversations = self._pending.get(user_id)
        if conversations is None:
            if len(self._pending) >= _MAX_USERS:
                self._metrics.read_marks.labels("dropped").inc()
                return
            conversations = self._pending[user_id] = {}
        if conversation_id not in conversations and len(conversations) >= _MAX_CONVERSATIONS_PER_USER:
            self._metrics.read_marks.labels("dropped").inc()
            return
        conversations[conversation_id] = max(up_to_seq, conversations.get(conversation_id, 0))
        self._has_pending.set()

    @asynccontextmanager
    async def running(self, background: BackgroundTasks) -> AsyncIterator[None]:
        """Send marks to the store while the context lasts."""
        async with background.run({f"read marks {number}": self._send for number in range(_WORKERS)}):
            yield

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if (wait_seconds := self._backoff_ends_at - loop.time()) > 0:
                await asyncio.sleep(wait_seconds)
                continue
            request = self._pop()
            if request is None:
                self._has_pending.clear()
                await self._has_pending.wait()
                continue
            try:
                with bugs_caught("read marks", user_id=request.user_id) as caught:
                    await self._store.mark_read(request)
            except NoSuchConversation as error:
                self._metrics.read_marks.labels("refused").inc()
                log.info("read mark refused", reason=str(error))
            except DependencyUnavailable as error:
                log.info("read mark deferred", reason=str(error))
                self._defer(request, error, loop.time())
            else:
                self._failures, self._backoff_ends_at = 0, 0.0
                self._metrics.read_marks.labels("stored" if caught.error is None else "dropped").inc()

    def _defer(self, request: ReadRequest, error: DependencyUnavailable, now: float) -> None:
        self.mark(request.user_id, request.conversation_id, request.up_to_seq)
        if self._backoff_ends_at <= now:  # otherwise another worker has just failed in the same outage
            self._failures += 1
            self._backoff_ends_at = now + self._retry.delay_seconds(error, self._failures)

    def _pop(self) -> ReadRequest | None:
        """Return one conversation of the user whose turn it is."""
        user_id = next(iter(self._pending), None)
        if user_id is None:
            return None
        conversations = self._pending.pop(user_id)
        conversation_id, up_to_seq = next(iter(conversations.items()))
        del conversations[conversation_id]
        if conversations:
            self._pending[user_id] = conversations
        return ReadRequest(user_id=user_id, conversation_id=conversation_id, up_to_seq=up_to_seq)
