"""Which shards of the stream this process hears: those of its users, counted."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from shared.errors import DependencyUnavailable
from shared.messaging.ports import Subscription

log = structlog.get_logger(__name__)


@dataclass
class _Shard:
    users: int
    binding: asyncio.Task[bool]
    is_late: bool = False
    """Whether a session began without the binding: it may miss what was published before the binding came."""


class Shards:
    """Binds a shard for its first user and unbinds it after its last.

    Args:
        subscription: where shards are bound.
        bind_wait_seconds: a session waits no longer for the broker: it starts from the log, and hears what it missed
            when the broker is back.
        on_late_bind: told of a shard that was bound after a session had given up waiting for it.
        beside: of another subscription, to hear the same shards of; nobody waits for it.
    """

    def __init__(
        self,
        subscription: Subscription,
        *,
        bind_wait_seconds: float = 2.0,
        on_late_bind: Callable[[int], None] = lambda _: None,
        beside: "Shards | None" = None,
    ) -> None:
        self._subscription = subscription
        self._beside = beside
        self._bind_wait_seconds = bind_wait_seconds
        self._on_late_bind = on_late_bind
        self._shards: dict[int, _Shard] = {}
        self._unbinding: dict[int, asyncio.Task[None]] = {}
        """The last one of each shard: a shard may come and go again while the broker is slow."""
        self._tasks: set[asyncio.Task[bool] | asyncio.Task[None]] = set()

    def acquire(self, shard: int) -> None:
        """Count one user more."""
        if self._beside is not None:
            self._beside.acquire(shard)
        known = self._shards.get(shard)
        if known is None:
            self._shards[shard] = _Shard(1, self._begin(shard))
        else:
            known.users += 1

    def release(self, shard: int) -> None:
        """Count one user less; nobody is left: unbind."""
        if self._beside is not None:
            self._beside.release(shard)
        known = self._shards[shard]
        known.users -= 1
        if known.users == 0:
            del self._shards[shard]
            unbinding = asyncio.create_task(self._unbind(shard, known.binding))
            self._unbinding[shard] = unbinding
            self._keep(unbinding)

    async def heard(self, shard: int) -> bool:
        """Return once the broker has confirmed `shard`, or False when it did not in time; never raises for that."""
        known = self._shards[shard]
        if known.binding.done() and not known.binding.result():
            known.binding = self._begin(shard)
        done, _ = await asyncio.wait({known.binding}, timeout=self._bind_wait_seconds)
        is_bound = bool(done) and known.binding.result()
        known.is_late = known.is_late or not is_bound
        return is_bound

    async def close(self) -> None:
        """Stop waiting for the broker; the subscription's end unbinds everything."""
        if self._beside is not None:
            await self._beside.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, shard: int) -> asyncio.Task[bool]:
        binding = asyncio.create_task(self._bind(shard))
        binding.add_done_callback(lambda done: self._ended(shard, done))
        self._keep(binding)
        return binding

    def _keep(self, task: asyncio.Task[bool] | asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _ended(self, shard: int, binding: asyncio.Task[bool]) -> None:
        known = self._shards.get(shard)
        if known is None or known.binding is not binding or not known.is_late or binding.cancelled():
            return
        if binding.exception() is None and binding.result():
            known.is_late = False
            self._on_late_bind(shard)

    async def _bind(self, shard: int) -> bool:
        if (unbinding := self._unbinding.get(shard)) is not None:
            await asyncio.wait({unbinding})
        try:
            await self._subscription.bind(shard)
        except DependencyUnavailable as error:
            log.warning("shard not bound yet", shard=shard, reason=str(error))
            return False
        return True

    async def _unbind(self, shard: int, binding: asyncio.Task[bool]) -> None:
        await asyncio.wait({binding})
        await self._subscription.unbind(shard)
        if self._unbinding.get(shard) is asyncio.current_task():
            del self._unbinding[shard]
