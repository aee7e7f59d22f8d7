"""Declares the queues of `shared.messaging.topology` in AMQP terms that RabbitMQ 3.10 to 4.x share.

Nothing here relies on a default that changed between those versions: every limit is explicit, and no policy, plugin or
queue type beyond quorum and exclusive classic is needed. See docs/adr for why.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractConnection
from pamqp.common import FieldTable

from shared.messaging.topology import DEAD_LETTER_EXCHANGE, DEAD_LETTER_QUEUE, EXCHANGE, WorkQueue

DELIVERY_LIMIT = 1000
"""Deliveries of one AMQP message before the broker dead-letters it: the last resort for one that kills its consumers.

Explicit, because the default is none on 3.x and 20 on 4.x. High, because every lost connection counts for everything
that was prefetched. Never -1, which 3.10 takes for zero.
"""


@dataclass(frozen=True, kw_only=True)
class QueueBounds:
    """How much a queue holds before it rejects: publishers then get `DependencyUnavailable`, and webhooks a 503.

    Fixed when a queue is first declared. Another value needs a new queue name, or a stricter policy.
    """

    max_messages: int = 2_000_000
    """AMQP messages; under load, each carries up to 64 events."""
    max_bytes: int = 16 * 1024**3
    """Bytes of message bodies, on disk."""


async def declare(connection: AbstractConnection, queues: Sequence[WorkQueue], bounds: QueueBounds) -> None:
    """Declare exchanges and all durable `queues`. What exists with the same arguments stays as it is.

    Raises:
        AMQPError: whatever aio_pika raises. A queue that exists with other arguments is a `ChannelPreconditionFailed`,
            whose text names the queue and the argument.
    """
    async with connection.channel(publisher_confirms=False) as channel:
        await channel.declare_exchange(EXCHANGE, ExchangeType.TOPIC, durable=True)
        await channel.declare_exchange(DEAD_LETTER_EXCHANGE, ExchangeType.FANOUT, durable=True)
        dead = await channel.declare_queue(DEAD_LETTER_QUEUE, durable=True, arguments=_bounded(QueueBounds()))
        await dead.bind(DEAD_LETTER_EXCHANGE)
        for queue in queues:
            await _declare_work_queue(channel, queue, bounds)


async def _declare_work_queue(channel: AbstractChannel, queue: WorkQueue, bounds: QueueBounds) -> None:
    work = await channel.declare_queue(
        queue.name,
        durable=True,
        arguments=_bounded(bounds) | _dead_letters_to(DEAD_LETTER_EXCHANGE),
    )
    for event in queue.events:
        await work.bind(EXCHANGE, f"{event.type_name()}.*")
    for attempts in range(1, len(queue.retry_delays_seconds) + 1):
        name, delay_seconds = queue.retry_queue(attempts)
        # Messages expire only at the head of a queue: hence one queue per delay. The default exchange leads back.
        back = _dead_letters_to("") | {"x-dead-letter-routing-key": queue.name}
        await channel.declare_queue(
            name, durable=True, arguments=_bounded(bounds) | back | {"x-message-ttl": int(delay_seconds * 1000)}
        )


def _bounded(bounds: QueueBounds) -> FieldTable:
    return {
        "x-queue-type": "quorum",
        "x-overflow": "reject-publish",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-max-length": bounds.max_messages,
        "x-max-length-bytes": bounds.max_bytes,
    }


def _dead_letters_to(exchange: str) -> FieldTable:
    # At-least-once needs reject-publish (RabbitMQ, "Dead Lettering"); without it, it is silently at-most-once.
    return {"x-dead-letter-exchange": exchange, "x-dead-letter-strategy": "at-least-once"}
