import asyncio

from push_gateway.delivery.shard_bindings import ShardBindings
from shared.errors import DependencyUnavailable


class FakeSubscription:
    """Notes what is asked of it; confirms a binding when `confirm` is set."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.confirm = asyncio.Event()
        self.is_away = False

    async def bind(self, shard: int) -> None:
        self.asked.append(f"bind {shard}")
        if self.is_away:
            raise DependencyUnavailable("the broker is away")
        await self.confirm.wait()

    async def unbind(self, shard: int) -> None:
        self.asked.append(f"unbind {shard}")


async def settled() -> None:
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
    await settled()
    assert subscription.asked == ["bind 3"]

    shards.release(3)
    await settled()
    assert subscription.asked == ["bind 3", "unbind 3"]
    await shards.close()


async def test_a_shard_acquired_again_is_bound_after_it_was_unbound() -> None:
    subscription = FakeSubscription()
    shards = ShardBindings(subscription)
    shards.acquire(3)
    await settled()
    shards.release(3)
    shards.acquire(3)
    subscription.confirm.set()

    assert await shards.wait_until_bound(3)
    assert subscription.asked == ["bind 3", "unbind 3", "bind 3"]
    await shards.close()


async def test_a_shard_acquired_and_released_on_a_slow_broker_ends_bound() -> None:
    subscription = FakeSubscription()
    shards = ShardBindings(subscription)
    for _ in range(2):
        shards.acquire(3)
        await settled()
        shards.release(3)
        await settled()
    subscription.confirm.set()
    async with asyncio.timeout(5):
        while "unbind 3" not in subscription.asked:  # noqa: ASYNC110 - the moment between the two is what this is about
            await asyncio.sleep(0)
        shards.acquire(3)
        assert await shards.wait_until_bound(3)
        await settled()

    assert subscription.asked == ["bind 3", "unbind 3", "bind 3", "unbind 3", "bind 3"]
    await shards.close()


async def test_waiting_for_a_slow_or_unavailable_broker_is_limited() -> None:
    subscription = FakeSubscription()
    shards = ShardBindings(subscription, bind_timeout_seconds=0.01)
    shards.acquire(3)

    assert not await shards.wait_until_bound(3)
    subscription.confirm.set()
    assert await shards.wait_until_bound(3)

    subscription.is_away = True
    shards.acquire(4)
    assert not await shards.wait_until_bound(4)
    subscription.is_away = False
    assert await shards.wait_until_bound(4), "the next session asks once more"
    await shards.close()


async def test_close_does_not_wait_for_the_broker() -> None:
    shards = ShardBindings(FakeSubscription())
    shards.acquire(3)
    await settled()

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
    await settled()
    shards.acquire(4)
    assert await shards.wait_until_bound(4), "in time"
    await settled()

    assert late == [3]
    await shards.close()


async def test_a_shard_bound_at_the_second_attempt_is_reported() -> None:
    subscription = FakeSubscription()
    late: list[int] = []
    shards = ShardBindings(subscription, on_bound_late=late.append)
    subscription.is_away = True
    shards.acquire(3)
    assert not await shards.wait_until_bound(3)
    subscription.is_away = False
    subscription.confirm.set()
    assert await shards.wait_until_bound(3)
    await settled()

    assert late == [3]
    await shards.close()
