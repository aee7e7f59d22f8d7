"""Made-up customers writing to pages, for demonstrations and for trying out a deployment."""

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
from simulator.delivery import Delivered, Ledger, Retries, WebhookSender, webhook_sender
from simulator.disorder import Disorder, disordered
from simulator.pages import Page
from simulator.script import Kinds, Step, play
from simulator.vocabulary import vocabulary

OnDelivered = Callable[[Delivered, Ledger], None]
"""Told of every webhook when its last try has ended; must return at once."""

_TOO_FAR_BEHIND_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is sent, and where to.

    Attributes:
        webhooks_url: ends in `/webhooks`, without a slash at the end.
        pages: who is written to; they should be connected (`accounts.connect_pages`).
        customers: how many write.
        per_second: webhooks a second, on average, before duplicates and batches.
        kinds: what customers do.
        number: how many webhooks, before duplicates and batches; None goes on until it is stopped.
        unfinished_limit: webhooks that wait for their 200 at most; nothing new is begun beyond.
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
    disorder: Disorder = field(default_factory=Disorder)
    retries: Retries = field(default_factory=Retries)
    concurrency: int = 16
    unfinished_limit: int = 1000


def cast(pages: Sequence[Page], *, seed: int, customers: int) -> tuple[Customer, ...]:
    """Return who writes in a plan with these arguments: the Graph API must know the same people."""
    return population(Random(seed), pages, customers, vocabulary())


def steps(plan: Plan, *, start: datetime) -> Iterator[Step]:
    """Return everything that `plan` sends, disorder included."""
    script = play(
        Random(plan.seed),
        cast(plan.pages, seed=plan.seed, customers=plan.customers),
        start=start,
        per_second=plan.per_second,
        kinds=plan.kinds,
        media_url=plan.media_url,
    )
    return disordered(islice(script, plan.number), plan.disorder, Random(plan.seed + 1))


async def simulate(
    plan: Plan, *, stop: asyncio.Event, on_delivered: OnDelivered | None = None, start: datetime | None = None
) -> Ledger:
    """Send webhooks at their times until `plan.number` are sent or `stop` is set; return when what was begun has ended.

    Once `stop` is set, webhooks that still wait for a 200 are given up and stay out of the ledger.
    """
    async with (
        webhook_sender(
            webhooks_url=plan.webhooks_url,
            app_secret=plan.app_secret,
            retries=plan.retries,
            concurrency=plan.concurrency,
            seed=plan.seed,
        ) as sender,
        _Stage(sender, plan.unfinished_limit, stop, on_delivered) as stage,
    ):
        await stage.send_in_time(steps(plan, start=start or datetime.now(UTC)))
        await stage.finish()
        return sender.ledger


@asynccontextmanager
async def playing(
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
    """Let customers write while the context lasts, `rate` webhooks a second; leaving gives up what is under way."""
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


class _Stage:
    """Deliveries that are under way, and the wish to stop."""

    def __init__(
        self, sender: WebhookSender, unfinished_limit: int, stop: asyncio.Event, on_delivered: OnDelivered | None
    ) -> None:
        self._sender = sender
        self._unfinished_limit = unfinished_limit
        self._stop = stop
        self._on_delivered = on_delivered
        self._unfinished: set[asyncio.Task[None]] = set()
        self._bugs: list[BaseException] = []

    async def __aenter__(self) -> Self:
        self._stopping = asyncio.create_task(self._stop.wait())
        return self

    async def __aexit__(self, *_: object) -> None:
        leftovers = [self._stopping, *self._unfinished]
        for task in leftovers:
            task.cancel()
        await asyncio.gather(*leftovers, return_exceptions=True)

    async def send_in_time(self, script: Iterator[Step]) -> None:
        """Begin each delivery when it is due; return when all are begun, or at once when asked to stop."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        for step in script:
            # Times add up from the beginning, so that late timers do not lower the rate. After a long halt (a suspended
            # machine, a full house) what was missed is not made up for in a burst.
            due = max(due + step.after_seconds, loop.time() - _TOO_FAR_BEHIND_SECONDS)
            if due > loop.time():
                await asyncio.wait({self._stopping}, timeout=due - loop.time())
            await self._until_at_most(self._unfinished_limit - 1)
            if self._stopping.done():
                return
            task = asyncio.create_task(self._deliver(step.webhook))
            self._unfinished.add(task)
            task.add_done_callback(self._ended)

    async def finish(self) -> None:
        """Return when all deliveries have ended, or at once when asked to stop."""
        await self._until_at_most(0)

    async def _until_at_most(self, unfinished: int) -> None:
        while len(self._unfinished) > unfinished and not self._stopping.done():
            await asyncio.wait({self._stopping, *self._unfinished}, return_when=asyncio.FIRST_COMPLETED)
        if self._bugs:
            raise self._bugs[0]

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._unfinished.discard(task)
        if not task.cancelled() and (bug := task.exception()) is not None:
            self._bugs[:] = [bug]

    async def _deliver(self, webhook: Webhook) -> None:
        delivered = await self._sender.deliver(webhook)
        if self._on_delivered is not None:
            self._on_delivered(delivered, self._sender.ledger)
