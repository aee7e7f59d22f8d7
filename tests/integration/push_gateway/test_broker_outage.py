"""The gateway on a real RabbitMQ that fails and recovers."""

import pytest
from prometheus_client import CollectorRegistry

from shared.messaging.rabbitmq import RabbitBroker
from switchboard.provision.rabbitmq import RabbitServer
from tests.integration.push_gateway.harness import gateway, receive, receive_seqs, until


@pytest.mark.rabbitmq
async def test_during_a_broker_outage_sockets_open_from_the_log_and_continue_afterwards(
    fragile_rabbitmq: RabbitServer,
) -> None:
    async with (
        RabbitBroker(fragile_rabbitmq.url, name="push-gateway", registry=CollectorRegistry()) as broker,
        gateway(broker=broker) as gw,
        gw.connect("ada") as before,
    ):
        await receive(before)
        await gw.push_changes("ada", 3)
        assert await receive_seqs(before, 3) == [1, 2, 3]

        fragile_rabbitmq.kill()
        await until(lambda: not broker.is_ready)
        gw.store.append("ada")
        async with gw.connect("ada", after=0) as during, gw.connect("bob") as other:
            assert (await receive(during))["type"] == "hello"
            assert await receive_seqs(during, 4) == [1, 2, 3, 4]
            await receive(other)
            gw.store.append("bob")

            fragile_rabbitmq.start()

            assert await receive_seqs(before, 1) == [4]
            assert await receive_seqs(other, 1) == [1]
            await until(lambda: broker.is_ready, 60)
            await gw.push_changes("ada")
            assert await receive_seqs(during, 1) == [5]
