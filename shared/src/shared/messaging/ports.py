"""What services require of a message broker. Two adapters implement it: `rabbitmq` and `local`.

One behavioural suite (tests/contract/test_broker.py) runs against both.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from shared.contracts import AnyEvent, Event
from shared.messaging.outcomes import Outcome
from shared.messaging.topology import SubscriptionQueue, WorkQueue

Handler = Callable[[Sequence[AnyEvent]], Awaitable[Sequence[Outcome]]]
"""Receives the events that have arrived and returns one outcome per event, in order. Idempotent and commutative.

It may raise `DependencyUnavailable`: the same events are then held and retried until it succeeds, and no attempt is
counted. `shared.messaging.error_policy` decides about any other error: the batch is halved until the event that causes
the error is alone.
"""

EventListener = Callable[[Sequence[AnyEvent]], None]
"""Receives events as they arrive. It must return at once and must not raise."""


class Publisher(Protocol):
    """Publishes events."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Return once all `events` are safe: on the disk of a quorum queue or, without a queue, handled.

        Events with the same routing key keep their order.

        Raises:
            DependencyUnavailable: not all events are known to be safe, after a bounded time. Some may be: it is always
                correct to publish them again.
            TransientError: the same, if a handler failed and no queue keeps the events (local adapter only).
            PermanentError: an event is larger than any broker takes; none was published (RabbitMQ adapter only).
        """


class Subscription(Protocol):
    """A process's own, ephemeral subscription to some shards of a stream."""

    async def bind(self, shard: int) -> None:
        """Receive events of `shard` from now on; return once the broker has confirmed it.

        Raises:
            DependencyUnavailable: the broker did not confirm within a bounded time. The shard is bound as soon as the
                broker is back, and `on_gap` is called then.
        """

    async def unbind(self, shard: int) -> None:
        """Stop receiving events of `shard`, now or when the broker is back."""


class Broker(Publisher, Protocol):
    """Publishing, work queues and subscriptions of one process."""

    @property
    def is_ready(self) -> bool:
        """Whether everything that was requested is set up right now. For readiness only, never for decisions."""

    def consume(self, queue: WorkQueue, handler: Handler) -> AbstractAsyncContextManager[None]:
        """Handle the events of `queue` while the context lasts.

        Entering does not wait for the broker: consuming starts when the broker is reachable, and starts again whenever
        the connection was lost. Leaving stops deliveries, waits a bounded time for running calls to end, and
        acknowledges what they finished.
        """

    def subscribe(
        self, queue: SubscriptionQueue, listener: EventListener, *, on_gap: Callable[[], None]
    ) -> AbstractAsyncContextManager[Subscription]:
        """Pass the events of `queue` to `listener` while the context lasts. No shard is bound at first.

        Args:
            queue: what to listen to.
            listener: receives the events of the bound shards.
            on_gap: called after the queue was lost and has been restored with all its bindings. Events that were
                published in between are missing.
        """
