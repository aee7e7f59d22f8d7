"""Who owns which page: what the store says, cached for a while."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol

from cachetools import LRUCache, TLRUCache

from enricher.metrics import Metrics
from shared.aio.single_flight import SingleFlight
from shared.contracts import AccountChangedV1, AnyEvent, Platform
from shared.contracts.internal import PageKey, PageOwners

TTL_SECONDS = 60.0
NEGATIVE_TTL_SECONDS = 5.0
"""For pages that nobody owns. Someone may be connecting the page just now."""
MAX_PAGES = 100_000
CONCURRENT_READS = 16


class OwnerSource(Protocol):
    """Where ownership is known."""

    async def page_owners(self, platform: Platform, page_id: str) -> PageOwners:
        """Return who owns and owned the page.

        Raises:
            DependencyUnavailable: the source cannot be reached.
        """


class AccountCache:
    """Caches ownership by version. What is known to be outdated is read again.

    Args:
        source: of ownership.
        monotonic: monotonic time in seconds.
        metrics: count hits and misses.
    """

    def __init__(self, source: OwnerSource, *, monotonic: Callable[[], float], metrics: Metrics) -> None:
        self._source = source
        self._metrics = metrics
        self._cache: TLRUCache[PageKey, PageOwners, float] = TLRUCache(MAX_PAGES, _expiry, timer=monotonic)
        self._newest_versions: LRUCache[PageKey, int] = LRUCache(MAX_PAGES)
        self._reads: SingleFlight[PageKey, PageOwners] = SingleFlight()
        self._concurrency = asyncio.Semaphore(CONCURRENT_READS)
        self._generation = 0

    async def owners(self, min_versions: Mapping[PageKey, int]) -> dict[PageKey, PageOwners]:
        """Return the owners of every page of `min_versions`.

        Args:
            min_versions: by page, the version that the cached owners must have at least.

        Raises:
            DependencyUnavailable: the source cannot be reached.
        """
        found: dict[PageKey, PageOwners] = {}
        for page, version in min_versions.items():
            known = self._cache.get(page)
            if known is not None and known.version >= version:
                found[page] = known
        missing = {page: version for page, version in min_versions.items() if page not in found}
        self._metrics.account_read("hit").inc(len(found))
        if missing:
            found |= await self._read_all(missing)
        return found

    def on_account_changed(self, events: Sequence[AnyEvent]) -> None:
        """Drop cached owners that are older than these events."""
        for event in events:
            if isinstance(event, AccountChangedV1):
                self._drop_older(PageKey(platform=event.platform, page_id=event.page_id), event.version)

    def invalidate(self, pages: Iterable[PageKey]) -> None:
        """Read the owners of these pages again the next time."""
        for page in pages:
            self._cache.pop(page, None)

    def clear(self) -> None:
        """Drop everything, because changes may have been missed."""
        self._generation += 1
        self._cache.clear()

    async def close(self) -> None:
        """Cancel pending reads."""
        await self._reads.close()

    async def _read_all(self, min_versions: Mapping[PageKey, int]) -> dict[PageKey, PageOwners]:
        self._metrics.account_read("miss").inc(len(min_versions))
        for page, version in min_versions.items():
            self._drop_older(page, version)
        reads = (self._reads.join(page, partial(self._read, page)) for page in min_versions)
        results = await asyncio.gather(*reads, return_exceptions=True)
        found: dict[PageKey, PageOwners] = {}
        for page, result in zip(min_versions, results, strict=True):
            if isinstance(result, BaseException):
                raise result
            found[page] = result
        return found

    async def _read(self, page: PageKey) -> PageOwners:
        """Read until the result is as new as the newest known version, at most twice: then the source is behind."""
        owners: PageOwners | None = None
        async with self._concurrency:
            for _ in range(2):
                generation = self._generation
                owners = await self._source.page_owners(page.platform, page.page_id)
                if generation == self._generation and owners.version >= self._newest_versions.get(page, 0):
                    self._cache[page] = owners
                    return owners
        assert owners is not None
        return owners

    def _drop_older(self, page: PageKey, version: int) -> None:
        if version > self._newest_versions.get(page, 0):
            self._newest_versions[page] = version
        known = self._cache.get(page)
        if known is not None and known.version < version:
            self._cache.pop(page, None)


def _expiry(_: PageKey, owners: PageOwners, now: float) -> float:
    return now + (TTL_SECONDS if owners.owners else NEGATIVE_TTL_SECONDS)
