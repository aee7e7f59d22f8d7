"""A channel for consuming."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiormq.abc
from aio_pika.abc import AbstractChannel, AbstractConnection

from shared.errors import DependencyUnavailable
from shared.messaging.rabbitmq.errors import amqp_call

CALL_TIMEOUT_SECONDS = 5.0
"""For one response of the broker on an open connection."""
LEAVING_TIMEOUT_SECONDS = 1.0
"""The same while shutting down: closing the connection undoes what the broker has not answered by then."""


class ConsumingChannel:
    """An open channel with a prefetch. Every call is bounded in time and raises `DependencyUnavailable`.

    Deliveries go to a plain function in the order of their tags. aio_pika's own message objects would cost one task per
    delivery.
    """

    def __init__(self, channel: AbstractChannel, raw: aiormq.abc.AbstractChannel) -> None:
        self.channel = channel
        self._raw = raw

    async def consume(self, queue: str, on_message: Callable[[aiormq.abc.DeliveredMessage], None]) -> str:
        """Start deliveries of `queue` to `on_message`; return the consumer's tag."""

        async def put(message: aiormq.abc.DeliveredMessage) -> None:
            on_message(message)

        async with amqp_call(f"consuming {queue}", timeout_seconds=CALL_TIMEOUT_SECONDS):
            response = await self._raw.basic_consume(queue, put)
        return response.consumer_tag or ""

    async def cancel(self, consumer_tag: str) -> None:
        """Stop deliveries. Those that have arrived can still be acknowledged."""
        async with amqp_call("cancelling a consumer", timeout_seconds=LEAVING_TIMEOUT_SECONDS):
            await self._raw.basic_cancel(consumer_tag)

    async def acknowledge(self, tag: int) -> None:
        """Acknowledge every delivery up to `tag`."""
        async with amqp_call("acknowledging", timeout_seconds=CALL_TIMEOUT_SECONDS):
            await self._raw.basic_ack(tag, multiple=True, wait=False)


@asynccontextmanager
async def consuming_channel(
    connection: AbstractConnection, *, prefetch: int, on_end: Callable[[], None], on_cancelled: Callable[[], None]
) -> AsyncIterator[ConsumingChannel]:
    """Open a channel while the context lasts. Closing it returns unacknowledged deliveries to the queue.

    Args:
        connection: stays open when the channel closes.
        prefetch: the maximum number of unacknowledged AMQP messages.
        on_end: called when the channel or its connection is lost.
        on_cancelled: called when the broker cancels a consumer, for example because its queue was deleted.

    Raises:
        DependencyUnavailable: the broker did not open it in time.
    """
    async with amqp_call("opening a channel", timeout_seconds=CALL_TIMEOUT_SECONDS):
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
        async with amqp_call("closing a channel", timeout_seconds=LEAVING_TIMEOUT_SECONDS):
            await channel.close()
    except DependencyUnavailable:
        pass  # already lost: the broker has returned its deliveries itself
