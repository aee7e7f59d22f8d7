"""Declares the queues of `shared.messaging.topology` in AMQP terms that RabbitMQ 3.10 to 4.x share.

Nothing here relies on a default that changed between those versions: every limit is explicit, and no policy, plugin or
queue type beyond quorum and exclusive classic is needed. See docs/adr for why.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import ChannelAccessRefused, ChannelNotFoundEntity
from pamqp.common import FieldTable

from shared.errors import DependencyUnavailable
from shared.messaging.topology import DEAD_LETTER_EXCHANGE, DEAD_LETTER_QUEUE, EXCHANGE, WorkQueue

DELIVERY_LIMIT = 1000
"""Deliveries of one AMQP message before the broker dead-letters it: the last resort for one that kills its consumers.

Explicit, because the default is none on 3.x and 20 on 4.x. High, because every lost connection counts for everything
that was prefetched. Never -1, which 3.10 takes for zero.
"""


class TopologyMissing(DependencyUnavailable):
    """An exchange or queue is missing, and our account may not declare it."""


@dataclass(frozen=True, kw_only=True)
class QueueBounds:
    """How much a queue holds before it rejects: publishers then get `DependencyUnavailable`, and webhooks a 503.

    Fixed when a queue is first declared. Another value needs a new queue name, or a stricter policy.
    """

    max_messages: int = 2_000_000
    """AMQP messages; under load, each carries up to 64 events."""
    max_bytes: int = 16 * 1024**3
    """Bytes of message bodies, on disk."""


@dataclass(frozen=True)
class ExchangeSpec:
    """A durable exchange."""

    name: str
    type: ExchangeType


@dataclass(frozen=True)
class QueueSpec:
    """A durable queue."""

    name: str
    arguments: FieldTable


@dataclass(frozen=True)
class BindingSpec:
    """Which messages of an exchange reach a queue."""

    exchange: str
    queue: str
    routing_key: str


@dataclass(frozen=True)
class Declarations:
    """Everything durable on the broker, in an order in which it can be declared."""

    exchanges: Sequence[ExchangeSpec]
    queues: Sequence[QueueSpec]
    bindings: Sequence[BindingSpec]


def declarations(queues: Sequence[WorkQueue], bounds: QueueBounds) -> Declarations:
    """Return what `queues` need: exchanges, the queues, their retry queues, and the dead letter queue."""
    exchanges = [
        ExchangeSpec(EXCHANGE, ExchangeType.TOPIC),
        ExchangeSpec(DEAD_LETTER_EXCHANGE, ExchangeType.FANOUT),
        *(ExchangeSpec(queue.retry_exchange, ExchangeType.DIRECT) for queue in queues),
    ]
    declared = [QueueSpec(DEAD_LETTER_QUEUE, _bounded(QueueBounds()))]
    bindings = [BindingSpec(DEAD_LETTER_EXCHANGE, DEAD_LETTER_QUEUE, "")]
    for queue in queues:
        declared.append(QueueSpec(queue.name, _bounded(bounds) | _dead_letters_to(DEAD_LETTER_EXCHANGE)))
        bindings += [BindingSpec(EXCHANGE, queue.name, f"{event.type_name()}.*") for event in queue.events]
        for attempts in range(1, len(queue.retry_delays_seconds) + 1):
            name, delay_seconds = queue.retry_queue(attempts)
            # Messages expire only at the head of a queue: hence one queue per delay. The default exchange leads back.
            back = _dead_letters_to("") | {"x-dead-letter-routing-key": queue.name}
            ttl = {"x-message-ttl": int(delay_seconds * 1000)}
            declared.append(QueueSpec(name, _bounded(bounds) | back | ttl))
            bindings.append(BindingSpec(queue.retry_exchange, name, name))
    return Declarations(exchanges, declared, bindings)


async def declare(connection: AbstractConnection, queues: Sequence[WorkQueue], bounds: QueueBounds) -> None:
    """Declare exchanges and all durable `queues`. What exists with the same arguments stays as it is.

    An account of one service may not declare them. Then it is enough that everything exists.

    Raises:
        AMQPError: whatever aio_pika raises. A queue that exists with other arguments is a `ChannelPreconditionFailed`,
            whose text names the queue and the argument.
        TopologyMissing: something does not exist, and the account may not declare it.
    """
    wanted = declarations(queues, bounds)
    try:
        async with connection.channel(publisher_confirms=False) as channel:
            await _declare(channel, wanted)
    except ChannelAccessRefused:
        try:
            async with connection.channel(publisher_confirms=False) as channel:
                await _find(channel, wanted)
        except ChannelNotFoundEntity as error:
            raise TopologyMissing(
                f"{error}, and this account may not create it: import the broker's definitions again "
                "(docs/operations.md, Broker accounts)"
            ) from error


async def _declare(channel: AbstractChannel, wanted: Declarations) -> None:
    for exchange in wanted.exchanges:
        await channel.declare_exchange(exchange.name, exchange.type, durable=True)
    queues = {
        queue.name: await channel.declare_queue(queue.name, durable=True, arguments=queue.arguments)
        for queue in wanted.queues
    }
    for binding in wanted.bindings:
        await queues[binding.queue].bind(binding.exchange, binding.routing_key)


async def _find(channel: AbstractChannel, wanted: Declarations) -> None:
    for exchange in wanted.exchanges:
        await channel.declare_exchange(exchange.name, passive=True)
    for queue in wanted.queues:
        await channel.declare_queue(queue.name, passive=True)


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
