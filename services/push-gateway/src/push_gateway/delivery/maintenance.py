"""What happens by the clock: heartbeats, the search for lost events, and forgetting users."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from push_gateway.delivery.hub import Hub
from push_gateway.delivery.shard_bindings import ShardBindings
from push_gateway.log_reader import LogReader
from shared.aio.background import BackgroundTasks
from shared.aio.backoff import Backoff
from shared.errors import DependencyUnavailable
from shared.store_client.errors import REFUSED_RETRY_SECONDS, StoreRefused
from shared.store_client.paths import MAX_TOPS

log = structlog.get_logger(__name__)

_SOCKETS_PER_TURN = 200
"""Heartbeats written before other work gets its turn."""
_BACKOFF = Backoff()


class Maintenance:
    """One timer for the whole process.

    Args:
        heartbeat_seconds: between two heartbeats of a socket, and between two checks of all users' tops.
        jitter: returns a random number from 0 to 1.
    """

    def __init__(
        self,
        hub: Hub,
        log_reader: LogReader,
        *,
        heartbeat_seconds: float,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._hub = hub
        self._log_reader = log_reader
        self._heartbeat_seconds = heartbeat_seconds
        self._jitter = jitter
        self._check_due = asyncio.Event()
        self._late_shards: set[int] = set()
        """Those whose users alone are to be checked; without any, a check is of everyone."""
        self._is_everyone_due = False

    def on_gap(self) -> None:
        """Events were missed: find out whose."""
        self._hub.on_gap()
        self._check_everyone()

    def on_bound_late(self, shard: int) -> None:
        """Events of `shard` may have been missed between the reading of a session's log and the binding."""
        self._hub.on_gap(shard)
        self._late_shards.add(shard)
        self._check_due.set()

    @asynccontextmanager
    async def running(self, shards: ShardBindings, background: BackgroundTasks) -> AsyncIterator[None]:
        """Work while the context lasts."""
        async with background.run({"heartbeats": self._beat(shards), "search for lost events": self._check()}):
            yield

    async def _beat(self, shards: ShardBindings) -> None:
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while True:
            next_at = max(next_at + self._heartbeat_seconds, loop.time())
            await asyncio.sleep(next_at - loop.time())
            for number, subscriber in enumerate(self._hub.subscribers(), start=1):
                subscriber.heartbeat()
                if number % _SOCKETS_PER_TURN == 0:
                    await asyncio.sleep(0)
            for channel in self._hub.remove_idle(loop.time()):
                shards.release(channel.shard)
            self._check_everyone()

    def _check_everyone(self) -> None:
        self._is_everyone_due = True
        self._check_due.set()

    async def _check(self) -> None:
        failures = 0
        while True:
            await self._check_due.wait()
            self._check_due.clear()
            shards = None if self._is_everyone_due else frozenset(self._late_shards)
            self._is_everyone_due = False
            self._late_shards.clear()
            try:
                await self._check_tops(shards)
            except StoreRefused:
                log.warning("the store refuses us: lost events cannot be looked for")
                await asyncio.sleep(REFUSED_RETRY_SECONDS)
                self._check_everyone()
            except DependencyUnavailable as error:
                log.warning("the store is away: lost events cannot be looked for", reason=str(error))
                failures += 1
                await asyncio.sleep(_BACKOFF.delay_seconds(failures, jitter=self._jitter()))
                self._check_everyone()
            else:
                failures = 0

    async def _check_tops(self, shards: frozenset[int] | None) -> None:
        """Check the users of `shards`; None: everyone."""
        users = [channel.user_id for channel in self._hub.channels if shards is None or channel.shard in shards]
        for start in range(0, len(users), MAX_TOPS):
            answer = await self._log_reader.tops(users[start : start + MAX_TOPS])
            self._hub.on_tops(answer.epoch, answer.tops)
