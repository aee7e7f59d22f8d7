"""Profiles come from the cache, the store or the Graph API: one call per customer, and within the deadline."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from enricher.graph.errors import GraphTimeout, ProfileInaccessible
from enricher.profiles.directory import MAX_PENDING_LOOKUPS, NEGATIVE_TTL_SECONDS, ProfileResult
from enricher.profiles.lookups import Found
from shared.contracts import Profile
from shared.errors import DependencyUnavailable
from tests.builders import NOON
from tests.recorder import eventually
from tests.unit.enricher.profiles.harness import ADA, ADA_KEY, ProfileHarness, customer


@pytest.fixture
async def harness() -> AsyncIterator[ProfileHarness]:
    created = ProfileHarness()
    yield created
    await created.directory.close()


async def test_a_profile_is_cached_for_a_day(harness: ProfileHarness) -> None:
    assert harness.directory.cached(ADA_KEY) is None
    assert await harness.look_up_now() == ProfileResult(ADA)

    harness.seconds = 24 * 3600 - 1
    assert harness.directory.cached(ADA_KEY) == ProfileResult(ADA)
    harness.seconds = 24 * 3600
    assert harness.directory.cached(ADA_KEY) is None


async def test_a_missing_profile_is_cached_for_a_shorter_ttl(harness: ProfileHarness) -> None:
    harness.result = ProfileInaccessible("no consent")
    assert await harness.look_up_now() == ProfileResult(None)

    harness.seconds = NEGATIVE_TTL_SECONDS - 1
    assert harness.directory.cached(ADA_KEY) == ProfileResult(None)
    harness.seconds = NEGATIVE_TTL_SECONDS
    assert harness.directory.cached(ADA_KEY) is None


async def test_a_failure_is_cached_once_a_deferred_lookup_is_requested(harness: ProfileHarness) -> None:
    harness.result = GraphTimeout("down")
    assert await harness.look_up_now() == ProfileResult(None, needs_lookup=True)
    assert harness.directory.cached(ADA_KEY) is None

    harness.directory.mark_requested([ADA_KEY])

    assert harness.directory.cached(ADA_KEY) == ProfileResult(None)


async def test_concurrent_lookups_of_a_customer_share_one_call(harness: ProfileHarness) -> None:
    harness.is_open.clear()
    lookups = [asyncio.create_task(harness.look_up_now()) for _ in range(5)]
    await eventually(lambda: len(harness.calls) == 1)
    harness.is_open.set()

    assert await asyncio.gather(*lookups) == [ProfileResult(ADA)] * 5
    assert harness.calls == [ADA_KEY]


async def test_a_call_past_the_deadline_still_fills_the_cache(harness: ProfileHarness) -> None:
    harness.is_open.clear()
    assert await harness.look_up_now(seconds=0.01) == ProfileResult(None, needs_lookup=True)
    harness.directory.mark_requested([ADA_KEY])
    harness.is_open.set()

    await eventually(lambda: harness.directory.cached(ADA_KEY) == ProfileResult(ADA))

    assert await harness.directory.look_up(ADA_KEY, harness.token) == Found(ADA)
    assert harness.calls == [ADA_KEY]


async def test_lookups_are_deferred_while_the_graph_api_fails(harness: ProfileHarness) -> None:
    harness.result = GraphTimeout("down")
    await harness.look_up_now()
    harness.is_open.clear()

    assert harness.directory.capacity(20) == 0
    result = await harness.look_up_now(customer(2), seconds=60)

    assert result == ProfileResult(None, needs_lookup=True)
    assert harness.calls == [ADA_KEY]


async def test_lookups_are_deferred_while_too_many_are_pending(harness: ProfileHarness) -> None:
    harness.is_open.clear()
    lookups = [
        asyncio.create_task(harness.look_up_now(customer(number), seconds=60)) for number in range(MAX_PENDING_LOOKUPS)
    ]
    await eventually(lambda: harness.directory.capacity(20) == 0)

    result = await harness.look_up_now(customer(-1), seconds=60)

    assert result == ProfileResult(None, needs_lookup=True)
    assert len(harness.calls) == 5, "the limit of concurrent calls"
    harness.is_open.set()
    assert await asyncio.gather(*lookups) == [ProfileResult(ADA)] * MAX_PENDING_LOOKUPS


async def test_stored_profiles_are_used_and_old_ones_looked_up_again(harness: ProfileHarness) -> None:
    harness.stored = {
        ADA_KEY: ADA,
        customer(2): Profile(name="Grace", fetched_at=NOON - timedelta(days=2)),
        customer(3): Profile(fetched_at=NOON),
    }

    found = await harness.directory.read_stored([customer(n) for n in range(5)], deadline=harness.deadline())

    assert found == {
        ADA_KEY: ProfileResult(ADA),
        customer(2): ProfileResult(Profile(name="Grace", fetched_at=NOON - timedelta(days=2)), needs_lookup=True),
    }
    assert harness.directory.cached(customer(2)) == ProfileResult(found[customer(2)].profile)


async def test_a_cached_old_profile_does_not_prevent_its_refresh(harness: ProfileHarness) -> None:
    harness.stored = {ADA_KEY: Profile(name="Ada Byron", fetched_at=NOON - timedelta(days=2))}
    await harness.directory.read_stored([ADA_KEY], deadline=harness.deadline())

    assert await harness.directory.look_up(ADA_KEY, harness.token) == Found(ADA)
    assert harness.directory.cached(ADA_KEY) == ProfileResult(ADA)


@pytest.mark.parametrize("error", [DependencyUnavailable("the store is unavailable"), None])
async def test_lookups_are_deferred_while_the_store_is_unavailable_or_slow(
    harness: ProfileHarness, error: Exception | None
) -> None:
    harness.store_error = error
    harness.is_open.clear()

    found = await harness.directory.read_stored([ADA_KEY], deadline=harness.deadline(0.01))

    assert found == {ADA_KEY: ProfileResult(None, needs_lookup=True)}


async def test_a_lookup_without_a_token_is_deferred(harness: ProfileHarness) -> None:
    assert await harness.directory.look_up_now(ADA_KEY, None, deadline=harness.deadline()) == ProfileResult(
        None, needs_lookup=True
    )
    assert harness.calls == []


async def test_a_message_joins_a_deferred_lookup_in_flight(harness: ProfileHarness) -> None:
    harness.is_open.clear()
    first = asyncio.create_task(harness.directory.look_up(ADA_KEY, harness.token))
    await eventually(lambda: len(harness.calls) == 1)
    joined = asyncio.create_task(harness.look_up_now())
    await asyncio.sleep(0)
    harness.is_open.set()

    assert await joined == ProfileResult(ADA)
    assert await first == Found(ADA)
    assert harness.calls == [ADA_KEY]


async def test_the_first_message_after_the_negative_ttl_causes_a_lookup(
    harness: ProfileHarness,
) -> None:
    harness.result = ProfileInaccessible("no consent")
    await harness.look_up_now()
    harness.result = ADA

    harness.seconds = NEGATIVE_TTL_SECONDS
    assert harness.directory.cached(ADA_KEY) is None

    assert await harness.look_up_now() == ProfileResult(ADA)


@pytest.mark.parametrize(
    "bug",
    [UnicodeEncodeError("ascii", "…", 0, 1, "no"), httpx.LocalProtocolError("no"), httpx.InvalidURL("no"), KeyError()],
)
async def test_a_lookup_that_fails_in_any_way_fails_no_message(harness: ProfileHarness, bug: Exception) -> None:
    harness.result = harness.store_error = bug

    stored = await harness.directory.read_stored([ADA_KEY], deadline=harness.deadline())

    assert stored == {ADA_KEY: ProfileResult(None, needs_lookup=True)}
    assert await harness.look_up_now() == ProfileResult(None, needs_lookup=True)
    assert harness.directory.cached(ADA_KEY) is None
