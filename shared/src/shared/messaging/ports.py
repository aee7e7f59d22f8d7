"""What services ask of a message broker. Two adapters keep these promises: `rabbitmq` and `local`.

One behavioural suite (tests/contract/test_broker.py) runs against both.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from shared.contracts import AnyEvent, Event
from shared.messaging.outcomes import Outcome
from shared.messaging.topology import SubscriptionQueue, WorkQueue

Handler = Callable[[Sequence[AnyEvent]], Awaitable[Sequence[Outcome]]]
"""Gets what has arrived, returns one outcome per event, in order. Idempotent and commutative.

May raise `DependencyUnavailable`: the same events are then held and tried again until it stops, no attempt is counted.
`shared.messaging.error_policy` decides about any other error: the batch is halved until the event that causes it is
alone.
"""

EventListener = Callable[[Sequence[AnyEvent]], None]
"""Gets events as they come; must return at once and not raise."""


class Publisher(Protocol):
    """Where events go."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Return once every one of `events` is safe: on a quorum queue's disk, or handled where there is no queue.

        Events with the same routing key keep their order.

        Raises:
            DependencyUnavailable: not all of them are known to be safe, within a bounded time. Some may be: publishing
                again is always right.
            TransientError: the same, where no queue keeps them and a handler failed (local adapter only).
        """


class Subscription(Protocol):
    """A process's own, ephemeral view of a stream."""

    async def bind(self, shard: int) -> None:
        """Hear this shard from now on; returns once the broker has confirmed it.

        Raises:
            DependencyUnavailable: the broker did not confirm within a bounded time. It is bound as soon as it is back,
                and `on_gap` is called then.
        """

    async def unbind(self, shard: int) -> None:
        """Stop hearing this shard, now or when the broker is back."""


class Broker(Publisher, Protocol):
    """Publishing, work queues and subscriptions over one connection to one broker."""

    @property
    def is_ready(self) -> bool:
        """Whether everything that was asked of it is set up at this moment: for readiness, never for decisions."""

    def consume(self, queue: WorkQueue, handler: Handler) -> AbstractAsyncContextManager[None]:
        """Handle `queue`'s events while the context lasts.

        Entering does not wait for the broker: it consumes when it can, again after every loss of the connection.
        Leaving stops taking deliveries, lets running calls end within a deadline and acknowledges what they finished.
        """

    def subscribe(
        self, queue: SubscriptionQueue, listener: EventListener, *, on_gap: Callable[[], None]
    ) -> AbstractAsyncContextManager[Subscription]:
        """Hear `queue`'s events while the context lasts; nothing is bound at first.

        `on_gap` is called after the queue was lost and stands again with every binding: what was published in between
        is missing.
        """
