import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
import pytest

from push_gateway.core import LogPage
from push_gateway.delivery.log_fetcher import LogFetcher
from shared.contracts.internal import LogFrame, LogResponse, TopsResponse, UserLog
from shared.errors import DependencyUnavailable
from shared.store_client.errors import REFUSED_RETRY_SECONDS, StoreRefused


class FakeLog:
    """Every user's log has the frames 1 to 3; answers when `open` is set."""

    def __init__(self) -> None:
        self.asked: list[dict[str, int]] = []
        self.asked_tops: list[Sequence[str]] = []
        self.open = asyncio.Event()
        self.errors: list[Exception] = []
        self._something = asyncio.Event()

    async def wait_for(self, count: int) -> None:
        """Return once it was asked `count` times."""
        async with asyncio.timeout(5):
            while len(self.asked) < count:
                self._something.clear()
                await self._something.wait()

    async def log(self, positions: Mapping[str, int]) -> LogResponse:
        self.asked.append(dict(positions))
        self._something.set()
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
        self.asked_tops.append(user_ids)
        return TopsResponse(epoch="e1", tops=dict.fromkeys(user_ids, 3))


class Pages:
    def __init__(self) -> None:
        self.seen: list[tuple[str, LogPage]] = []
        self._something = asyncio.Event()

    def __call__(self, user_id: str, page: LogPage) -> None:
        self.seen.append((user_id, page))
        self._something.set()

    async def wait_for(self, count: int, seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds):
            while len(self.seen) < count:
                self._something.clear()
                await self._something.wait()


async def until(condition: Callable[[], object]) -> None:
    """Return when `condition` holds; it is the state of another task, so there is nothing to be woken by."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.001)


async def test_concurrent_requests_share_one_query_from_the_earliest_position() -> None:
    log, pages = FakeLog(), Pages()
    log.open.set()
    reading = LogFetcher(log, pages)
    reading.request("ada", 2)
    reading.request("ada", 1)
    reading.request("ada", None)
    reading.request("bob", 3)
    await pages.wait_for(2)

    assert log.asked == [{"ada": 1, "bob": 3}]
    assert [(user, [f.seq for f in page.frames]) for user, page in pages.seen] == [("ada", [2, 3]), ("bob", [])]
    await reading.close()


async def test_a_request_without_a_position_reads_only_the_top() -> None:
    log, pages = FakeLog(), Pages()
    reading = LogFetcher(log, pages)
    reading.request("ada", None)
    await pages.wait_for(1)

    assert log.asked_tops == [["ada"]]
    assert pages.seen == [("ada", LogPage(after=3, epoch="e1", top_seq=3, floor_seq=0, frames=()))]
    await reading.close()


async def test_a_user_is_in_one_query_at_a_time() -> None:
    log, pages = FakeLog(), Pages()
    reading = LogFetcher(log, pages)
    reading.request("ada", 1)
    await log.wait_for(1)
    reading.request("ada", 2)
    reading.request("bob", 0)
    await log.wait_for(2)

    assert log.asked == [{"ada": 1}, {"bob": 0}]
    log.open.set()
    await pages.wait_for(3)
    assert log.asked[2:] == [{"ada": 2}]
    await reading.close()


async def test_a_tab_far_behind_does_not_delay_the_users_other_tabs() -> None:
    log, pages = FakeLog(), Pages()
    reading = LogFetcher(log, pages)
    reading.request("ada", 0)
    await log.wait_for(1)
    reading.request("ada", 200)
    reading.request("ada", 9_000)
    reading.request("ada", 9_001)
    reading.request("ada", 5_000)
    reading.request("ada", None)
    log.open.set()
    await pages.wait_for(3)

    assert log.asked == [{"ada": 0}, {"ada": 200}, {"ada": 9_000}], "two wishes, in turn; a third one is the earliest"
    await reading.close()


async def test_queries_in_flight_are_limited() -> None:
    log, pages = FakeLog(), Pages()
    reading = LogFetcher(log, pages, users_per_request=2, requests_in_flight=2)
    for number in range(7):
        reading.request(f"user-{number}", 0)
    await log.wait_for(2)
    for _ in range(10):
        await asyncio.sleep(0)  # whatever else there is to do is done

    assert [len(batch) for batch in log.asked] == [2, 2]
    log.open.set()
    await pages.wait_for(7)
    await reading.close()


async def test_requests_survive_an_outage_of_the_store() -> None:
    log, pages = FakeLog(), Pages()
    log.open.set()
    log.errors = [DependencyUnavailable("away"), DependencyUnavailable("away")]
    reading = LogFetcher(log, pages)
    reading.request("ada", 0)
    await until(lambda: reading.is_away)
    reading.request("bob", 0)
    assert log.asked == [{"ada": 0}]
    await pages.wait_for(2)

    assert log.asked == [{"ada": 0}, {"ada": 0, "bob": 0}, {"ada": 0, "bob": 0}], "together, one at a time"
    assert not reading.is_away
    await reading.close()


async def test_requests_survive_a_refusal_and_are_retried_slowly() -> None:
    log, pages = FakeLog(), Pages()
    log.open.set()
    log.errors = [StoreRefused("mend the token", status=401)]
    reading = LogFetcher(log, pages)
    reading.request("ada", 0)
    await until(lambda: reading.is_away)
    refused_at = time.monotonic()
    reading.request("bob", 0)

    await pages.wait_for(2, seconds=8)
    assert time.monotonic() - refused_at > REFUSED_RETRY_SECONDS - 0.1
    assert log.asked == [{"ada": 0}, {"ada": 0, "bob": 0}]
    await reading.close()


async def test_a_response_ends_the_delay_after_a_refusal() -> None:
    """One of several stores may refuse us while the others do not."""
    log, pages = FakeLog(), Pages()
    log.errors = [StoreRefused("mend the token", status=401)]
    reading = LogFetcher(log, pages, gather_seconds=0.0)
    reading.request("ada", 0)
    await log.wait_for(1)
    reading.request("bob", 0)
    await log.wait_for(2)
    log.open.set()

    await pages.wait_for(2, seconds=REFUSED_RETRY_SECONDS / 2)
    assert log.asked == [{"ada": 0}, {"bob": 0}, {"ada": 0}]
    await reading.close()


async def test_a_bug_in_one_users_callback_does_not_affect_other_users() -> None:
    log, pages = FakeLog(), Pages()
    log.open.set()

    def take(user_id: str, page: LogPage) -> None:
        if user_id == "ada":
            raise LookupError("a bug")
        pages(user_id, page)

    reading = LogFetcher(log, take)
    reading.request("ada", 0)
    reading.request("bob", 0)

    await pages.wait_for(1, seconds=8)
    assert [user for user, _ in pages.seen] == ["bob"]
    assert log.asked == [{"ada": 0, "bob": 0}, {"bob": 0}]
    await reading.close()


async def test_a_cancelled_request_is_not_sent_again() -> None:
    log, pages = FakeLog(), Pages()
    log.errors = [DependencyUnavailable("away")]
    reading = LogFetcher(log, pages)
    reading.request("ada", 0)
    reading.request("bob", 0)
    await log.wait_for(1)
    reading.request("eve", 0)
    reading.cancel("ada")
    reading.cancel("eve")
    log.open.set()

    await pages.wait_for(1)
    assert log.asked == [{"ada": 0, "bob": 0}, {"bob": 0}]
    await until(lambda: not reading._in_flight)
    assert reading._wanted == {}
    await reading.close()


async def test_a_single_request_is_sent_at_once() -> None:
    log, pages = FakeLog(), Pages()
    log.open.set()
    reading = LogFetcher(log, pages, gather_seconds=60.0)
    reading.request("ada", 0)
    await pages.wait_for(1)

    assert log.asked == [{"ada": 0}]
    await reading.close()


async def test_a_request_long_after_the_last_query_is_sent_at_once() -> None:
    log, pages = FakeLog(), Pages()
    log.open.set()
    reading = LogFetcher(log, pages, gather_seconds=0.2)
    for count in (1, 2):
        began = time.monotonic()
        reading.request(f"user-{count}", 0)
        await pages.wait_for(count)
        assert time.monotonic() - began < 0.15
        await asyncio.sleep(0.25)  # it is the time itself that must go by
    await reading.close()


@pytest.mark.parametrize("at_once", [1, 2])
async def test_in_a_reconnect_storm_queries_are_limited_by_time(at_once: int) -> None:
    """Also where the store answers before the next one comes."""
    log, pages = FakeLog(), Pages()
    log.open.set()
    reading = LogFetcher(log, pages, gather_seconds=0.05)
    began = time.monotonic()
    for number in range(0, 200, at_once):
        for another in range(at_once):
            reading.request(f"user-{number + another}", 0)
        await asyncio.sleep(0.002)
    await pages.wait_for(200)

    assert len(log.asked) < (time.monotonic() - began) / 0.05 + 200 / 64 + 3, "by the clock, however many come"
    assert sum(len(batch) for batch in log.asked) == 200
    await reading.close()


async def test_a_full_query_does_not_wait_for_more_users() -> None:
    log, pages = FakeLog(), Pages()
    log.open.set()
    reading = LogFetcher(log, pages, users_per_request=2, requests_in_flight=1, gather_seconds=60.0)
    for number in range(8):
        reading.request(f"user-{number}", 0)
    await pages.wait_for(8)

    assert [len(batch) for batch in log.asked] == [2] * 4
    await reading.close()
