"""What `/readyz` reports."""

import asyncio
from collections.abc import Sequence

from push_gateway.log_reader import LOG_PATH, LogReader
from push_gateway.store_api import StoreApi, StoreRefused
from shared.aio.background import BackgroundTasks
from shared.errors import DependencyUnavailable
from shared.messaging.ports import Broker

_TIMEOUT_SECONDS = 0.8


async def problems(
    broker: Broker, store: StoreApi, log_reader: LogReader, background: BackgroundTasks
) -> Sequence[str]:
    """Return one sentence per problem; none if the gateway can do its work."""
    found = [] if broker.is_ready else ["The message broker is unavailable: changes arrive late."]
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await log_reader.tops(())
            if LOG_PATH in store.refusals:  # perhaps nobody waits for the log any more, and so nobody asks
                await log_reader.log({})
    except (DependencyUnavailable, TimeoutError):
        found.append("The store does not answer: new sockets wait.")
    except StoreRefused:
        pass  # it is among the refusals
    return [*found, *store.refusals.values(), *background.problems]
