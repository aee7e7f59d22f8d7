"""One user's requests wait for each other, and hardly at all for those of a user with many.

How long a request takes depends on the machine. So these tests count: how many of the loud user's requests end while
one of the quiet user's is under way. In one queue for all, that is as many as are in flight.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from statistics import median

import httpx
import pytest

from bench.large_inbox.filling import USER, Inbox, fill, vocabulary
from shared.contracts.internal import TopsRequest
from shared.store_client import paths
from tests.integration.store.parts import Service, as_user, message

pytestmark = pytest.mark.postgres

INBOX = Inbox(4_000, 400)
SEARCH = f"/api/search?q={vocabulary()[0]}&limit=100"
FULL_PAGE = "/api/conversations?limit=200"
LOUD_IN_FLIGHT = 32
FEW = 12
"""A quiet user waits for one of the loud user's requests at most, to begin with. The rest is for those that end while
its own request runs, which takes several statements. One queue for all makes it wait for 32 before."""
SAMPLES = 9


@dataclass
class Noise:
    """What a loud user asked."""

    statuses: list[int] = field(default_factory=list)


@asynccontextmanager
async def noise(service: Service, path: str) -> AsyncIterator[Noise]:
    """Keep 32 requests of the loud user in flight while the context lasts."""
    made, headers, is_loud = Noise(), as_user(USER), asyncio.Event()
    limits = httpx.Limits(max_connections=LOUD_IN_FLIGHT)
    async with httpx.AsyncClient(base_url=service.public.base_url, timeout=60, limits=limits) as client:

        async def ask() -> None:
            while True:
                made.statuses.append((await client.get(path, headers=headers)).status_code)
                if len(made.statuses) == LOUD_IN_FLIGHT:  # all have asked, and ask again
                    is_loud.set()

        asking = [asyncio.create_task(ask()) for _ in range(LOUD_IN_FLIGHT)]
        try:
            async with asyncio.timeout(60):
                await is_loud.wait()
            yield made
        finally:
            for task in asking:
                task.cancel()
            ended = await asyncio.wait(asking, timeout=60)
            assert all(task.cancelled() for task in ended[0]), "a request of the loud user failed"


async def overtaken_by(made: Noise, asked: Callable[[], AbstractAsyncContextManager[None]]) -> list[int]:
    """Ask several times; return how many requests of the loud user ended during each."""
    numbers = []
    for _ in range(SAMPLES):
        before = len(made.statuses)
        async with asked():
            numbers.append(len(made.statuses) - before)
    return numbers


@pytest.fixture
async def shared_store(
    start: Callable[..., AbstractAsyncContextManager[Service]], database_url: str
) -> AsyncIterator[Service]:
    """Yield a store with a large inbox of one user and a small one of another. Nothing times out on a slow machine."""
    await fill(database_url, INBOX)
    patience = {"turn_timeout_seconds": 60, "database_timeout_seconds": 60, "search_timeout_seconds": 60}
    async with start(**patience) as service:
        await service.broker.publish(
            [message(f"m-{n}", user="quiet", page="quiet-page", person=f"p-{n}") for n in range(20)]
        )
        yield service


@pytest.mark.parametrize("path", [SEARCH, FULL_PAGE])
async def test_a_quiet_user_and_the_gateway_wait_for_few_requests_of_a_loud_one(
    shared_store: Service, path: str
) -> None:
    @asynccontextmanager
    async def listed() -> AsyncIterator[None]:
        answer = await shared_store.get("/api/conversations", "quiet")
        yield
        assert (answer.status_code, len(answer.json())) == (200, 20)

    @asynccontextmanager
    async def searched() -> AsyncIterator[None]:
        answer = await shared_store.get("/api/search", "quiet", q="text", limit=1, type="person")
        yield
        assert answer.status_code == 200

    @asynccontextmanager
    async def greeted() -> AsyncIterator[None]:
        answer = await shared_store.ask(paths.TOPS_PATH, TopsRequest(user_ids=("quiet",)))
        yield
        assert answer["tops"]["quiet"] > 0

    async with noise(shared_store, path) as made:
        for asked in (listed, searched, greeted):
            numbers = await overtaken_by(made, asked)
            assert median(numbers) <= FEW, (asked.__name__, numbers)
    assert set(made.statuses) == {200}


async def test_a_user_with_too_many_requests_is_told_when_to_ask_again_and_others_are_not(
    start: Callable[..., AbstractAsyncContextManager[Service]], database_url: str
) -> None:
    await fill(database_url, INBOX)
    async with start(waiting_requests_per_user=2, turn_timeout_seconds=60) as service:
        quiet = await service.get("/api/search", "quiet", q="text")
        loud: Sequence[httpx.Response] = await asyncio.gather(
            *(service.public.get(SEARCH, headers=as_user(USER)) for _ in range(LOUD_IN_FLIGHT))
        )
        metrics = (await service.public.get("/metrics")).text
    assert quiet.status_code == 200
    refused = [answer for answer in loud if answer.status_code == 429]
    assert {answer.status_code for answer in loud} == {200, 429}
    assert all(answer.headers["Retry-After"].isdigit() for answer in refused)
    assert {answer.json()["type"] for answer in refused} == {"urn:switchboard:problem:too-many-requests"}
    assert f'store_turns_refused_total{{class="search",whose="user"}} {len(refused)}.0' in metrics
    assert 'store_turn_wait_seconds_count{class="search"}' in metrics
    assert USER not in metrics


async def test_a_user_gets_503_when_all_together_have_too_many_requests(
    start: Callable[..., AbstractAsyncContextManager[Service]], database_url: str
) -> None:
    await fill(database_url, INBOX)
    async with start(waiting_requests=0, searches_per_user=2, turn_timeout_seconds=60) as service:
        answers = await asyncio.gather(
            *(service.public.get(SEARCH, headers=as_user(USER)) for _ in range(LOUD_IN_FLIGHT))
        )
    refused = [answer for answer in answers if answer.status_code != 200]
    assert {answer.status_code for answer in refused} == {503}
    assert {answer.json()["type"] for answer in refused} == {"urn:switchboard:problem:unavailable"}
    assert all(answer.headers["Retry-After"].isdigit() for answer in refused)
