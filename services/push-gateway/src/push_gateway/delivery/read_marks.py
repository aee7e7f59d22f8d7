"""What clients say they have read, on its way to the store: gathered per conversation, and kept until it answers."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import structlog

from push_gateway.metrics import Metrics
from shared.aio.background import BackgroundTasks
from shared.aio.backoff import Backoff
from shared.contracts.internal import ReadRequest, ReadResponse
from shared.errors import DependencyUnavailable
from shared.store_client.errors import REFUSED_RETRY_SECONDS, NoSuchConversation, StoreRefused

log = structlog.get_logger(__name__)

_CONVERSATIONS_PER_USER = 50
_USERS = 5_000
_WORKERS = 4
_BACKOFF = Backoff()


class ReadPositions(Protocol):
    """Where read positions are kept. Every call ends within a bounded time."""

    async def mark_read(self, request: ReadRequest) -> ReadResponse:
        """Mark as read; never moves a mark back.

        Raises:
            NoSuchConversation: there is nothing to mark.
            DependencyUnavailable: the store did not answer; as `StoreRefused`, it will not until an operator acts.
        """


class ReadMarks:
    """Bounded: a user's conversations, and users. The greatest `seq` of a conversation stands for all before it.

    Where the store is away, or refuses us, nobody asks before the pause is over or another call has been answered.
    """

    def __init__(
        self, positions: ReadPositions, metrics: Metrics, *, jitter: Callable[[], float] = random.random
    ) -> None:
        self._positions = positions
        self._metrics = metrics
        self._jitter = jitter
        self._waiting: dict[str, dict[str, int]] = {}
        self._something = asyncio.Event()
        self._failures = 0
        self._rests_until = 0.0

    def mark(self, user_id: str, conversation_id: str, up_to_seq: int) -> None:
        """Have it told to the store soon; beyond the bounds it is dropped, as the client will say it again."""
        conversations = self._waiting.get(user_id)
        if conversations is None:
            if len(self._waiting) >= _USERS:
                self._metrics.read_marks.labels("dropped").inc()
                return
            conversations = self._waiting[user_id] = {}
        if conversation_id not in conversations and len(conversations) >= _CONVERSATIONS_PER_USER:
            self._metrics.read_marks.labels("dropped").inc()
            return
        conversations[conversation_id] = max(up_to_seq, conversations.get(conversation_id, 0))
        self._something.set()

    @asynccontextmanager
    async def running(self, background: BackgroundTasks) -> AsyncIterator[None]:
        """Tell the store while the context lasts."""
        async with background.run({f"read marks {number}": self._work() for number in range(_WORKERS)}):
            yield

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if (left_seconds := self._rests_until - loop.time()) > 0:
                await asyncio.sleep(left_seconds)
                continue
            query = self._next()
            if query is None:
                self._something.clear()
                await self._something.wait()
                continue
            try:
                await self._positions.mark_read(query)
            except NoSuchConversation as error:
                self._metrics.read_marks.labels("refused").inc()
                log.info("a read position was refused", reason=str(error))
            except StoreRefused:
                self._retry(query, loop.time(), after_seconds=REFUSED_RETRY_SECONDS)
            except DependencyUnavailable as error:
                log.info("a read position waits for the store", reason=str(error))
                delay_seconds = _BACKOFF.delay_seconds(self._failures + 1, jitter=self._jitter())
                self._retry(query, loop.time(), after_seconds=delay_seconds)
            else:
                self._failures, self._rests_until = 0, 0.0
                self._metrics.read_marks.labels("stored").inc()

    def _retry(self, query: ReadRequest, now: float, *, after_seconds: float) -> None:
        self.mark(query.user_id, query.conversation_id, query.up_to_seq)
        if self._rests_until <= now:  # otherwise another worker has found out the same a moment before
            self._failures += 1
            self._rests_until = now + after_seconds

    def _next(self) -> ReadRequest | None:
        """Take one conversation of the user whose turn it is."""
        user_id = next(iter(self._waiting), None)
        if user_id is None:
            return None
        conversations = self._waiting.pop(user_id)
        conversation_id, up_to_seq = next(iter(conversations.items()))
        del conversations[conversation_id]
        if conversations:
            self._waiting[user_id] = conversations
        return ReadRequest(user_id=user_id, conversation_id=conversation_id, up_to_seq=up_to_seq)
