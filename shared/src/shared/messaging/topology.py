"""Who listens to what: names, bounds and delays of every queue. Data, no I/O.

Every service declares every durable queue when it connects; otherwise what is published before a consumer's first start
would be lost without an error. A queue's name carries a version, because its arguments cannot be changed in place.
"""

from dataclasses import dataclass

from shared.contracts import (
    AccountChangedV1,
    Event,
    InboxEnrichedV1,
    InboxPersistedV1,
    ItemParkedV1,
    ProfileRequestedV1,
    ProfileResolvedV1,
    SignalSentV1,
    TokenRefusedV1,
    WebhookReceivedV1,
    WebhookReleasedV1,
    WebhookSplitV1,
    WebhookUnclaimedV1,
    shard_of,
)

EXCHANGE = "events"
DEAD_LETTER_EXCHANGE = "dead"
DEAD_LETTER_QUEUE = "dead.v1"

MAX_EVENTS_PER_MESSAGE = 64
TARGET_BYTES_PER_MESSAGE = 256 * 1024
"""A batch is closed before it passes this; a single event may be larger."""


@dataclass(frozen=True, kw_only=True)
class WorkQueue:
    """A durable queue whose consumers share the work; each event is handled by one of them."""

    name: str
    events: tuple[type[Event], ...]
    max_events_per_call: int = 256
    """A handler gets whatever has arrived, up to this many events."""
    max_bytes_per_call: int = 1024 * 1024
    """The same in encoded bytes, where a queue keeps the events; one event may be larger."""
    concurrent_calls: int = 1
    """How many calls of the handler run at once in one process."""
    retry_delays_seconds: tuple[float, ...] = (1, 5, 30)
    """One fixed-TTL retry queue each; the last one serves every later attempt."""
    max_attempts: int = 8
    """After this many the event is parked."""

    def retry_queue(self, attempts: int) -> tuple[str, float]:
        """Return name and delay in seconds of the queue that an event waits in after `attempts` (1..) failures."""
        delay = self.retry_delays_seconds[min(attempts, len(self.retry_delays_seconds)) - 1]
        return f"{self.name}.retry.{delay}s", delay


@dataclass(frozen=True, kw_only=True)
class SubscriptionQueue:
    """What every process hears for itself, from now on: exclusive, bounded, gone with the connection."""

    prefix: str
    event: type[Event]
    max_messages: int = 10_000
    """The oldest are dropped beyond this: listeners notice from `seq` or `version`, never from the queue."""


ENRICHER_WEBHOOKS = WorkQueue(
    name="enricher.webhooks.v1",
    events=(WebhookReceivedV1, WebhookReleasedV1),
    max_events_per_call=64,
    concurrent_calls=4,
)
STORE_INBOX = WorkQueue(name="store.inbox.v1", events=(InboxEnrichedV1, ProfileResolvedV1), max_events_per_call=512)
STORE_RECORDS = WorkQueue(
    name="store.records.v1",
    events=(ItemParkedV1, WebhookSplitV1, WebhookUnclaimedV1, ProfileRequestedV1, TokenRefusedV1),
    max_events_per_call=512,
)
WORK_QUEUES = (ENRICHER_WEBHOOKS, STORE_INBOX, STORE_RECORDS)

GATEWAY_INBOX = SubscriptionQueue(prefix="push-gateway.inbox", event=InboxPersistedV1)
GATEWAY_SIGNALS = SubscriptionQueue(prefix="push-gateway.signals", event=SignalSentV1, max_messages=1_000)
ENRICHER_ACCOUNTS = SubscriptionQueue(prefix="enricher.accounts", event=AccountChangedV1)


def routing_key(event: Event) -> str:
    """Return `<type>.<shard>`; types that need no keeping together use shard 0, so that they batch well."""
    key = event.shard_key
    return f"{event.type_name()}.{0 if key is None else shard_of(key)}"


def has_work_queue(event: type[Event]) -> bool:
    """Whether an event of this type must reach a queue: then publishing it unroutable is an error."""
    return any(event in queue.events for queue in WORK_QUEUES)
