"""While Postgres or RabbitMQ is unavailable, nothing is lost and nothing is parked."""

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from pydantic import SecretStr

from simulator.delivery import Retries, WebhookSender, webhook_sender
from switchboard.provision.postgres import EmbeddedPostgres
from switchboard.provision.rabbitmq import RabbitServer
from tests.system.bodies import numbered
from tests.system.ledger import assert_balanced
from tests.system.running import System, connected_client, eventually, running_system

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

ARGUMENTS = ("--no-simulator", "--graph-url", "http://127.0.0.1:9")
PAGE, USER = "page-1", "user-1"
PATIENT = Retries(immediate=1, delayed=300, first_delay_seconds=0.1, max_delay_seconds=0.5)


async def send(sender: WebhookSender, numbers: range) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(sender.deliver_raw("facebook", numbered(PAGE, number, customers=7))) for number in numbers
        ]
    assert all(task.result().is_accepted for task in tasks)


def sending(system: System) -> AbstractAsyncContextManager[WebhookSender]:
    return webhook_sender(
        webhooks_url=system.urls["webhooks"],
        app_secret=SecretStr(system.urls["app_secret"]),
        retries=PATIENT,
        concurrency=16,
    )


async def parked(system: System) -> list[object]:
    response = await system.http.get(
        f"{system.urls['api']}/parked", headers={"Authorization": f"Bearer {system.urls['admin_token']}"}
    )
    assert response.status_code == 200, response.text
    return list(response.json())


async def test_an_unavailable_postgres_loses_and_parks_nothing_in_four_processes(
    tmp_path: Path, own_postgres: EmbeddedPostgres, amqp_url: str
) -> None:
    environment = {"DATABASE_URL": own_postgres.url, "AMQP_URL": amqp_url}
    async with running_system(tmp_path, "--processes", *ARGUMENTS, environment=environment) as system:
        await system.connect_page("facebook", PAGE, USER)
        async with connected_client(system, USER, after=0) as client, sending(system) as sender:
            await send(sender, range(100))
            await eventually(lambda: len(client.messages) == 100, what="the first hundred")
            own_postgres.stop("kill")
            await send(sender, range(100, 300))
            assert sender.stats.attempts == 300, "ingest needs no Postgres"
            await asyncio.sleep(3)  # long enough for several retries of the held deliveries
            own_postgres.start()
            await eventually(lambda: len(client.messages) == 300, within_seconds=30, what="the held messages")
        assert await parked(system) == []
        await assert_balanced(system, received=300)

    assert sorted(m["message_id"] for m in client.messages) == sorted(f"m_{number}" for number in range(300))
    assert client.seqs == list(range(1, len(client.seqs) + 1))


async def test_a_restarting_postgres_loses_nothing_in_one_process(
    tmp_path: Path, own_postgres: EmbeddedPostgres
) -> None:
    environment = {"DATABASE_URL": own_postgres.url}
    async with running_system(tmp_path, *ARGUMENTS, environment=environment) as system:
        await system.connect_page("facebook", PAGE, USER)
        async with connected_client(system, USER, after=0) as client, sending(system) as sender:
            async with asyncio.TaskGroup() as group:
                group.create_task(send(sender, range(300)))
                await eventually(lambda: len(client.messages) > 50, what="load")
                await asyncio.to_thread(own_postgres.restart, "immediate")
            await eventually(lambda: len(client.messages) == 300, within_seconds=30, what="all of them")
        await assert_balanced(system, received=300)

    assert client.seqs == list(range(1, len(client.seqs) + 1))


@pytest.mark.parametrize("fault", ["freeze", "kill"])
async def test_a_broker_that_fails_under_load_delays_webhooks_and_loses_none(
    tmp_path: Path, fragile_rabbitmq: RabbitServer, fault: str
) -> None:
    environment = {"AMQP_URL": fragile_rabbitmq.url}
    async with running_system(tmp_path, "--processes", *ARGUMENTS, environment=environment) as system:
        await system.connect_page("facebook", PAGE, USER)
        async with connected_client(system, USER, after=0) as client, sending(system) as sender:
            async with asyncio.TaskGroup() as group:
                group.create_task(send(sender, range(1500)))
                await eventually(lambda: len(client.messages) > 200, what="load")
                if fault == "freeze":
                    fragile_rabbitmq.pause()
                    await asyncio.sleep(6)  # longer than a publish may take
                    fragile_rabbitmq.resume()
                else:
                    await asyncio.to_thread(fragile_rabbitmq.kill)
                    await asyncio.to_thread(fragile_rabbitmq.start)
            await eventually(lambda: len(client.messages) == 1500, within_seconds=60, what="all of them")
        assert sender.stats.responses[503] > 0, "the fault had no effect"
        assert await parked(system) == []
        await assert_balanced(system, received=1500)

    assert sorted(m["message_id"] for m in client.messages) == sorted(f"m_{number}" for number in range(1500))
    assert client.seqs == list(range(1, len(client.seqs) + 1))


async def test_a_system_waits_for_a_broker_that_is_unavailable_at_the_start(
    tmp_path: Path, fragile_rabbitmq: RabbitServer
) -> None:
    await asyncio.to_thread(fragile_rabbitmq.kill)
    starting = asyncio.create_task(_first_message(tmp_path, fragile_rabbitmq.url))
    await asyncio.sleep(4)
    assert not starting.done()
    await asyncio.to_thread(fragile_rabbitmq.start)

    assert await starting == "message 0"


async def _first_message(data_dir: Path, amqp_url: str) -> str:
    async with running_system(data_dir, "--processes", *ARGUMENTS, environment={"AMQP_URL": amqp_url}) as system:
        await system.connect_page("facebook", PAGE, USER)
        async with connected_client(system, USER, after=0) as client:
            assert await system.post("facebook", numbered(PAGE, 0, customers=7)) == 200
            await eventually(lambda: client.messages, what="the message")
        await assert_balanced(system, received=1)
        return str(client.messages[0]["content"])
