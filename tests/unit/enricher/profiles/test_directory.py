"""Memory before the store before the Graph API, one call a customer, and never past the deadline."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from enricher.graph.errors import GraphTimeout, ProfileInaccessible
from enricher.profiles.directory import MAX_PENDING_LOOKUPS, NEGATIVE_TTL_SECONDS, ProfileResult
from enricher.profiles.lookups import Found
from shared.contracts import Profile
from shared.errors import DependencyUnavailable
from tests.builders import NOON
from tests.recorder import eventually
from tests.unit.enricher.profiles.people import ADA, WHO, People, somebody


@pytest.fixture
async def people() -> AsyncIterator[People]:
    made = People()
    yield made
    await made.directory.close()


async def test_a_name_is_remembered_for_a_day(people: People) -> None:
    assert people.directory.cached(WHO) is None
    assert await people.directory.look_up_now(WHO, people.token, deadline=people.deadline()) == ProfileResult(ADA)

    people.seconds = 24 * 3600 - 1
    assert people.directory.cached(WHO) == ProfileResult(ADA)
    people.seconds = 24 * 3600
    assert people.directory.cached(WHO) is None


async def test_that_there_is_no_name_is_remembered_shortly(people: People) -> None:
    people.result = ProfileInaccessible("no consent")
    assert await people.directory.look_up_now(WHO, people.token, deadline=people.deadline()) == ProfileResult(None)

    people.seconds = NEGATIVE_TTL_SECONDS - 1
    assert people.directory.cached(WHO) == ProfileResult(None)
    people.seconds = NEGATIVE_TTL_SECONDS
    assert people.directory.cached(WHO) is None


async def test_a_failure_is_not_remembered_until_a_later_look_up_is_requested(people: People) -> None:
    people.result = GraphTimeout("down")
    assert await people.directory.look_up_now(WHO, people.token, deadline=people.deadline()) == ProfileResult(
        None, needs_lookup=True
    )
    assert people.directory.cached(WHO) is None

    people.directory.mark_requested([WHO])

    assert people.directory.cached(WHO) == ProfileResult(None)


async def test_whoever_asks_for_the_same_customer_waits_for_the_same_call(people: People) -> None:
    people.open.clear()
    asking = [
        asyncio.create_task(people.directory.look_up_now(WHO, people.token, deadline=people.deadline()))
        for _ in range(5)
    ]
    await eventually(lambda: len(people.calls) == 1)
    people.open.set()

    assert await asyncio.gather(*asking) == [ProfileResult(ADA)] * 5
    assert people.calls == [WHO]


async def test_a_call_that_comes_late_still_fills_the_memory(people: People) -> None:
    people.open.clear()
    assert await people.directory.look_up_now(WHO, people.token, deadline=people.deadline(0.01)) == ProfileResult(
        None, needs_lookup=True
    )
    people.directory.mark_requested([WHO])
    people.open.set()

    await eventually(lambda: people.directory.cached(WHO) == ProfileResult(ADA))

    assert await people.directory.look_up(WHO, people.token) == Found(ADA)
    assert people.calls == [WHO]


async def test_while_the_graph_api_fails_nobody_waits(people: People) -> None:
    people.result = GraphTimeout("down")
    await people.directory.look_up_now(WHO, people.token, deadline=people.deadline())
    people.open.clear()

    assert people.directory.capacity(20) == 0
    naming = await people.directory.look_up_now(somebody(2), people.token, deadline=people.deadline(60))

    assert naming == ProfileResult(None, needs_lookup=True)
    assert people.calls == [WHO]


async def test_with_too_many_calls_under_way_nobody_waits(people: People) -> None:
    people.open.clear()
    asking = [
        asyncio.create_task(people.directory.look_up_now(somebody(number), people.token, deadline=people.deadline(60)))
        for number in range(MAX_PENDING_LOOKUPS)
    ]
    await eventually(lambda: people.directory.capacity(20) == 0)

    naming = await people.directory.look_up_now(somebody(-1), people.token, deadline=people.deadline(60))

    assert naming == ProfileResult(None, needs_lookup=True)
    assert len(people.calls) == 5, "no more calls at once than allowed"
    people.open.set()
    assert await asyncio.gather(*asking) == [ProfileResult(ADA)] * MAX_PENDING_LOOKUPS


async def test_the_store_names_whom_it_knows(people: People) -> None:
    people.known = {
        WHO: ADA,
        somebody(2): Profile(name="Grace", fetched_at=NOON - timedelta(days=2)),
        somebody(3): Profile(fetched_at=NOON),
    }

    found = await people.directory.read_stored([somebody(n) for n in range(5)], deadline=people.deadline())

    assert found == {
        WHO: ProfileResult(ADA),
        somebody(2): ProfileResult(Profile(name="Grace", fetched_at=NOON - timedelta(days=2)), needs_lookup=True),
    }
    assert people.directory.cached(somebody(2)) == ProfileResult(found[somebody(2)].profile)


async def test_a_refresh_is_a_call_although_the_old_name_is_remembered(people: People) -> None:
    people.known = {WHO: Profile(name="Ada Byron", fetched_at=NOON - timedelta(days=2))}
    await people.directory.read_stored([WHO], deadline=people.deadline())

    assert await people.directory.look_up(WHO, people.token) == Found(ADA)
    assert people.directory.cached(WHO) == ProfileResult(ADA)


@pytest.mark.parametrize("error", [DependencyUnavailable("away"), None])
async def test_a_store_that_is_away_or_slow_puts_everybody_off(people: People, error: Exception | None) -> None:
    people.store_error = error
    people.open.clear()

    found = await people.directory.read_stored([WHO], deadline=people.deadline(0.01))

    assert found == {WHO: ProfileResult(None, needs_lookup=True)}


async def test_without_a_token_nobody_waits_and_the_name_comes_later(people: People) -> None:
    assert await people.directory.look_up_now(WHO, None, deadline=people.deadline()) == ProfileResult(
        None, needs_lookup=True
    )
    assert people.calls == []


async def test_a_message_joins_a_call_that_is_under_way_and_costs_no_other(people: People) -> None:
    people.open.clear()
    first = asyncio.create_task(people.directory.look_up(WHO, people.token))
    await eventually(lambda: len(people.calls) == 1)
    joined = asyncio.create_task(people.directory.look_up_now(WHO, people.token, deadline=people.deadline()))
    await asyncio.sleep(0)
    people.open.set()

    assert await joined == ProfileResult(ADA)
    assert await first == Found(ADA)
    assert people.calls == [WHO]


async def test_the_first_message_after_the_cool_down_asks_again_for_somebody_who_could_not_be_read(
    people: People,
) -> None:
    people.result = ProfileInaccessible("no consent")
    await people.directory.look_up_now(WHO, people.token, deadline=people.deadline())
    people.result = ADA

    people.seconds = NEGATIVE_TTL_SECONDS
    assert people.directory.cached(WHO) is None

    assert await people.directory.look_up_now(WHO, people.token, deadline=people.deadline()) == ProfileResult(ADA)
