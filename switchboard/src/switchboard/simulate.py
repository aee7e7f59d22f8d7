"""`switchboard simulate`: simulated customers who write to a running system."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from simulator import Plan, connect_pages, demo_pages
from simulator import simulate as run
from simulator.delivery import DeliveryResult, DeliveryStats, http_client
from simulator.impairments import Impairments
from simulator.script import Kinds

_PROGRESS_EVERY = 100


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """The options of the command line."""

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


async def simulate(simulation: Simulation, *, report: Callable[[str], None]) -> str:
    """Connect demo pages to the user, send the webhooks, and return a sentence with the result.

    Raises:
        DependencyUnavailable: the REST API does not respond.
        PermanentError: the REST API rejects a request, for example because of the admin token.
    """
    pages = demo_pages(of=simulation.user_id)
    async with http_client(connections=4) as http:
        await connect_pages(
            http,
            pages,
            api_url=simulation.api_url,
            admin_token=SecretStr(simulation.admin_token),
            user_id=simulation.user_id,
        )
    report(f"Connected {len(pages)} pages to the user {simulation.user_id!r}. Sending {simulation.number} webhooks …")
    plan = Plan(
        webhooks_url=simulation.webhooks_url,
        app_secret=SecretStr(simulation.app_secret),
        pages=pages,
        seed=simulation.seed,
        customers=simulation.customers,
        per_second=simulation.per_second,
        number=simulation.number,
        kinds=simulation.kinds,
        impairments=Impairments(
            duplicate_share=simulation.duplicates, shuffle_window=simulation.shuffle + 1, batch_size=simulation.batch
        ),
    )

    def progress(_: DeliveryResult, stats: DeliveryStats) -> None:
        if stats.sent % _PROGRESS_EVERY == 0:
            report(f"{stats.sent} sent, {stats.accepted} accepted")

    stats = await run(plan, stop=asyncio.Event(), on_delivered=progress)
    outcome = f"{stats.accepted} accepted, {stats.given_up} given up"
    return f"Sent {stats.sent} webhooks in {stats.attempts} attempts: {outcome}."
