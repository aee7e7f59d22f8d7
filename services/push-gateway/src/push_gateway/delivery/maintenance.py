"""Periodic work: heartbeats, the search for lost events, and the removal of idle channels."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import structlog

from push_gateway.delivery.hub import Hub
from push_gateway.delivery.log_reader import LogReader
from push_gateway.delivery.shard_bindings import ShardBindings
from push_gateway.delivery.store_retry import StoreRetry
from shared.aio.background import BackgroundTasks, Works, bugs_caught
from shared.errors import DependencyUnavailable
from shared.store_client.paths import MAX_TOPS

log = structlog.get_logger(__name__)

_HEARTBEATS_PER_TURN = 200
"""Heartbeats that are written before other tasks get their turn."""


class Maintenance:
    """One instance per process.

    Args:
        hub: Whose sessions and channels to maintain.
        log_reader: Reads the top of each user's log, which reveals lost events.
        retry: How long to wait after a failure.
        heartbeat_seconds: Time between two heartbeats, and between two searches for lost events of all users.
    """

    def __init__(self, hub: Hub, log_reader: LogReader, retry: StoreRetry, *, heartbeat_seconds: float) -> None:
        self._hub = hub
        self._log_reader = log_reader
        self._retry = retry
        self._heartbeat_seconds = heartbeat_seconds
        self._is_check_due = asyncio.Event()
        self._due_shards: set[int] = set()
        self._are_all_due = False
        """Whether to check the users of all shards, not only of `_due_shards`."""

    def on_gap(self) -> None:
        """Find out which users missed events: the subscription was interrupted."""
        self._hub.on_gap()
        self._check_all()

    def on_bound_late(self, shard: int) -> None:
        """Find out which users of `shard` missed events: sessions read their log before the shard was bound."""
        self._hub.on_gap(shard)
        self._due_shards.add(shard)
        self._is_check_due.set()

    @asynccontextmanager
    async def running(self, shards: ShardBindings, background: BackgroundTasks) -> AsyncIterator[None]:
        """Work while the context lasts."""
        works: Works = {
            "heartbeats": partial(self._send_heartbeats, shards),
            "search for lost events": self._search_lost_events,
        }
        async with background.run(works):
            yield

    async def _send_heartbeats(self, shards: ShardBindings) -> None:
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while True:
            next_at = max(next_at + self._heartbeat_seconds, loop.time())
            await asyncio.sleep(next_at - loop.time())
            for number, subscriber in enumerate(self._hub.subscribers(), start=1):
                with bugs_caught("heartbeats"):
                    subscriber.heartbeat()
                if number % _HEARTBEATS_PER_TURN == 0:
                    await asyncio.sleep(0)
            for channel in self._hub.remove_idle(loop.time()):
                shards.release(channel.shard)
            self._check_all()

    def _check_all(self) -> None:
        self._are_all_due = True
        self._is_check_due.set()

    async def _search_lost_events(self) -> None:
        failures = 0
        while True:
            await self._is_check_due.wait()
            self._is_check_due.clear()
            shards = None if self._are_all_due else frozenset(self._due_shards)
            self._are_all_due = False
            self._due_shards.clear()
            try:
                await self._check_tops(shards)
            except DependencyUnavailable as error:
                failures += 1
                log.warning("search for lost events deferred", reason=str(error))
                await asyncio.sleep(self._retry.delay_seconds(error, failures))
                self._check_all()
            else:
                failures = 0

    async def _check_tops(self, shards: frozenset[int] | None) -> None:
        """Give all sessions of `shards` (None: of all) the top of their log; they fetch what they miss."""
        users = [channel.user_id for channel in self._hub.channels if shards is None or channel.shard in shards]
        for start in range(0, len(users), MAX_TOPS):
            response = await self._log_reader.tops(users[start : start + MAX_TOPS])
            self._hub.on_tops(response.epoch, response.tops)
