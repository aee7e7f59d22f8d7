"""Which shards of the stream this process hears: those of its users, counted."""

import asyncio
from dataclasses import dataclass

import structlog

from shared.errors import DependencyUnavailable
from shared.messaging.ports import Tail

log = structlog.get_logger(__name__)


@dataclass
class _Shard:
    users: int
    binding: asyncio.Task[bool]


class Shards:
    """Binds a shard for its first user and unbinds it after its last.

    Args:
        tail: where shards are bound.
        bind_wait_seconds: a session waits no longer for the broker: it starts from the log, and hears what it missed
            when the broker is back.
    """

    def __init__(self, tail: Tail, *, bind_wait_seconds: float = 2.0) -> None:
        self._tail = tail
        self._bind_wait_seconds = bind_wait_seconds
        self._shards: dict[int, _Shard] = {}
        self._unbinding: dict[int, asyncio.Task[None]] = {}

    def acquire(self, shard: int) -> None:
        """Count one user more."""
        known = self._shards.get(shard)
        if known is None:
            self._shards[shard] = _Shard(1, asyncio.create_task(self._bind(shard)))
        else:
            known.users += 1

    def release(self, shard: int) -> None:
        """Count one user less; nobody is left: unbind."""
        known = self._shards[shard]
        known.users -= 1
        if known.users == 0:
            del self._shards[shard]
            self._unbinding[shard] = asyncio.create_task(self._unbind(shard, known.binding))

    async def heard(self, shard: int) -> bool:
        """Return once the broker has confirmed `shard`, or False when it did not in time; never raises for that."""
        known = self._shards[shard]
        if known.binding.done() and not known.binding.result():
            known.binding = asyncio.create_task(self._bind(shard))
        done, _ = await asyncio.wait({known.binding}, timeout=self._bind_wait_seconds)
        return bool(done) and known.binding.result()

    async def close(self) -> None:
        """Stop waiting for the broker; the tail's end unbinds everything."""
        tasks: list[asyncio.Task[bool] | asyncio.Task[None]] = [shard.binding for shard in self._shards.values()]
        tasks += self._unbinding.values()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _bind(self, shard: int) -> bool:
        if (unbinding := self._unbinding.get(shard)) is not None:
            await asyncio.wait({unbinding})
        try:
            await self._tail.bind(shard)
        except DependencyUnavailable as error:
            log.warning("shard not bound yet", shard=shard, reason=str(error))
            return False
        return True

    async def _unbind(self, shard: int, binding: asyncio.Task[bool]) -> None:
        await asyncio.wait({binding})
        await self._tail.unbind(shard)
        del self._unbinding[shard]
