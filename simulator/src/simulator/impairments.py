"""What networks and platforms do to webhooks in transit: duplication, reordering, batching. Pure, seeded."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from shared.contracts import Platform
from simulator.bodies import Webhook, merged
from simulator.script import ScheduledWebhook


@dataclass(frozen=True, kw_only=True)
class Impairments:
    """How much webhooks are impaired; the defaults leave them unchanged.

    Raises:
        ValueError: a number is out of range.
    """

    duplicate_share: float = 0.0
    """Share of webhooks that are sent twice, 0 to 1."""
    shuffle_window: int = 1
    """A webhook leaves in random order among this many; 1 keeps the order."""
    batch_size: int = 1
    """Maximum number of webhooks of a platform that are merged into one body."""

    def __post_init__(self) -> None:
        if not 0 <= self.duplicate_share <= 1:
            raise ValueError("duplicate_share must be between 0 and 1")
        if self.shuffle_window < 1 or self.batch_size < 1:
            raise ValueError("shuffle_window and batch_size must be at least 1")


def impaired(webhooks: Iterator[ScheduledWebhook], impairments: Impairments, rng: Random) -> Iterator[ScheduledWebhook]:
    """Yield all of `webhooks`, with duplicates, reordered and in batches.

    Duplication precedes batching, so the same item may appear in two different bodies, as it does when a platform
    batches its retries differently.
    """
    return _batched(
        _shuffled(_duplicated(webhooks, impairments.duplicate_share, rng), impairments.shuffle_window, rng), impairments
    )


def _duplicated(webhooks: Iterator[ScheduledWebhook], share: float, rng: Random) -> Iterator[ScheduledWebhook]:
    for each in webhooks:
        yield each
        if share and rng.random() < share:
            yield ScheduledWebhook(0.0, each.webhook)


def _shuffled(webhooks: Iterator[ScheduledWebhook], window: int, rng: Random) -> Iterator[ScheduledWebhook]:
    """Reorder webhooks; the delays keep their places."""
    if window == 1:
        yield from webhooks
        return
    held: list[Webhook] = []
    delay = 0.0
    for each in webhooks:
        held.append(each.webhook)
        delay += each.delay_seconds
        if len(held) == window:
            yield ScheduledWebhook(delay, held.pop(rng.randrange(window)))
            delay = 0.0
    rng.shuffle(held)
    for webhook in held:
        yield ScheduledWebhook(delay, webhook)
        delay = 0.0


def _batched(webhooks: Iterator[ScheduledWebhook], impairments: Impairments) -> Iterator[ScheduledWebhook]:
    if impairments.batch_size == 1:
        yield from webhooks
        return
    waiting: dict[Platform, list[Webhook]] = {}
    delay = 0.0
    for each in webhooks:
        delay += each.delay_seconds
        batch = waiting.setdefault(each.webhook.platform, [])
        batch.append(each.webhook)
        if len(batch) == impairments.batch_size:
            yield ScheduledWebhook(delay, merged(waiting.pop(each.webhook.platform)))
            delay = 0.0
    for batch in waiting.values():
        yield ScheduledWebhook(delay, merged(batch))
        delay = 0.0
