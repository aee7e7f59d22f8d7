"""Two gateways with their own connections to a real RabbitMQ."""

import pytest
from prometheus_client import CollectorRegistry

from shared.messaging.rabbitmq import RabbitBroker
from tests.fakes.store import fake_store
from tests.integration.push_gateway.harness import gateway
from tests.integration.push_gateway.test_presence import connected, next_data, presence, send


@pytest.mark.rabbitmq
async def test_devices_on_two_gateways_see_each_other_through_rabbitmq(amqp_url: str) -> None:
    async with (
        RabbitBroker(amqp_url, name="one", registry=CollectorRegistry()) as first,
        RabbitBroker(amqp_url, name="two", registry=CollectorRegistry()) as second,
        fake_store() as store,
        gateway(broker=first, store=store) as one,
        gateway(broker=second, store=store) as two,
        connected(one, "ada", "laptop") as laptop,
    ):
        await send(laptop, type="viewing", conversation_id="c1")
        async with connected(two, "ada", "phone") as phone, connected(two, "bob", "desk"):
            assert await next_data(laptop, "presence") == presence("phone")
            assert await next_data(phone, "presence") == presence("laptop", viewing="c1")
            await send(phone, type="typing", conversation_id="c2")
            assert (await next_data(laptop, "typing"))["who"]["id"] == "phone"
        assert one.metric("signals_total", outcome="dropped") == 0
