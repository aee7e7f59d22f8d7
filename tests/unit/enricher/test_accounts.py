"""Ownership is cached for a while, and read again when a change or a gap has outdated it."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from enricher.accounts import NEGATIVE_TTL_SECONDS, TTL_SECONDS, AccountCache
from enricher.metrics import Metrics
from shared.contracts import Platform
from shared.contracts.internal import Owner, PageKey, PageOwners
from shared.errors import DependencyUnavailable
from tests.builders import NOON, account_changed
from tests.recorder import eventually

PAGE = PageKey(platform="facebook", page_id="page-1")
OTHER = PageKey(platform="instagram", page_id="page-2")


class Store:
    """Returns ownership and counts reads per page."""

    def __init__(self) -> None:
        self.reads: Counter[PageKey] = Counter()
        self.versions: dict[PageKey, int] = {PAGE: 1, OTHER: 1}
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None

    async def page_owners(self, platform: Platform, page_id: str) -> PageOwners:
        page = PageKey(platform=platform, page_id=page_id)
        self.reads[page] += 1
        version = self.versions.get(page, 0)
        await self.open.wait()
        if self.error:
            raise self.error
        owner = Owner(
            user_id=f"user-{version}",
            owned_from=NOON - timedelta(days=1),
            owned_until=None,
            status="connected",
            token_ciphertext=None,
        )
        return PageOwners(platform=platform, page_id=page_id, version=version, owners=(owner,) if version else ())


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(store: Store, clock: Clock) -> AccountCache:
    return AccountCache(store, monotonic=clock, metrics=Metrics(CollectorRegistry()))


async def test_ownership_is_cached_for_its_ttl(cache: AccountCache, store: Store, clock: Clock) -> None:
    first = await cache.owners({PAGE: 0, OTHER: 0})
    clock.seconds = TTL_SECONDS - 1
    again = await cache.owners({PAGE: 0})

    assert first[PAGE] == again[PAGE]
    assert store.reads == {PAGE: 1, OTHER: 1}
    clock.seconds = TTL_SECONDS
    await cache.owners({PAGE: 0})
    assert store.reads[PAGE] == 2


async def test_a_page_without_owner_is_cached_for_a_shorter_ttl(
    cache: AccountCache, store: Store, clock: Clock
) -> None:
    store.versions.clear()
    await cache.owners({PAGE: 0})
    clock.seconds = NEGATIVE_TTL_SECONDS - 0.1
    await cache.owners({PAGE: 0})
    assert store.reads[PAGE] == 1

    clock.seconds = NEGATIVE_TTL_SECONDS
    await cache.owners({PAGE: 0})

    assert store.reads[PAGE] == 2


async def test_concurrent_reads_of_a_page_share_one_call(cache: AccountCache, store: Store) -> None:
    store.open.clear()
    reading = [asyncio.create_task(cache.owners({PAGE: 0})) for _ in range(10)]
    await eventually(lambda: store.reads[PAGE] > 0)
    reading[0].cancel()
    store.open.set()

    results = await asyncio.gather(*reading, return_exceptions=True)

    assert store.reads[PAGE] == 1
    assert isinstance(results[0], asyncio.CancelledError)
    assert all(isinstance(result, dict) and result[PAGE].version == 1 for result in results[1:])


async def test_a_change_invalidates_older_versions_only(cache: AccountCache, store: Store) -> None:
    await cache.owners({PAGE: 0})
    cache.on_account_changed([account_changed(version=1)])
    await cache.owners({PAGE: 0})
    assert store.reads[PAGE] == 1

    store.versions[PAGE] = 2
    cache.on_account_changed([account_changed(version=2)])

    assert (await cache.owners({PAGE: 0}))[PAGE].owners[0].user_id == "user-2"


async def test_a_newer_version_than_the_cached_one_is_read(cache: AccountCache, store: Store) -> None:
    await cache.owners({PAGE: 0})
    store.versions[PAGE] = 7

    assert (await cache.owners({PAGE: 7}))[PAGE].version == 7


async def test_a_read_that_a_change_overtakes_is_repeated(cache: AccountCache, store: Store) -> None:
    store.open.clear()
    reading = asyncio.create_task(cache.owners({PAGE: 0}))
    await eventually(lambda: store.reads[PAGE] == 1)
    store.versions[PAGE] = 2
    cache.on_account_changed([account_changed(version=2)])
    store.open.set()

    assert (await reading)[PAGE].version == 2


async def test_a_read_that_a_gap_overtakes_is_repeated(cache: AccountCache, store: Store) -> None:
    store.open.clear()
    reading = asyncio.create_task(cache.owners({PAGE: 0}))
    await eventually(lambda: store.reads[PAGE] == 1)
    store.versions[PAGE] = 2
    cache.clear()
    store.open.set()

    assert (await reading)[PAGE].version == 2


async def test_a_store_that_is_behind_is_read_twice_and_not_cached(cache: AccountCache, store: Store) -> None:
    result = await cache.owners({PAGE: 5})

    assert result[PAGE].version == 1
    assert store.reads[PAGE] == 2
    store.versions[PAGE] = 5
    assert (await cache.owners({PAGE: 0}))[PAGE].version == 5


async def test_a_gap_clears_the_cache(cache: AccountCache, store: Store) -> None:
    await cache.owners({PAGE: 0})
    cache.clear()
    await cache.owners({PAGE: 0})

    assert store.reads[PAGE] == 2


async def test_an_unavailable_store_raises_and_is_read_again(cache: AccountCache, store: Store) -> None:
    store.error = DependencyUnavailable("the store is unavailable")
    with pytest.raises(DependencyUnavailable):
        await cache.owners({PAGE: 0, OTHER: 0})

    store.error = None

    assert len(await cache.owners({PAGE: 0, OTHER: 0})) == 2
