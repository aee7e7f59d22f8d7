"""Brokers for the tests of one RabbitMQ, with that test's own queues."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from shared.messaging.rabbitmq import RabbitBroker
from tests.fixtures.rabbitmq import QuickQueues
from tests.recorder import eventually


@asynccontextmanager
async def connected(url: str, queues: QuickQueues, **options: Any) -> AsyncIterator[RabbitBroker]:
    async with opened(url, queues, **options) as broker:
        await eventually(lambda: broker.is_ready)
        yield broker


def opened(url: str, queues: QuickQueues, **options: Any) -> RabbitBroker:
    arguments = {"registry": CollectorRegistry(), "heartbeat_seconds": 2, **options}
    return RabbitBroker(url, name="test", queues=queues.all, **arguments)
