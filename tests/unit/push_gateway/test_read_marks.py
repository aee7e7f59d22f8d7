import asyncio

import pytest
from prometheus_client import CollectorRegistry

from push_gateway.delivery.read_marks import ReadMarks
from push_gateway.metrics import Metrics
from shared.aio.background import BackgroundTasks
from shared.contracts.internal import ReadRequest, ReadResponse
from shared.errors import DependencyUnavailable
from shared.store_client.errors import REFUSED_RETRY_SECONDS, NoSuchConversation, StoreRefused


class FakePositions:
    """Fails as often as it is told to, then writes down."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.told: asyncio.Queue[ReadRequest] = asyncio.Queue()
        self.called_at: list[float] = []

    async def mark_read(self, request: ReadRequest) -> ReadResponse:
        self.called_at.append(asyncio.get_running_loop().time())
        if self.errors:
            raise self.errors.pop(0)
        self.told.put_nowait(request)
        return ReadResponse(seq=request.up_to_seq)


def marks(positions: FakePositions) -> ReadMarks:
    return ReadMarks(positions, Metrics(CollectorRegistry()), jitter=lambda: 1.0)


async def test_only_the_highest_mark_of_a_conversation_is_sent() -> None:
    positions = FakePositions()
    reading = marks(positions)
    for seq in (3, 9, 4):
        reading.mark("ada", "c1", seq)
    async with reading.running(BackgroundTasks()), asyncio.timeout(5):
        assert await positions.told.get() == ReadRequest(user_id="ada", conversation_id="c1", up_to_seq=9)
    assert positions.told.empty()


async def test_a_mark_is_retried_after_an_outage_and_dropped_after_a_refusal() -> None:
    positions = FakePositions(DependencyUnavailable("away"), NoSuchConversation("404"))
    reading = marks(positions)
    async with reading.running(BackgroundTasks()), asyncio.timeout(5):
        reading.mark("ada", "c1", 1)
        reading.mark("bob", "c2", 2)
        told = await positions.told.get()
        assert told.up_to_seq in (1, 2)
    assert positions.told.empty()


@pytest.mark.parametrize(
    ("error", "pause_seconds"),
    [
        pytest.param(DependencyUnavailable("away"), 0.2, id="away"),
        pytest.param(StoreRefused("mend the token", status=401), REFUSED_RETRY_SECONDS, id="refused"),
    ],
)
async def test_no_worker_calls_the_store_before_the_delay_is_over(error: Exception, pause_seconds: float) -> None:
    """Neither the workers that had nothing to do, nor for marks that come meanwhile."""
    positions = FakePositions(error)
    reading = marks(positions)
    async with reading.running(BackgroundTasks()), asyncio.timeout(10):
        await asyncio.sleep(0)  # every worker waits for the first mark
        reading.mark("ada", "c1", 1)
        while not positions.called_at:  # noqa: ASYNC110 - nothing wakes us for that
            await asyncio.sleep(0)
        reading.mark("bob", "c1", 1)
        await positions.told.get()
        await positions.told.get()

    first, *others = positions.called_at
    assert len(others) == 2
    assert min(others) - first >= pause_seconds


async def test_concurrent_failures_count_as_one_for_the_backoff() -> None:
    """Four workers that fail together have found out one thing."""

    class Slow(FakePositions):
        async def mark_read(self, request: ReadRequest) -> ReadResponse:
            await asyncio.sleep(0.01)  # so that all four ask before the first one has failed
            return await super().mark_read(request)

    positions = Slow(*(DependencyUnavailable("away") for _ in range(8)))
    reading = marks(positions)
    async with reading.running(BackgroundTasks()), asyncio.timeout(10):
        for number in range(4):
            reading.mark(f"user-{number}", "c1", 1)
        for _ in range(4):
            await positions.told.get()

    assert positions.called_at[-1] - positions.called_at[0] < 1.0, "0.2 s and 0.4 s"


async def test_a_stored_mark_ends_the_delay() -> None:
    """One of several stores may refuse us while the others do not."""

    class OneOfTwo(FakePositions):
        async def mark_read(self, request: ReadRequest) -> ReadResponse:
            if request.user_id == "ada" and not self.called_at:
                self.called_at.append(asyncio.get_running_loop().time())
                raise StoreRefused("mend the token", status=401)
            await asyncio.sleep(0.01)
            self.told.put_nowait(request)
            return ReadResponse(seq=request.up_to_seq)

    positions = OneOfTwo()
    reading = marks(positions)
    reading.mark("bob", "c1", 1)
    reading.mark("ada", "c1", 1)
    async with reading.running(BackgroundTasks()), asyncio.timeout(REFUSED_RETRY_SECONDS / 2):
        assert {(await positions.told.get()).user_id for _ in range(2)} == {"ada", "bob"}


async def test_a_newer_mark_is_kept_while_an_older_one_is_retried() -> None:
    positions = FakePositions(DependencyUnavailable("away"))
    reading = marks(positions)
    async with reading.running(BackgroundTasks()), asyncio.timeout(5):
        reading.mark("ada", "c1", 1)
        await asyncio.sleep(0)
        reading.mark("ada", "c1", 5)
        while (await positions.told.get()).up_to_seq != 5:
            pass


def test_pending_users_and_conversations_are_bounded() -> None:
    reading = marks(FakePositions())
    for number in range(100):
        reading.mark("ada", f"c{number}", 1)
    for number in range(6_000):
        reading.mark(f"user-{number}", "c", 1)
    assert len(reading._waiting) == 5_000
    assert len(reading._waiting["ada"]) == 50
