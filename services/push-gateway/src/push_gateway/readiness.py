"""What `/readyz` reports."""

import asyncio
from collections.abc import Sequence

from shared.aio.background import BackgroundTasks
from shared.errors import DependencyUnavailable
from shared.messaging.ports import Broker
from shared.store_client.client import StoreClient

_TIMEOUT_SECONDS = 0.8


async def problems(broker: Broker, store: StoreClient, background: BackgroundTasks) -> Sequence[str]:
    """Return one sentence per problem; none if the gateway can do its work."""
    found = [] if broker.is_ready else ["The message broker is unavailable: changes arrive late."]
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await store.tops(())
            await store.recheck()
    except DependencyUnavailable:
        pass  # it is among the store's problems
    except TimeoutError:
        if not store.problems:  # which may name the same outage
            found.append(f"The store does not answer: nothing within {_TIMEOUT_SECONDS:g} s.")
    return [*found, *store.problems, *background.problems]
