import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec
import pytest

from push_gateway.core import LogPage
from push_gateway.delivery.log_fetcher import LogFetcher
from shared.contracts.internal import LogFrame, LogResponse, TopsResponse, UserLog
from shared.errors import DependencyUnavailable
from shared.store_client.errors import StoreRefused
from tests.unit.push_gateway.test_store_retry import FAST_RETRY

pytestmark = pytest.mark.virtual_time


class FakeLog:
    """Every user's log has the frames 1 to 3. It answers once `open` is set."""

    def __init__(self) -> None:
        self.queries: list[dict[str, int]] = []
        self.tops_queries: list[Sequence[str]] = []
        self.open = asyncio.Event()
        self.errors: list[Exception] = []
        self._changed = asyncio.Event()

    async def wait_for(self, count: int) -> None:
        """Wait for `count` queries."""
        async with asyncio.timeout(5):
            while len(self.queries) < count:
                self._changed.clear()
                await self._changed.wait()

    async def log(self, positions: Mapping[str, int]) -> LogResponse:
        self.queries.append(dict(positions))
        self._changed.set()
        await self.open.wait()
        if self.errors:
            raise self.errors.pop(0)
        users = tuple(
            UserLog(
                user_id=user,
                seq=3,
                floor_seq=0,
                frames=tuple(LogFrame(seq=n, kind="new_message", data=msgspec.Raw(b"{}")) for n in range(after + 1, 4)),
            )
            for user, after in positions.items()
        )
        return LogResponse(epoch="e1", users=users)

    async def tops(self, user_ids: Sequence[str]) -> TopsResponse:
        self.tops_queries.append(user_ids)
        return TopsResponse(epoch="e1", tops=dict.fromkeys(user_ids, 3))


class Pages:
    def __init__(self) -> None:
        self.received: list[tuple[str, LogPage]] = []
        self._changed = asyncio.Event()

    def __call__(self, user_id: str, page: LogPage) -> None:
        self.received.append((user_id, page))
        self._changed.set()

    async def wait_for(self, count: int, seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds):
            while len(self.received) < count:
                self._changed.clear()
                await self._changed.wait()


async def until(condition: Callable[[], object]) -> None:
    """Wait until `condition` holds. It is the state of another task, which notifies nobody."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.001)


async def test_concurrent_requests_share_one_query_from_the_earliest_position() -> None:
    log, pages = FakeLog(), Pages()
    log.open.set()
    fetcher = LogFetcher(log, pages, FAST_RETRY)
    fetcher.request("ada", 2)
    fetcher.request("ada", 1)
    fetcher.request("ada", None)
    fetcher.request("bob", 3)
    await pages.wait_for(2)

    assert log.queries == [{"ada": 1, "bob": 3}]
    assert [(user, [f.seq for f in page.frames]) for user, page in pages.received] == [("ada", [2, 3]), ("bob", [])]
    await fetcher.close()


async def test_a_request_without_a_position_reads_only_the_top() -> None:
    log, pages = FakeLog(), Pages()
    fetcher = LogFetcher(log, pages, FAST_RETRY)
    fetcher.request("ada", None)
    await pages.wait_for(1)

    assert log.tops_queries == [["ada"]]
    assert pages.received == [("ada", LogPage(after=3, epoch="e1", top_seq=3, floor_seq=0, frames=()))]
    await fetcher.close()


async def test_a_user_is_in_one_query_at_a_time() -> None:
    log, pages = FakeLog(), Pages()
    fetcher = LogFetcher(log, pages, FAST_RETRY)
    fetcher.request("ada", 1)
    await log.wait_for(1)
    fetcher.request("ada", 2)
    fetcher.request("bob", 0)
    await log.wait_for(2)

    assert log.queries == [{"ada": 1}, {"bob": 0}]
    log.open.set()
    await pages.wait_for(3)
    assert log.queries[2:] == [{"ada": 2}]
    await fetcher.close()


async def test_a_tab_far_behind_does_not_delay_the_users_other_tabs() -> None:
    log, pages = FakeLog(), Pages()
    fetcher = LogFetcher(log, pages, FAST_RETRY)
    fetcher.request("ada", 0)
    await log.wait_for(1)
    fetcher.request("ada", 200)
    fetcher.request("ada", 9_000)
    fetcher.request("ada", 9_001)
    fetcher.request("ada", 5_000)
    fetcher.request("ada", None)
    log.open.set()
    await pages.wait_for(3)

    assert log.queries == [{"ada": 0}, {"ada": 200}, {"ada": 9_000}], (
        "two requests, in turn; a third one is covered by the earliest"
    )
    await fetcher.close()


async def test_queries_in_flight_are_limited() -> None:
    log, pages = FakeLog(), Pages()
    fetcher = LogFetcher(log, pages, FAST_RETRY, users_per_query=2, max_queries=2)
    for number in range(7):
        fetcher.request(f"user-{number}", 0)
    await log.wait_for(2)
    for _ in range(10):
        await asyncio.sleep(0)  # everything that can run has run

    assert [len(batch) for batch in log.queries] == [2, 2]
    log.open.set()
    await pages.wait_for(7)
    await fetcher.close()


async def test_requests_survive_an_outage_of_the_store() -> None:
    log, pages = FakeLog(), Pages()
    log.open.set()
    log.errors = [DependencyUnavailable("unavailable"), DependencyUnavailable("unavailable")]
    fetcher = LogFetcher(log, pages, FAST_RETRY)
    fetcher.request("ada", 0)
    await until(lambda: fetcher.is_backing_off)
    fetcher.request("bob", 0)
    assert log.queries == [{"ada": 0}]
    await pages.wait_for(2)

    assert log.queries == [{"ada": 0}, {"ada": 0, "bob": 0}, {"ada": 0, "bob": 0}], "together, one at a time"
    assert not fetcher.is_backing_off
    await fetcher.close()


async def test_requests_survive_a_refusal_and_are_retried_slowly() -> None:
    log, pages = FakeLog(), Pages()
    log.open.set()
    log.errors = [StoreRefused("change the token", status=401)]
    fetcher = LogFetcher(log, pages, FAST_RETRY)
    fetcher.request("ada", 0)
    await until(lambda: fetcher.is_backing_off)
    refused_at = asyncio.get_running_loop().time()
    fetcher.request("bob", 0)

    await pages.wait_for(2, seconds=8)
    assert asyncio.get_running_loop().time() - refused_at > FAST_RETRY.refused_seconds - 0.1
    assert log.queries == [{"ada": 0}, {"ada": 0, "bob": 0}]
    await fetcher.close()


async def test_a_response_ends_the_delay_after_a_refusal() -> None:
    """One of several store processes may refuse us while the others do not."""
    log, pages = FakeLog(), Pages()
    log.errors = [StoreRefused("change the token", status=401)]
    fetcher = LogFetcher(log, pages, FAST_RETRY, batch_window_seconds=0.0)
    fetcher.request("ada", 0)
    await log.wait_for(1)
    fetcher.request("bob", 0)
    await log.wait_for(2)
    log.open.set()

    await pages.wait_for(2, seconds=FAST_RETRY.refused_seconds / 2)
    assert log.queries == [{"ada": 0}, {"bob": 0}, {"ada": 0}]
    await fetcher.close()


async def test_a_bug_in_one_users_callback_does_not_affect_other_users() -> None:
    log, pages = FakeLog(), Pages()
    log.open.set()

    def take(user_id: str, page: LogPage) -> None:
        if user_id == "ada":
            raise LookupError("a bug")
        pages(user_id, page)

    fetcher = LogFetcher(log, take, FAST_RETRY)
    fetcher.request("ada", 0)
    fetcher.request("bob", 0)

    await pages.wait_for(1, seconds=8)
    assert [user for user, _ in pages.received] == ["bob"]
    assert log.queries == [{"ada": 0, "bob": 0}, {"bob": 0}]
    await fetcher.close()


async def test_a_cancelled_request_is_not_sent_again() -> None:
    log, pages = FakeLog(), Pages()
    log.errors = [DependencyUnavailable("unavailable")]
    fetcher = LogFetcher(log, pages, FAST_RETRY)
    fetcher.request("ada", 0)
    fetcher.request("bob", 0)
    await log.wait_for(1)
    fetcher.request("eve", 0)
    fetcher.cancel("ada")
    fetcher.cancel("eve")
    log.open.set()

    await pages.wait_for(1)
    assert log.queries == [{"ada": 0, "bob": 0}, {"bob": 0}]
    await until(lambda: not fetcher._in_flight)
    assert fetcher._pending == {}
    await fetcher.close()


async def test_a_single_request_is_sent_at_once() -> None:
    log, pages = FakeLog(), Pages()
    log.open.set()
    fetcher = LogFetcher(log, pages, FAST_RETRY, batch_window_seconds=60.0)
    fetcher.request("ada", 0)
    await pages.wait_for(1)

    assert log.queries == [{"ada": 0}]
    await fetcher.close()


async def test_a_request_long_after_the_last_query_is_sent_at_once() -> None:
    log, pages = FakeLog(), Pages()
    log.open.set()
    fetcher = LogFetcher(log, pages, FAST_RETRY, batch_window_seconds=0.2)
    for count in (1, 2):
        began = asyncio.get_running_loop().time()
        fetcher.request(f"user-{count}", 0)
        await pages.wait_for(count)
        assert asyncio.get_running_loop().time() - began < 0.15
        await asyncio.sleep(0.25)  # the batch window must pass
    await fetcher.close()


@pytest.mark.parametrize("at_once", [1, 2])
async def test_in_a_reconnect_storm_queries_are_limited_by_time(at_once: int) -> None:
    """Also if the store answers before the next request is made."""
    log, pages = FakeLog(), Pages()
    log.open.set()
    fetcher = LogFetcher(log, pages, FAST_RETRY, batch_window_seconds=0.05)
    began = asyncio.get_running_loop().time()
    for number in range(0, 200, at_once):
        for another in range(at_once):
            fetcher.request(f"user-{number + another}", 0)
        await asyncio.sleep(0.002)
    await pages.wait_for(200)

    assert len(log.queries) < (asyncio.get_running_loop().time() - began) / 0.05 + 200 / 64 + 3, (
        "limited by time, however many requests there are"
    )
    assert sum(len(batch) for batch in log.queries) == 200
    await fetcher.close()


async def test_a_full_query_does_not_wait_for_more_users() -> None:
    log, pages = FakeLog(), Pages()
    log.open.set()
    fetcher = LogFetcher(log, pages, FAST_RETRY, users_per_query=2, max_queries=1, batch_window_seconds=60.0)
    for number in range(8):
        fetcher.request(f"user-{number}", 0)
    await pages.wait_for(8)

    assert [len(batch) for batch in log.queries] == [2] * 4
    await fetcher.close()
