"""Two ways of sending: as many at once as allowed, and at a rate whatever happens."""

import asyncio
import time
from collections.abc import Iterator

import msgspec

from bench.pipeline_load.webhooks import Sender

_OK = 200
_TRIES = 20
_PAUSE_SECONDS = 0.05


class Sent(msgspec.Struct):
    """What one phase sent. All times are `time.perf_counter()`, seconds."""

    intended: dict[int, float] = msgspec.field(default_factory=dict)
    """When a webhook was meant to be sent, by its index."""
    begun: dict[int, float] = msgspec.field(default_factory=dict)
    """When it was sent first."""
    accepted: dict[int, float] = msgspec.field(default_factory=dict)
    """When it was answered 200."""
    refused: int = 0
    """Answers other than 200; those webhooks were sent again, a bounded number of times."""
    started: float = 0.0
    ended: float = 0.0
    """When the time was over, or the webhooks used up; not when the last answer came."""
    cpu_seconds: float = 0.0
    """Processor time of this process meanwhile."""
    ran_out: bool = False
    """The webhooks were used up before the time was over."""


async def _deliver(sender: Sender, index: int, sent: Sent) -> None:
    sent.begun[index] = time.perf_counter()
    for _ in range(_TRIES):
        if await sender.post(index) == _OK:
            sent.accepted[index] = time.perf_counter()
            return
        sent.refused += 1
        await asyncio.sleep(_PAUSE_SECONDS)


async def closed_loop(sender: Sender, indices: Iterator[int], *, in_flight: int, seconds: float) -> Sent:
    """Keep `in_flight` webhooks under way for `seconds`, or until `indices` are used up; then let them end."""
    now = time.perf_counter()
    until = now + seconds
    sent = Sent(started=now, ended=until)

    async def work() -> None:
        while time.perf_counter() < until:
            index = next(indices, None)
            if index is None:
                sent.ran_out, sent.ended = True, min(sent.ended, time.perf_counter())
                return
            sent.intended[index] = time.perf_counter()
            await _deliver(sender, index, sent)

    async with asyncio.TaskGroup() as workers:
        for _ in range(in_flight):
            workers.create_task(work())
    return sent


async def open_loop(sender: Sender, indices: Iterator[int], *, rate: float, seconds: float) -> Sent:
    """Send one webhook every 1/`rate` seconds, however long the answers take."""
    sent = Sent(started=time.perf_counter() + 0.1)
    under_way: set[asyncio.Task[None]] = set()
    for number in range(int(rate * seconds)):
        index = next(indices)
        due = sent.intended[index] = sent.started + number / rate
        # Timers have a resolution of a millisecond; the remainder is spent in rounds of the loop, so that nothing is
        # sent early and little late.
        while (left := due - time.perf_counter()) > 0:  # noqa: ASYNC110 - waits for a time, not for an event
            await asyncio.sleep(left)
        task = asyncio.create_task(_deliver(sender, index, sent))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    sent.ended = time.perf_counter()
    if under_way:
        await asyncio.wait(under_way)
    return sent
