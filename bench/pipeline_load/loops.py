"""Two ways to send: with a fixed number in flight (closed loop), and at a fixed rate (open loop)."""

import asyncio
import time
from collections.abc import Iterator

import msgspec

from bench.pipeline_load.webhooks import Sender

_OK = 200
_MAX_ATTEMPTS = 20
_RETRY_SECONDS = 0.05


class Sent(msgspec.Struct):
    """What one phase sent. Times are `time.perf_counter()`, in seconds."""

    intended: dict[int, float] = msgspec.field(default_factory=dict)
    """When a webhook was due, by index."""
    begun: dict[int, float] = msgspec.field(default_factory=dict)
    """When it was first sent."""
    accepted: dict[int, float] = msgspec.field(default_factory=dict)
    """When it got a 200."""
    refused: int = 0
    """Responses other than 200; those webhooks were retried, a limited number of times."""
    started: float = 0.0
    ended: float = 0.0
    """When the time was over or no webhooks were left; not the time of the last response."""
    cpu_seconds: float = 0.0
    """CPU time that this process used."""
    ran_out: bool = False
    """No webhooks were left before the time was over."""


async def _deliver(sender: Sender, index: int, sent: Sent) -> None:
    sent.begun[index] = time.perf_counter()
    for _ in range(_MAX_ATTEMPTS):
        if await sender.post(index) == _OK:
            sent.accepted[index] = time.perf_counter()
            return
        sent.refused += 1
        await asyncio.sleep(_RETRY_SECONDS)


async def closed_loop(sender: Sender, indices: Iterator[int], *, in_flight: int, seconds: float) -> Sent:
    """Keep `in_flight` webhooks in flight for `seconds` or until `indices` end; then wait for the last ones."""
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
    """Send one webhook every 1/`rate` seconds, however long responses take."""
    sent = Sent(started=time.perf_counter() + 0.1)
    in_flight: set[asyncio.Task[None]] = set()
    for number in range(int(rate * seconds)):
        index = next(indices)
        due = sent.intended[index] = sent.started + number / rate
        # Timers have a resolution of a millisecond. The rest is spent in iterations of the loop, so that nothing is
        # sent early, and little late.
        while (left := due - time.perf_counter()) > 0:  # noqa: ASYNC110 - waits for a time, not for an event
            await asyncio.sleep(left)
        task = asyncio.create_task(_deliver(sender, index, sent))
        in_flight.add(task)
        task.add_done_callback(in_flight.discard)
    sent.ended = time.perf_counter()
    if in_flight:
        await asyncio.wait(in_flight)
    return sent
