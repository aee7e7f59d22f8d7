import asyncio

from push_gateway.delivery.shard_bindings import ShardBindings
from shared.errors import DependencyUnavailable


class FakeSubscription:
    """Records calls; confirms a binding when `confirm` is set."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.confirm = asyncio.Event()
        self.is_unavailable = False

    async def bind(self, shard: int) -> None:
        self.calls.append(f"bind {shard}")
        if self.is_unavailable:
            raise DependencyUnavailable("the broker is unavailable")
        await self.confirm.wait()

    async def unbind(self, shard: int) -> None:
        self.calls.append(f"unbind {shard}")


async def run_pending_tasks() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_shard_is_bound_once_and_unbound_after_its_last_user() -> None:
    subscription = FakeSubscription()
    subscription.confirm.set()
    shards = ShardBindings(subscription)
    shards.acquire(3)
    shards.acquire(3)
    assert await shards.wait_until_bound(3)

    shards.release(3)
    await run_pending_tasks()
    assert subscription.calls == ["bind 3"]

    shards.release(3)
    await run_pending_tasks()
    assert subscription.calls == ["bind 3", "unbind 3"]
    await shards.close()


async def test_a_shard_acquired_again_is_bound_after_it_was_unbound() -> None:
    subscription = FakeSubscription()
    shards = ShardBindings(subscription)
    shards.acquire(3)
    await run_pending_tasks()
    shards.release(3)
    shards.acquire(3)
    subscription.confirm.set()

    assert await shards.wait_until_bound(3)
    assert subscription.calls == ["bind 3", "unbind 3", "bind 3"]
    await shards.close()


async def test_a_shard_acquired_and_released_on_a_slow_broker_ends_bound() -> None:
    subscription = FakeSubscription()
    shards = ShardBindings(subscription)
    for _ in range(2):
        shards.acquire(3)
        await run_pending_tasks()
        shards.release(3)
        await run_pending_tasks()
    subscription.confirm.set()
    async with asyncio.timeout(5):
        while "unbind 3" not in subscription.calls:  # noqa: ASYNC110 - the moment in between is what is tested
            await asyncio.sleep(0)
        shards.acquire(3)
        assert await shards.wait_until_bound(3)
        await run_pending_tasks()

    assert subscription.calls == ["bind 3", "unbind 3", "bind 3", "unbind 3", "bind 3"]
    await shards.close()


async def test_waiting_for_a_slow_or_unavailable_broker_is_limited() -> None:
    subscription = FakeSubscription()
    shards = ShardBindings(subscription, bind_timeout_seconds=0.01)
    shards.acquire(3)

    assert not await shards.wait_until_bound(3)
    subscription.confirm.set()
    assert await shards.wait_until_bound(3)

    subscription.is_unavailable = True
    shards.acquire(4)
    assert not await shards.wait_until_bound(4)
    subscription.is_unavailable = False
    assert await shards.wait_until_bound(4), "the next session tries again"
    await shards.close()


async def test_close_does_not_wait_for_the_broker() -> None:
    shards = ShardBindings(FakeSubscription())
    shards.acquire(3)
    await run_pending_tasks()

    await asyncio.wait_for(shards.close(), timeout=1.0)


async def test_a_shard_bound_after_the_timeout_is_reported_once() -> None:
    subscription = FakeSubscription()
    late: list[int] = []
    shards = ShardBindings(subscription, bind_timeout_seconds=0.01, on_bound_late=late.append)
    shards.acquire(3)
    assert not await shards.wait_until_bound(3)
    assert late == []

    subscription.confirm.set()
    assert await shards.wait_until_bound(3)
    await run_pending_tasks()
    shards.acquire(4)
    assert await shards.wait_until_bound(4), "in time"
    await run_pending_tasks()

    assert late == [3]
    await shards.close()


async def test_a_shard_bound_at_the_second_attempt_is_reported() -> None:
    subscription = FakeSubscription()
    late: list[int] = []
    shards = ShardBindings(subscription, on_bound_late=late.append)
    subscription.is_unavailable = True
    shards.acquire(3)
    assert not await shards.wait_until_bound(3)
    subscription.is_unavailable = False
    subscription.confirm.set()
    assert await shards.wait_until_bound(3)
    await run_pending_tasks()

    assert late == [3]
    await shards.close()
