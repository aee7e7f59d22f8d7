import asyncio
from collections.abc import Mapping, Sequence

import pytest

from push_gateway.delivery.maintenance import Maintenance
from push_gateway.delivery.shard_bindings import ShardBindings
from shared.aio.background import BackgroundTasks
from shared.contracts import shard_of
from shared.contracts.internal import LogResponse, TopsResponse
from shared.errors import DependencyUnavailable
from shared.store_client.errors import StoreRefused
from tests.unit.push_gateway.test_hub import RecordingSubscriber, hub
from tests.unit.push_gateway.test_shard_bindings import FakeSubscription, run_pending_tasks
from tests.unit.push_gateway.test_store_retry import FAST_RETRY

pytestmark = pytest.mark.virtual_time


class FakeTops:
    """Every user's log ends at 7."""

    def __init__(self, *errors: Exception) -> None:
        self.queries: asyncio.Queue[Sequence[str]] = asyncio.Queue()
        self.errors = list(errors)

    async def log(self, positions: Mapping[str, int]) -> LogResponse:
        raise AssertionError(f"unexpected query for {positions}")

    async def tops(self, user_ids: Sequence[str]) -> TopsResponse:
        self.queries.put_nowait(user_ids)
        if self.errors:
            raise self.errors.pop(0)
        return TopsResponse(epoch="e1", tops=dict.fromkeys(user_ids, 7))


async def test_after_a_late_binding_only_users_of_that_shard_are_checked_at_once() -> None:
    users, subscription, log = hub(), FakeSubscription(), FakeTops()
    ada, bob = RecordingSubscriber(), RecordingSubscriber()
    channel, _ = users.join("ada", ada)
    users.join("bob", bob)
    assert shard_of("ada") != shard_of("bob")
    maintenance = Maintenance(users, log, FAST_RETRY, heartbeat_seconds=1000.0)
    shards = ShardBindings(subscription, bind_timeout_seconds=0.01, on_bound_late=maintenance.on_bound_late)
    async with maintenance.running(shards, BackgroundTasks()), asyncio.timeout(5):
        shards.acquire(channel.shard)
        assert not await shards.wait_until_bound(channel.shard)
        assert log.queries.empty()
        subscription.confirm.set()

        assert await log.queries.get() == ["ada"]
        maintenance.on_gap()
        assert await log.queries.get() == ["ada", "bob"]
    await shards.close()

    assert channel.is_bound
    assert ada.tops[0] == ("e1", 7)


async def test_the_search_for_lost_events_is_retried_until_the_store_answers() -> None:
    users, ada = hub(), RecordingSubscriber()
    users.join("ada", ada)
    log = FakeTops(DependencyUnavailable("unavailable"), StoreRefused("change the token", status=401))
    maintenance, background = Maintenance(users, log, FAST_RETRY, heartbeat_seconds=1000.0), BackgroundTasks()
    async with maintenance.running(ShardBindings(FakeSubscription()), background), asyncio.timeout(10):
        maintenance.on_gap()
        for _ in range(3):
            assert await log.queries.get() == ["ada"]
        await run_pending_tasks()

    assert ada.tops == [("e1", 7)]
    assert background.problems == []
