"""Measures how many events per second RabbitMQ takes: published and confirmed, then consumed and acknowledged.

One process first publishes, then consumes, over loopback; the broker and the client share the cores of the machine.
Publishers wait for each confirm, as an HTTP request does. Absolute numbers mostly describe the machine: compare rows,
and runs on the same machine.
"""

import argparse
import asyncio
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import structlog
import uvloop
from prometheus_client import CollectorRegistry

from shared.contracts import AnyEvent, WebhookReceivedV1, encode
from shared.errors import StartupRefused
from shared.messaging.outcomes import DONE, Outcome
from shared.messaging.rabbitmq import RabbitBroker
from shared.messaging.topology import WorkQueue
from switchboard.provision.rabbitmq import running_server

EVENT_BYTES = 900


@dataclass(frozen=True)
class Row:
    """The result for one number of publishers."""

    publishers: int
    events: int
    published_per_second: float
    median_ms: float
    p99_ms: float
    events_per_message: float
    consumed_per_second: float


def make_event(number: int) -> WebhookReceivedV1:
    now = datetime.now(UTC)
    event = WebhookReceivedV1(id=f"{number:032x}", occurred_at=now, received_at=now, platform="facebook", body=b"")
    return WebhookReceivedV1(
        id=event.id,
        occurred_at=now,
        received_at=now,
        platform="facebook",
        body=b"x" * (EVENT_BYTES - len(encode(event)) - 2),
    )


async def publish(broker: RabbitBroker, *, publishers: int, seconds: float) -> tuple[list[float], float]:
    """Publish from `publishers` tasks; return the duration of each call and of the whole run, in seconds."""
    durations: list[float] = []
    began = time.perf_counter()

    async def publisher() -> None:
        while (start := time.perf_counter()) < began + seconds:
            await broker.publish([make_event(len(durations))])
            durations.append(time.perf_counter() - start)

    await asyncio.gather(*(publisher() for _ in range(publishers)))
    return durations, time.perf_counter() - began


async def consume(broker: RabbitBroker, queue: WorkQueue, *, events: int) -> float:
    """Consume `events` events; return the seconds since the first call of the handler."""
    unhandled = events
    began = 0.0
    finished = asyncio.Event()

    async def handler(batch: Sequence[AnyEvent]) -> Sequence[Outcome]:
        nonlocal unhandled, began
        began = began or time.perf_counter()
        unhandled -= len(batch)
        if unhandled <= 0:
            finished.set()
        return [DONE for _ in batch]

    async with broker.consume(queue, handler), asyncio.timeout(60):
        await finished.wait()
        return time.perf_counter() - began


async def measure(url: str, *, publishers: int, seconds: float) -> Row:
    queue = WorkQueue(name=f"bench.{uuid4().hex[:8]}", events=(WebhookReceivedV1,), max_events_per_call=512)
    registry = CollectorRegistry()
    async with RabbitBroker(url, name="bench", registry=registry, queues=(queue,)) as broker:
        async with asyncio.timeout(30):
            while not broker.is_ready:  # noqa: ASYNC110 - readiness is a property, not an event
                await asyncio.sleep(0.05)
        durations, elapsed = await publish(broker, publishers=publishers, seconds=seconds)
        messages = registry.get_sample_value("switchboard_broker_batch_events_count") or 1
        consuming = await consume(broker, queue, events=len(durations))
    return Row(
        publishers,
        len(durations),
        len(durations) / elapsed,
        statistics.median(durations) * 1000,
        statistics.quantiles(durations, n=100)[98] * 1000,
        len(durations) / messages,
        len(durations) / consuming,
    )


def show(row: Row) -> None:
    print(
        f"{row.publishers:>10} {row.events:>8} {row.published_per_second:>12,.0f} {row.median_ms:>8.2f} "
        f"{row.p99_ms:>8.2f} {row.events_per_message:>14.1f} {row.consumed_per_second:>12,.0f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python bench/broker.py", description=__doc__)
    parser.add_argument(
        "--amqp-url", default=os.environ.get("AMQP_URL"), help="URL of a running broker (default: starts one)"
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="publishing time per row, at most 30 (default: 2)")
    parser.add_argument(
        "--publishers",
        type=int,
        nargs="+",
        default=[1, 8, 64],
        help="numbers of concurrent publishers, one row each (default: 1 8 64)",
    )
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    seconds = min(arguments.seconds, 30.0)
    with ExitStack() as stack:
        url = arguments.amqp_url
        if not url:
            data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
            try:
                url = stack.enter_context(running_server(data_dir)).url
            except StartupRefused as refusal:
                sys.exit(str(refusal))
        print(f"{EVENT_BYTES}-byte events, {os.cpu_count()} cores shared by broker and client")
        print("publishers   events  published/s   p50 ms   p99 ms  events/message   consumed/s")
        for publishers in arguments.publishers:
            show(uvloop.run(measure(url, publishers=publishers, seconds=seconds)))


if __name__ == "__main__":
    main()
