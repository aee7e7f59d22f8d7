"""All services in one event loop."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from prometheus_client import CollectorRegistry

import enricher.app
import enricher.settings
import ingest.app
import ingest.settings
import push_gateway.app
import push_gateway.settings
import store.app
import store.settings
from shared.messaging.local import LocalBroker
from shared.messaging.ports import Broker
from shared.messaging.rabbitmq import RabbitBroker
from shared.settings import load


@asynccontextmanager
async def single_process(settings: Mapping[str, object], *, amqp_url: str | None) -> AsyncIterator[dict[str, int]]:
    """Run every service while the context lasts; yields all ports by name.

    Args:
        settings: the settings of all services by field name; each service takes its own. Ports are chosen here.
        amqp_url: RabbitMQ; without it, events are handled in this process.
    """
    registry = CollectorRegistry()
    ports: dict[str, int] = {}
    async with AsyncExitStack() as stack:
        broker: Broker = await stack.enter_async_context(
            RabbitBroker(amqp_url, name="switchboard", registry=registry) if amqp_url else LocalBroker()
        )
        # The pipeline starts from its end, so that it stops from its beginning.
        ports |= await stack.enter_async_context(
            store.app.lifespan(
                load(store.settings.Settings, **settings, store_port=0, store_internal_port=0),
                broker,
                registry=registry,
            )
        )
        known = {**settings, "store_internal_url": f"http://127.0.0.1:{ports['store_internal']}"}
        ports |= await stack.enter_async_context(
            push_gateway.app.lifespan(
                load(
                    push_gateway.settings.Settings,
                    **known,
                    gateway_port=0,
                    gateway_sse_port=0,
                    gateway_operations_port=0,
                ),
                broker,
                registry=registry,
            )
        )
        ports |= await stack.enter_async_context(
            enricher.app.lifespan(load(enricher.settings.Settings, **known, enricher_port=0), broker, registry=registry)
        )
        ports |= await stack.enter_async_context(
            ingest.app.lifespan(load(ingest.settings.Settings, **known, ingest_port=0), broker, registry=registry)
        )
        yield ports
