"""A channel that deliveries come in on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiormq.abc
from aio_pika.abc import AbstractChannel, AbstractConnection

from shared.errors import DependencyUnavailable
from shared.messaging.rabbitmq.errors import translate_amqp_errors

CALL_TIMEOUT_SECONDS = 5.0
"""For one answer of the broker on an open connection."""
LEAVING_TIMEOUT_SECONDS = 1.0
"""The same when we are leaving: what is not answered then is undone by closing the connection."""


class ConsumingChannel:
    """An open channel with a prefetch; every call is bounded and raises `DependencyUnavailable`.

    Deliveries go to a plain function in the order of their tags, without the task that aio_pika's own message objects
    would cost each.
    """

    def __init__(self, channel: AbstractChannel, raw: aiormq.abc.AbstractChannel) -> None:
        self.channel = channel
        self._raw = raw

    async def consume(self, queue: str, on_message: Callable[[aiormq.abc.DeliveredMessage], None]) -> str:
        """Ask for `queue`'s deliveries; returns the consumer's tag."""

        async def put(message: aiormq.abc.DeliveredMessage) -> None:
            on_message(message)

        with translate_amqp_errors(f"consuming {queue}"):
            answer = await self._raw.basic_consume(queue, put, timeout=CALL_TIMEOUT_SECONDS)
        return answer.consumer_tag or ""

    async def cancel(self, consumer_tag: str) -> None:
        """Ask for no more deliveries; those that came may still be acknowledged."""
        with translate_amqp_errors("cancelling a consumer"):
            await self._raw.basic_cancel(consumer_tag, timeout=LEAVING_TIMEOUT_SECONDS)

    async def acknowledge(self, tag: int) -> None:
        """Tell the broker that every delivery up to `tag` is finished."""
        with translate_amqp_errors("acknowledging"):
            async with asyncio.timeout(CALL_TIMEOUT_SECONDS):
                await self._raw.basic_ack(tag, multiple=True, wait=False)


@asynccontextmanager
async def consuming_channel(
    connection: AbstractConnection, *, prefetch: int, on_end: Callable[[], None], on_cancelled: Callable[[], None]
) -> AsyncIterator[ConsumingChannel]:
    """Open a channel; closing it returns what is not acknowledged to the queue.

    Args:
        connection: stays open when the channel closes.
        prefetch: most unacknowledged AMQP messages.
        on_end: called when the channel or its connection is lost.
        on_cancelled: called when the broker cancels a consumer, as it does when a queue is deleted.

    Raises:
        DependencyUnavailable: the broker did not open it in time.
    """
    with translate_amqp_errors("opening a channel"):
        async with asyncio.timeout(CALL_TIMEOUT_SECONDS):
            channel = await connection.channel(publisher_confirms=False)
            raw = await channel.get_underlay_channel()
            await channel.set_qos(prefetch_count=prefetch)
    channel.close_callbacks.add(lambda *_: on_end())
    raw.on_consumer_cancel_callbacks.add(lambda _: on_cancelled())
    if channel.is_closed:
        on_end()
    try:
        yield ConsumingChannel(channel, raw)
    finally:
        await _close(channel)


async def _close(channel: AbstractChannel) -> None:
    try:
        with translate_amqp_errors("closing a channel"):
            async with asyncio.timeout(LEAVING_TIMEOUT_SECONDS):
                await channel.close()
    except DependencyUnavailable:
        pass  # lost already: the broker has returned its deliveries by itself
