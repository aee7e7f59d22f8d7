"""Gateways of their own brokers' connections, on a real RabbitMQ."""

import pytest
from prometheus_client import CollectorRegistry

from shared.messaging.rabbitmq import RabbitBroker
from tests.integration.push_gateway.harness import gateway
from tests.integration.push_gateway.store import fake_store
from tests.integration.push_gateway.test_presence import opened, presence, say, signal


@pytest.mark.rabbitmq
async def test_devices_on_two_gateways_see_each_other_through_rabbitmq(amqp_url: str) -> None:
    async with (
        RabbitBroker(amqp_url, name="one", registry=CollectorRegistry()) as first,
        RabbitBroker(amqp_url, name="two", registry=CollectorRegistry()) as second,
        fake_store() as store,
        gateway(broker=first, store=store) as one,
        gateway(broker=second, store=store) as two,
        opened(one, "ada", "laptop") as laptop,
    ):
        await say(laptop, type="viewing", conversation_id="c1")
        async with opened(two, "ada", "phone") as phone, opened(two, "bob", "desk"):
            assert await signal(laptop, "presence") == presence("phone")
            assert await signal(phone, "presence") == presence("laptop", viewing="c1")
            await say(phone, type="typing", conversation_id="c2")
            assert (await signal(laptop, "typing"))["who"]["id"] == "phone"
        assert one.metric("signals_total", outcome="dropped") == 0
