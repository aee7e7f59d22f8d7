"""Simulated customers who write to pages, for demos and for trying out a deployment."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from random import Random
from typing import Self

from pydantic import SecretStr

from simulator.bodies import Webhook
from simulator.customers import Customer, population
from simulator.delivery import DeliveryResult, DeliveryStats, Retries, WebhookSender, webhook_sender
from simulator.impairments import Impairments, impaired
from simulator.languages import load_languages
from simulator.pages import Page
from simulator.script import Kinds, ScheduledWebhook, generate_script

OnDelivered = Callable[[DeliveryResult, DeliveryStats], None]
"""Called with the result of every webhook; must not block."""

_TOO_FAR_BEHIND_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to send, and where to.

    Attributes:
        webhooks_url: ends in `/webhooks`, without a trailing slash.
        pages: the pages that customers write to; connect them first (`accounts.connect_pages`).
        customers: number of customers.
        per_second: average number of webhooks per second, before duplication and batching.
        kinds: which kinds of webhooks to send.
        number: number of webhooks, before duplication and batching; None: until stopped.
        unfinished_limit: maximum number of webhooks that wait for a 200; no others start beyond it.
    """

    webhooks_url: str
    app_secret: SecretStr
    pages: tuple[Page, ...]
    seed: int = 1
    customers: int = 24
    per_second: float = 1.0
    number: int | None = None
    kinds: Kinds = "all"
    media_url: str | None = None
    impairments: Impairments = field(default_factory=Impairments)
    retries: Retries = field(default_factory=Retries)
    concurrency: int = 16
    unfinished_limit: int = 1000


def demo_customers(pages: Sequence[Page], *, seed: int, customers: int) -> tuple[Customer, ...]:
    """Return the customers of a plan with these arguments, for the simulated Graph API to know."""
    return population(Random(seed), pages, customers, load_languages())


def planned_webhooks(plan: Plan, *, start: datetime) -> Iterator[ScheduledWebhook]:
    """Return all webhooks of `plan`, with its impairments."""
    script = generate_script(
        Random(plan.seed),
        demo_customers(plan.pages, seed=plan.seed, customers=plan.customers),
        start=start,
        per_second=plan.per_second,
        kinds=plan.kinds,
        media_url=plan.media_url,
    )
    return impaired(islice(script, plan.number), plan.impairments, Random(plan.seed + 1))


async def simulate(
    plan: Plan, *, stop: asyncio.Event, on_delivered: OnDelivered | None = None, start: datetime | None = None
) -> DeliveryStats:
    """Send webhooks when they are due, until `plan.number` are sent or `stop` is set; return once all are done.

    Once `stop` is set, webhooks that still wait for a 200 are cancelled and not counted.
    """
    async with (
        webhook_sender(
            webhooks_url=plan.webhooks_url,
            app_secret=plan.app_secret,
            retries=plan.retries,
            concurrency=plan.concurrency,
            seed=plan.seed,
        ) as sender,
        _Deliveries(sender, plan.unfinished_limit, stop, on_delivered) as deliveries,
    ):
        await deliveries.send_when_due(planned_webhooks(plan, start=start or datetime.now(UTC)))
        await deliveries.finish()
        return sender.stats


@asynccontextmanager
async def running_simulation(
    webhooks_url: str,
    app_secret: SecretStr,
    pages: Sequence[Page],
    *,
    rate: float,
    seed: int,
    customers: int = 24,
    media_url: str | None = None,
    on_delivered: OnDelivered | None = None,
) -> AsyncIterator[None]:
    """Let customers write while the context lasts, `rate` webhooks per second; then cancel what is in progress."""
    stop = asyncio.Event()
    plan = Plan(
        webhooks_url=webhooks_url,
        app_secret=app_secret,
        pages=tuple(pages),
        per_second=rate,
        seed=seed,
        customers=customers,
        media_url=media_url,
    )
    task = asyncio.create_task(simulate(plan, stop=stop, on_delivered=on_delivered))
    try:
        yield
    finally:
        stop.set()
        await task


class _Deliveries:
    """The deliveries in progress, and whether to stop."""

    def __init__(
        self, sender: WebhookSender, unfinished_limit: int, stop: asyncio.Event, on_delivered: OnDelivered | None
    ) -> None:
        self._sender = sender
        self._unfinished_limit = unfinished_limit
        self._stop = stop
        self._on_delivered = on_delivered
        self._unfinished: set[asyncio.Task[None]] = set()
        self._errors: list[BaseException] = []

    async def __aenter__(self) -> Self:
        self._stopping = asyncio.create_task(self._stop.wait())
        return self

    async def __aexit__(self, *_: object) -> None:
        leftovers = [self._stopping, *self._unfinished]
        for task in leftovers:
            task.cancel()
        await asyncio.gather(*leftovers, return_exceptions=True)

    async def send_when_due(self, script: Iterator[ScheduledWebhook]) -> None:
        """Start each delivery when it is due; return once all are started, or immediately when stopped."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        for each in script:
            # Due times add up from the start, so late timers do not lower the rate. After a long halt (a suspended
            # machine, too many unfinished webhooks) there is no burst to catch up.
            due = max(due + each.delay_seconds, loop.time() - _TOO_FAR_BEHIND_SECONDS)
            if due > loop.time():
                await asyncio.wait({self._stopping}, timeout=due - loop.time())
            await self._until_at_most(self._unfinished_limit - 1)
            if self._stopping.done():
                return
            task = asyncio.create_task(self._deliver(each.webhook))
            self._unfinished.add(task)
            task.add_done_callback(self._ended)

    async def finish(self) -> None:
        """Return once all deliveries are done, or immediately when stopped."""
        await self._until_at_most(0)

    async def _until_at_most(self, unfinished: int) -> None:
        while len(self._unfinished) > unfinished and not self._stopping.done():
            await asyncio.wait({self._stopping, *self._unfinished}, return_when=asyncio.FIRST_COMPLETED)
        if self._errors:
            raise self._errors[0]

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._unfinished.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._errors[:] = [error]

    async def _deliver(self, webhook: Webhook) -> None:
        result = await self._sender.deliver(webhook)
        if self._on_delivered is not None:
            self._on_delivered(result, self._sender.stats)
