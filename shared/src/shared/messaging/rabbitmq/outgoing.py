"""AMQP messages to publish. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.messaging.topology import MAX_EVENTS_PER_MESSAGE, TARGET_BYTES_PER_MESSAGE

LARGEST_EVENT_BYTES = 15 * 1024 * 1024
"""RabbitMQ 4 takes messages up to 16 MiB by default; a larger one closes the channel, which all publishers share."""


@dataclass(frozen=True, kw_only=True)
class OutgoingMessage:
    """One AMQP message."""

    exchange: str
    routing_key: str
    content_type: str
    parts: Sequence[bytes]
    mandatory: bool
    type_name: str = ""
    headers: Mapping[str, str | int] = field(default_factory=dict)


def chunks(parts: Iterable[bytes]) -> Iterable[list[bytes]]:
    """Cut `parts` into batches within the limits of an AMQP message. A larger part gets a batch of its own."""
    batch: list[bytes] = []
    size = 0
    for part in parts:
        if batch and (len(batch) == MAX_EVENTS_PER_MESSAGE or size + len(part) > TARGET_BYTES_PER_MESSAGE):
            yield batch
            batch, size = [], 0
        batch.append(part)
        size += len(part)
    if batch:
        yield batch
