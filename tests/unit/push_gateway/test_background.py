import asyncio

from prometheus_client import CollectorRegistry

from push_gateway.background import Background
from push_gateway.metrics import Metrics
from tests.unit.push_gateway.test_shards import settled


async def for_ever() -> None:
    await asyncio.Event().wait()


async def broken() -> None:
    raise LookupError("a bug")


async def returning() -> None:
    """End as if there were nothing left to do."""


async def cancelled() -> None:
    raise asyncio.CancelledError


async def test_a_task_that_ends_by_itself_in_whatever_way_is_named_and_counted() -> None:
    metrics = CollectorRegistry()
    background = Background(Metrics(metrics))
    works = {"one": broken(), "two": returning(), "three": cancelled(), "four": for_ever()}
    async with background.working(works):
        await settled()

    assert set(background.ended) == {"one", "two", "three"}
    counted = [metrics.get_sample_value("switchboard_gateway_background_ended_total", {"task": name}) for name in works]
    assert counted == [1, 1, 1, None]


async def test_tasks_that_are_told_to_end_have_ended_well() -> None:
    background = Background(Metrics(CollectorRegistry()))
    async with background.working({"one": for_ever()}), background.working({"two": for_ever()}):
        await asyncio.sleep(0)

    await asyncio.sleep(0)
    assert background.ended == ()
