"""What networks and platforms do to webhooks on their way: repetition, disorder, batching. Pure, seeded."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from shared.contracts import Platform
from simulator.bodies import Webhook, merged
from simulator.script import Step


@dataclass(frozen=True, kw_only=True)
class Disorder:
    """How much of it; the defaults are none.

    Raises:
        ValueError: a number is out of its range.
    """

    duplicate_share: float = 0.0
    """How many of the webhooks come once more, 0 to 1."""
    shuffle_window: int = 1
    """A webhook may change places with those up to this many steps away; 1 keeps the order."""
    batch_size: int = 1
    """How many webhooks of a platform are put into one body, at most."""

    def __post_init__(self) -> None:
        if not 0 <= self.duplicate_share <= 1:
            raise ValueError("duplicate_share is a share: 0 to 1")
        if self.shuffle_window < 1 or self.batch_size < 1:
            raise ValueError("shuffle_window and batch_size count from 1")


def disordered(steps: Iterator[Step], disorder: Disorder, rng: Random) -> Iterator[Step]:
    """Yield the webhooks of `steps` with duplicates, out of order and in batches; nothing is lost.

    Duplicates are made before batching, so that the same item may come in two different bodies, as it does when a
    platform batches anew what it repeats.
    """
    return _batched(
        _shuffled(_duplicated(steps, disorder.duplicate_share, rng), disorder.shuffle_window, rng), disorder
    )


def _duplicated(steps: Iterator[Step], share: float, rng: Random) -> Iterator[Step]:
    for step in steps:
        yield step
        if share and rng.random() < share:
            yield Step(0.0, step.webhook)


def _shuffled(steps: Iterator[Step], window: int, rng: Random) -> Iterator[Step]:
    """Let webhooks change places; the pauses stay where they are."""
    if window == 1:
        yield from steps
        return
    held: list[Webhook] = []
    pause = 0.0
    for step in steps:
        held.append(step.webhook)
        pause += step.after_seconds
        if len(held) == window:
            yield Step(pause, held.pop(rng.randrange(window)))
            pause = 0.0
    rng.shuffle(held)
    for webhook in held:
        yield Step(pause, webhook)
        pause = 0.0


def _batched(steps: Iterator[Step], disorder: Disorder) -> Iterator[Step]:
    if disorder.batch_size == 1:
        yield from steps
        return
    waiting: dict[Platform, list[Webhook]] = {}
    pause = 0.0
    for step in steps:
        pause += step.after_seconds
        batch = waiting.setdefault(step.webhook.platform, [])
        batch.append(step.webhook)
        if len(batch) == disorder.batch_size:
            yield Step(pause, merged(waiting.pop(step.webhook.platform)))
            pause = 0.0
    for batch in waiting.values():
        yield Step(pause, merged(batch))
        pause = 0.0
