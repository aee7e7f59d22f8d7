"""Every queue: which events it receives, its name, its limits and its delays. Data, no I/O.

Every service declares every durable queue when it connects. Otherwise, events published before a consumer's first start
would be lost without an error. A queue's name has a version, because its arguments cannot be changed in place.
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
    TokensRevokedV1,
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
"""A batch is closed before it exceeds this; a single event may be larger."""


@dataclass(frozen=True, kw_only=True)
class WorkQueue:
    """A durable queue whose consumers share the work: one of them handles each event."""

    name: str
    events: tuple[type[Event], ...]
    max_events_per_call: int = 256
    """A handler receives whatever has arrived, up to this many events."""
    max_bytes_per_call: int = 1024 * 1024
    """The same limit in encoded bytes (RabbitMQ adapter only); a single event may be larger."""
    concurrent_calls: int = 1
    """How many calls of the handler run at once per process."""
    retry_delays_seconds: tuple[float, ...] = (1, 5, 30)
    """One retry queue with a fixed TTL per delay; the last one serves every later attempt."""
    max_attempts: int = 8
    """The event is parked after this many attempts."""

    @property
    def retry_exchange(self) -> str:
        """The exchange that leads to the retry queues of this queue only.

        The default exchange leads to every queue of the broker, so nobody gets the right to publish to it.
        """
        return f"{self.name}.retry"

    def retry_queue(self, attempts: int) -> tuple[str, float]:
        """Return the name and the delay in seconds of the retry queue after `attempts` failures (1 or more)."""
        delay = self.retry_delays_seconds[min(attempts, len(self.retry_delays_seconds)) - 1]
        return f"{self.name}.retry.{delay}s", delay


@dataclass(frozen=True, kw_only=True)
class SubscriptionQueue:
    """A queue of one process, for events from now on: exclusive, bounded, and deleted with the connection."""

    prefix: str
    event: type[Event]
    max_messages: int = 10_000
    """Beyond this, the oldest are dropped. Listeners notice by `seq` or `version`, never by the queue."""


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
STORE_REVOCATIONS = SubscriptionQueue(prefix="store.revocations", event=TokensRevokedV1, max_messages=1_000)
ENRICHER_REVOCATIONS = SubscriptionQueue(prefix="enricher.revocations", event=TokensRevokedV1, max_messages=1_000)
GATEWAY_REVOCATIONS = SubscriptionQueue(prefix="push-gateway.revocations", event=TokensRevokedV1, max_messages=1_000)


@dataclass(frozen=True, kw_only=True)
class Role:
    """What a service does with events, and therefore all that its broker account may do."""

    publishes: tuple[type[Event], ...] = ()
    consumes: tuple[WorkQueue, ...] = ()
    subscribes: tuple[SubscriptionQueue, ...] = ()


ROLES = {
    "ingest": Role(publishes=(WebhookReceivedV1,)),
    "enricher": Role(
        publishes=(
            InboxEnrichedV1,
            ItemParkedV1,
            ProfileRequestedV1,
            ProfileResolvedV1,
            TokenRefusedV1,
            WebhookSplitV1,
            WebhookUnclaimedV1,
        ),
        consumes=(ENRICHER_WEBHOOKS,),
        subscribes=(ENRICHER_ACCOUNTS, ENRICHER_REVOCATIONS),
    ),
    "store": Role(
        # A replay publishes whatever was parked: every event that a work queue receives.
        publishes=(
            AccountChangedV1,
            InboxPersistedV1,
            TokensRevokedV1,
            *(event for queue in WORK_QUEUES for event in queue.events),
        ),
        consumes=(STORE_INBOX, STORE_RECORDS),
        subscribes=(STORE_REVOCATIONS,),
    ),
    "push-gateway": Role(publishes=(SignalSentV1,), subscribes=(GATEWAY_INBOX, GATEWAY_SIGNALS, GATEWAY_REVOCATIONS)),
}
"""By service. Items that cannot be parked go to the dead letter exchange, which every consumer may use."""


def routing_key(event: Event) -> str:
    """Return `<type>.<shard>`. Types without a shard key use shard 0, so that they batch well."""
    key = event.shard_key
    return f"{event.type_name()}.{0 if key is None else shard_of(key)}"


def has_work_queue(event: type[Event]) -> bool:
    """Return whether events of this type must reach a queue: then it is an error if no queue receives one."""
    return any(event in queue.events for queue in WORK_QUEUES)
