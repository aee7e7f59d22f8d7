import asyncio

from prometheus_client import CollectorRegistry

from push_gateway.background import Background
from push_gateway.metrics import Metrics
from push_gateway.read_marks import ReadMarks, ReadRefused
from push_gateway.store_api import StoreRefused
from shared.contracts.internal import ReadQuery
from shared.errors import DependencyUnavailable


class FakePositions:
    """Fails as often as it is told to, then writes down."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.told: asyncio.Queue[ReadQuery] = asyncio.Queue()

    async def advance(self, query: ReadQuery) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.told.put_nowait(query)


def marks(positions: FakePositions) -> ReadMarks:
    return ReadMarks(positions, Metrics(CollectorRegistry()))


async def test_the_greatest_of_a_conversation_is_told_once() -> None:
    positions = FakePositions()
    reading = marks(positions)
    for seq in (3, 9, 4):
        reading.mark("ada", "c1", seq)
    async with reading.running(Background(Metrics(CollectorRegistry()))), asyncio.timeout(5):
        assert await positions.told.get() == ReadQuery(user_id="ada", conversation_id="c1", up_to_seq=9)
    assert positions.told.empty()


async def test_it_waits_for_the_store_and_gives_up_what_is_refused() -> None:
    positions = FakePositions(DependencyUnavailable("away"), ReadRefused("404"))
    reading = marks(positions)
    async with reading.running(Background(Metrics(CollectorRegistry()))), asyncio.timeout(5):
        reading.mark("ada", "c1", 1)
        reading.mark("bob", "c2", 2)
        told = await positions.told.get()
        assert told.up_to_seq in (1, 2)
    assert positions.told.empty()


async def test_it_waits_for_a_store_that_refuses_us() -> None:
    positions = FakePositions(StoreRefused("mend the token", status=401))
    reading = marks(positions)
    async with reading.running(Background(Metrics(CollectorRegistry()))), asyncio.timeout(8):
        reading.mark("ada", "c1", 1)
        assert (await positions.told.get()).up_to_seq == 1


async def test_a_newer_mark_is_kept_while_an_older_one_waits_for_the_store() -> None:
    positions = FakePositions(DependencyUnavailable("away"))
    reading = marks(positions)
    async with reading.running(Background(Metrics(CollectorRegistry()))), asyncio.timeout(5):
        reading.mark("ada", "c1", 1)
        await asyncio.sleep(0)
        reading.mark("ada", "c1", 5)
        while (await positions.told.get()).up_to_seq != 5:
            pass


def test_users_and_their_conversations_are_bounded() -> None:
    reading = marks(FakePositions())
    for number in range(100):
        reading.mark("ada", f"c{number}", 1)
    for number in range(6_000):
        reading.mark(f"user-{number}", "c", 1)
    assert len(reading._waiting) == 5_000
    assert len(reading._waiting["ada"]) == 50
