"""Which shards this process is subscribed to: those of its users."""

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
    """Whether a session started without the binding: it may miss what is published before the binding exists."""


class ShardBindings:
    """Binds a shard for its first user and unbinds it after its last.

    Args:
        subscription: Where shards are bound.
        bind_timeout_seconds: How long a session waits for the broker. Then it starts from the log, and receives what it
            missed once the shard is bound.
        on_bound_late: Called with a shard that was bound after a session had stopped waiting for it.
        mirror: Bindings of another subscription, which follow these. Nobody waits for them.
    """

    def __init__(
        self,
        subscription: Subscription,
        *,
        bind_timeout_seconds: float = 2.0,
        on_bound_late: Callable[[int], None] = lambda _: None,
        mirror: "ShardBindings | None" = None,
    ) -> None:
        self._subscription = subscription
        self._mirror = mirror
        self._bind_timeout_seconds = bind_timeout_seconds
        self._on_bound_late = on_bound_late
        self._shards: dict[int, _Shard] = {}
        self._unbinding: dict[int, asyncio.Task[None]] = {}
        """The last unbinding of each shard: a shard may be acquired and released again while the broker is slow."""
        self._tasks: set[asyncio.Task[bool] | asyncio.Task[None]] = set()

    def acquire(self, shard: int) -> None:
        """Add a user; the first one of `shard` binds it."""
        if self._mirror is not None:
            self._mirror.acquire(shard)
        known = self._shards.get(shard)
        if known is None:
            self._shards[shard] = _Shard(1, self._start_binding(shard))
        else:
            known.users += 1

    def release(self, shard: int) -> None:
        """Remove a user; the last one of `shard` unbinds it."""
        if self._mirror is not None:
            self._mirror.release(shard)
        known = self._shards[shard]
        known.users -= 1
        if known.users == 0:
            del self._shards[shard]
            unbinding = asyncio.create_task(self._unbind(shard, known.binding))
            self._unbinding[shard] = unbinding
            self._track(unbinding)

    async def wait_until_bound(self, shard: int) -> bool:
        """Wait until the broker has confirmed `shard`; return False if it did not in time."""
        known = self._shards[shard]
        if known.binding.done() and not known.binding.result():
            known.binding = self._start_binding(shard)
        done, _ = await asyncio.wait({known.binding}, timeout=self._bind_timeout_seconds)
        is_bound = bool(done) and known.binding.result()
        known.is_late = known.is_late or not is_bound
        return is_bound

    async def close(self) -> None:
        """Stop waiting for the broker. The end of the subscription unbinds everything."""
        if self._mirror is not None:
            await self._mirror.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start_binding(self, shard: int) -> asyncio.Task[bool]:
        binding = asyncio.create_task(self._bind(shard))
        binding.add_done_callback(lambda done: self._on_binding_done(shard, done))
        self._track(binding)
        return binding

    def _track(self, task: asyncio.Task[bool] | asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_binding_done(self, shard: int, binding: asyncio.Task[bool]) -> None:
        known = self._shards.get(shard)
        if known is None or known.binding is not binding or not known.is_late or binding.cancelled():
            return
        if binding.exception() is None and binding.result():
            known.is_late = False
            self._on_bound_late(shard)

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
