import asyncio

import pytest
from prometheus_client import CollectorRegistry

from push_gateway.delivery.read_marks import ReadMarks
from push_gateway.metrics import Metrics
from shared.aio.background import BackgroundTasks
from shared.contracts.internal import ReadRequest, ReadResponse
from shared.errors import DependencyUnavailable
from shared.store_client.errors import NoSuchConversation, StoreRefused
from tests.unit.push_gateway.test_store_retry import FAST_RETRY

pytestmark = pytest.mark.virtual_time


class FakeStore:
    """Raises `errors` first, then records marks."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.stored: asyncio.Queue[ReadRequest] = asyncio.Queue()
        self.called_at: list[float] = []

    async def mark_read(self, request: ReadRequest) -> ReadResponse:
        self.called_at.append(asyncio.get_running_loop().time())
        if self.errors:
            raise self.errors.pop(0)
        self.stored.put_nowait(request)
        return ReadResponse(seq=request.up_to_seq)


def read_marks(store: FakeStore) -> ReadMarks:
    return ReadMarks(store, Metrics(CollectorRegistry()), FAST_RETRY)


async def test_only_the_highest_mark_of_a_conversation_is_sent() -> None:
    store = FakeStore()
    marks = read_marks(store)
    for seq in (3, 9, 4):
        marks.mark("ada", "c1", seq)
    async with marks.running(BackgroundTasks()), asyncio.timeout(5):
        assert await store.stored.get() == ReadRequest(user_id="ada", conversation_id="c1", up_to_seq=9)
    assert store.stored.empty()


async def test_a_mark_is_retried_after_an_outage_and_dropped_after_a_refusal() -> None:
    store = FakeStore(DependencyUnavailable("unavailable"), NoSuchConversation("404"))
    marks = read_marks(store)
    async with marks.running(BackgroundTasks()), asyncio.timeout(5):
        marks.mark("ada", "c1", 1)
        marks.mark("bob", "c2", 2)
        request = await store.stored.get()
        assert request.up_to_seq in (1, 2)
    assert store.stored.empty()


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(DependencyUnavailable("unavailable"), id="unavailable"),
        pytest.param(StoreRefused("change the token", status=401), id="refused"),
    ],
)
async def test_no_worker_calls_the_store_before_the_delay_is_over(error: DependencyUnavailable) -> None:
    """Neither idle workers nor new marks shorten the delay."""
    store = FakeStore(error)
    marks = read_marks(store)
    async with marks.running(BackgroundTasks()), asyncio.timeout(10):
        await asyncio.sleep(0)  # every worker waits for the first mark
        marks.mark("ada", "c1", 1)
        while not store.called_at:  # noqa: ASYNC110 - nothing notifies us
            await asyncio.sleep(0)
        marks.mark("bob", "c1", 1)
        await store.stored.get()
        await store.stored.get()

    first, *others = store.called_at
    assert len(others) == 2
    assert min(others) - first >= FAST_RETRY.delay_seconds(error, 1)


async def test_concurrent_failures_count_as_one_for_the_backoff() -> None:
    """Four workers that fail together have noticed one outage."""

    class SlowStore(FakeStore):
        async def mark_read(self, request: ReadRequest) -> ReadResponse:
            await asyncio.sleep(0.01)  # all four call before the first one has failed
            return await super().mark_read(request)

    store = SlowStore(*(DependencyUnavailable("unavailable") for _ in range(8)))
    marks = read_marks(store)
    async with marks.running(BackgroundTasks()), asyncio.timeout(10):
        for number in range(4):
            marks.mark(f"user-{number}", "c1", 1)
        for _ in range(4):
            await store.stored.get()

    assert store.called_at[-1] - store.called_at[0] < 0.6, "0.1 s and 0.2 s, not 8 delays"


async def test_a_stored_mark_ends_the_delay() -> None:
    """One of several store processes may refuse us while the others do not."""

    class RefusesAdaOnce(FakeStore):
        async def mark_read(self, request: ReadRequest) -> ReadResponse:
            if request.user_id == "ada" and not self.called_at:
                self.called_at.append(asyncio.get_running_loop().time())
                raise StoreRefused("change the token", status=401)
            await asyncio.sleep(0.01)
            self.stored.put_nowait(request)
            return ReadResponse(seq=request.up_to_seq)

    store = RefusesAdaOnce()
    marks = read_marks(store)
    marks.mark("bob", "c1", 1)
    marks.mark("ada", "c1", 1)
    async with marks.running(BackgroundTasks()), asyncio.timeout(FAST_RETRY.refused_seconds * 0.75):
        assert {(await store.stored.get()).user_id for _ in range(2)} == {"ada", "bob"}


async def test_a_newer_mark_is_kept_while_an_older_one_is_retried() -> None:
    store = FakeStore(DependencyUnavailable("unavailable"))
    marks = read_marks(store)
    async with marks.running(BackgroundTasks()), asyncio.timeout(5):
        marks.mark("ada", "c1", 1)
        await asyncio.sleep(0)
        marks.mark("ada", "c1", 5)
        while (await store.stored.get()).up_to_seq != 5:
            pass


def test_pending_users_and_conversations_are_bounded() -> None:
    marks = read_marks(FakeStore())
    for number in range(100):
        marks.mark("ada", f"c{number}", 1)
    for number in range(6_000):
        marks.mark(f"user-{number}", "c", 1)
    assert len(marks._pending) == 5_000
    assert len(marks._pending["ada"]) == 50
