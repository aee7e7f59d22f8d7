import asyncio

import pytest

from shared.errors import DependencyUnavailable
from shared.messaging.rabbitmq.errors import amqp_call


async def test_a_cancellation_that_comes_with_the_response_is_not_lost() -> None:
    """With `asyncio.wait_for` of Python 3.11 the task would go on."""
    response: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def call() -> None:
        async with amqp_call("unbinding", timeout_seconds=30):
            await response

    calling = asyncio.create_task(call())
    await asyncio.sleep(0)
    response.set_result(None)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling


async def test_a_missing_response_is_an_outage() -> None:
    with pytest.raises(DependencyUnavailable, match="unbinding: TimeoutError"):
        async with amqp_call("unbinding", timeout_seconds=0):
            await asyncio.Event().wait()
