"""Ownership is remembered for a while and never longer than it is true, as far as anybody has said."""

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
    """Says who owns what, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: Counter[PageKey] = Counter()
        self.versions: dict[PageKey, int] = {PAGE: 1, OTHER: 1}
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None

    async def page_owners(self, platform: Platform, page_id: str) -> PageOwners:
        page = PageKey(platform=platform, page_id=page_id)
        self.asked[page] += 1
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


class Time:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def cache(store: Store, time: Time) -> AccountCache:
    return AccountCache(store, monotonic=time, metrics=Metrics(CollectorRegistry()))


async def test_a_page_is_asked_for_once_within_its_time(cache: AccountCache, store: Store, time: Time) -> None:
    first = await cache.owners({PAGE: 0, OTHER: 0})
    time.seconds = TTL_SECONDS - 1
    again = await cache.owners({PAGE: 0})

    assert first[PAGE] == again[PAGE]
    assert store.asked == {PAGE: 1, OTHER: 1}
    time.seconds = TTL_SECONDS
    await cache.owners({PAGE: 0})
    assert store.asked[PAGE] == 2


async def test_that_nobody_owns_a_page_is_remembered_shortly(cache: AccountCache, store: Store, time: Time) -> None:
    store.versions.clear()
    await cache.owners({PAGE: 0})
    time.seconds = NEGATIVE_TTL_SECONDS - 0.1
    await cache.owners({PAGE: 0})
    assert store.asked[PAGE] == 1

    time.seconds = NEGATIVE_TTL_SECONDS
    await cache.owners({PAGE: 0})

    assert store.asked[PAGE] == 2


async def test_whoever_asks_at_the_same_time_waits_for_the_same_answer(cache: AccountCache, store: Store) -> None:
    store.open.clear()
    asking = [asyncio.create_task(cache.owners({PAGE: 0})) for _ in range(10)]
    await eventually(lambda: store.asked[PAGE] > 0)
    asking[0].cancel()
    store.open.set()

    answers = await asyncio.gather(*asking, return_exceptions=True)

    assert store.asked[PAGE] == 1
    assert isinstance(answers[0], asyncio.CancelledError)
    assert all(isinstance(answer, dict) and answer[PAGE].version == 1 for answer in answers[1:])


async def test_a_change_outdates_what_is_older(cache: AccountCache, store: Store) -> None:
    await cache.owners({PAGE: 0})
    cache.on_account_changed([account_changed(version=1)])
    await cache.owners({PAGE: 0})
    assert store.asked[PAGE] == 1

    store.versions[PAGE] = 2
    cache.on_account_changed([account_changed(version=2)])

    assert (await cache.owners({PAGE: 0}))[PAGE].owners[0].user_id == "user-2"


async def test_a_newer_version_than_the_remembered_one_is_fetched(cache: AccountCache, store: Store) -> None:
    await cache.owners({PAGE: 0})
    store.versions[PAGE] = 7

    assert (await cache.owners({PAGE: 7}))[PAGE].version == 7


async def test_an_answer_that_a_change_has_overtaken_is_asked_for_again(cache: AccountCache, store: Store) -> None:
    store.open.clear()
    asking = asyncio.create_task(cache.owners({PAGE: 0}))
    await eventually(lambda: store.asked[PAGE] == 1)
    store.versions[PAGE] = 2
    cache.on_account_changed([account_changed(version=2)])
    store.open.set()

    assert (await asking)[PAGE].version == 2


async def test_an_answer_that_a_gap_has_overtaken_is_asked_for_again(cache: AccountCache, store: Store) -> None:
    store.open.clear()
    asking = asyncio.create_task(cache.owners({PAGE: 0}))
    await eventually(lambda: store.asked[PAGE] == 1)
    store.versions[PAGE] = 2
    cache.clear()
    store.open.set()

    assert (await asking)[PAGE].version == 2


async def test_a_store_that_is_behind_is_not_asked_for_ever_nor_remembered(cache: AccountCache, store: Store) -> None:
    answer = await cache.owners({PAGE: 5})

    assert answer[PAGE].version == 1
    assert store.asked[PAGE] == 2
    store.versions[PAGE] = 5
    assert (await cache.owners({PAGE: 0}))[PAGE].version == 5


async def test_a_gap_forgets_everything(cache: AccountCache, store: Store) -> None:
    await cache.owners({PAGE: 0})
    cache.clear()
    await cache.owners({PAGE: 0})

    assert store.asked[PAGE] == 2


async def test_a_store_that_is_away_is_said_to_be_and_asked_again(cache: AccountCache, store: Store) -> None:
    store.error = DependencyUnavailable("away")
    with pytest.raises(DependencyUnavailable):
        await cache.owners({PAGE: 0, OTHER: 0})

    store.error = None

    assert len(await cache.owners({PAGE: 0, OTHER: 0})) == 2
