"""Who owns which page: the store's answer, remembered for a while."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol

from cachetools import LRUCache, TLRUCache

from enricher.flights import Flights
from enricher.metrics import Metrics
from enricher.pages import Page
from shared.contracts import AccountChangedV1, AnyEvent, Platform
from shared.contracts.internal import PageOwners

TTL_SECONDS = 60.0
NEGATIVE_TTL_SECONDS = 5.0
"""For pages nobody owns: somebody may be connecting it just now."""
MAX_PAGES = 100_000
CONCURRENT_READS = 16


class Accounts(Protocol):
    """Where ownership is known."""

    async def page_owners(self, platform: Platform, page_id: str) -> PageOwners:
        """Return who owns and owned the page.

        Raises:
            DependencyUnavailable: it cannot be asked at the moment.
        """


class AccountCache:
    """Remembers ownership, versioned: what is known to be outdated is read again.

    Args:
        accounts: the source.
        clock: seconds of a monotonic clock.
    """

    def __init__(self, accounts: Accounts, *, clock: Callable[[], float], metrics: Metrics) -> None:
        self._accounts = accounts
        self._metrics = metrics
        self._known: TLRUCache[Page, PageOwners, float] = TLRUCache(MAX_PAGES, _expiry, timer=clock)
        self._newest: LRUCache[Page, int] = LRUCache(MAX_PAGES)
        self._flights: Flights[Page, PageOwners] = Flights()
        self._limit = asyncio.Semaphore(CONCURRENT_READS)
        self._generation = 0

    async def owners(self, wanted: Mapping[Page, int]) -> dict[Page, PageOwners]:
        """Return the ownership of every page of `wanted`, at least as new as the version given with it.

        Raises:
            DependencyUnavailable: the source cannot be asked.
        """
        found: dict[Page, PageOwners] = {}
        for page, version in wanted.items():
            known = self._known.get(page)
            if known is not None and known.version >= version:
                found[page] = known
        missing = [page for page in wanted if page not in found]
        self._metrics.account_read("hit").inc(len(found))
        if missing:
            found |= await self._read_all({page: wanted[page] for page in missing})
        return found

    def on_account_changed(self, events: Sequence[AnyEvent]) -> None:
        """Forget what is older than these events say."""
        for event in events:
            if isinstance(event, AccountChangedV1):
                self._outdate((event.platform, event.page_id), event.version)

    def forget(self, pages: Iterable[Page]) -> None:
        """Read these again the next time: something says that what is known of them is outdated."""
        for page in pages:
            self._known.pop(page, None)

    def clear(self) -> None:
        """Forget everything: changes may have been missed."""
        self._generation += 1
        self._known.clear()

    async def close(self) -> None:
        """End reads under way."""
        await self._flights.close()

    async def _read_all(self, wanted: Mapping[Page, int]) -> dict[Page, PageOwners]:
        self._metrics.account_read("miss").inc(len(wanted))
        for page, version in wanted.items():
            self._outdate(page, version)
        reads = (self._flights.join(page, partial(self._read, page)) for page in wanted)
        answers = await asyncio.gather(*reads, return_exceptions=True)
        found: dict[Page, PageOwners] = {}
        for page, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            found[page] = answer
        return found

    async def _read(self, page: Page) -> PageOwners:
        """Read until the answer is as new as is known to exist; at most twice, then the source itself is behind."""
        answer: PageOwners | None = None
        async with self._limit:
            for _ in range(2):
                generation = self._generation
                answer = await self._accounts.page_owners(*page)
                if generation == self._generation and answer.version >= self._newest.get(page, 0):
                    self._known[page] = answer
                    return answer
        assert answer is not None
        return answer

    def _outdate(self, page: Page, version: int) -> None:
        if version > self._newest.get(page, 0):
            self._newest[page] = version
        known = self._known.get(page)
        if known is not None and known.version < version:
            self._known.pop(page, None)


def _expiry(_: Page, owners: PageOwners, now: float) -> float:
    return now + (TTL_SECONDS if owners.owners else NEGATIVE_TTL_SECONDS)
