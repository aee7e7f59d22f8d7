"""`switchboard simulate`: made-up customers writing to a system that runs already."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from simulator import Plan, connect_pages, demo_pages
from simulator import simulate as play
from simulator.delivery import Delivered, Ledger, http_client
from simulator.disorder import Disorder
from simulator.script import Kinds

_PROGRESS_EVERY = 100


@dataclass(frozen=True, kw_only=True)
class Order:
    """What the command line asks for."""

    webhooks_url: str
    app_secret: str
    api_url: str
    admin_token: str
    user_id: str
    per_second: float
    number: int
    customers: int
    seed: int
    duplicates: float
    shuffle: int
    batch: int
    kinds: Kinds


async def simulate(order: Order, *, say: Callable[[str], None]) -> str:
    """Connect demo pages to the user, send what was ordered, and return what became of it, as a sentence.

    Raises:
        DependencyUnavailable: the REST API is away.
        PermanentError: the REST API refuses, e.g. the admin token.
    """
    pages = demo_pages(of=order.user_id)
    async with http_client(connections=4) as http:
        await connect_pages(
            http,
            pages,
            api_url=order.api_url,
            admin_token=SecretStr(order.admin_token),
            user_id=order.user_id,
        )
    say(f"{len(pages)} pages are connected to the user {order.user_id!r}; sending {order.number} webhooks …")
    plan = Plan(
        webhooks_url=order.webhooks_url,
        app_secret=SecretStr(order.app_secret),
        pages=pages,
        seed=order.seed,
        customers=order.customers,
        per_second=order.per_second,
        number=order.number,
        kinds=order.kinds,
        disorder=Disorder(duplicate_share=order.duplicates, shuffle_window=order.shuffle + 1, batch_size=order.batch),
    )

    def progress(_: Delivered, ledger: Ledger) -> None:
        if ledger.sent % _PROGRESS_EVERY == 0:
            say(f"{ledger.sent} sent, {ledger.accepted} answered 200")

    ledger = await play(plan, stop=asyncio.Event(), on_delivered=progress)
    return f"{ledger.sent} sent in {ledger.tries} tries: {ledger.accepted} answered 200, {ledger.given_up} given up."
