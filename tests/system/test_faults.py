"""What the whole system does while a part it stands on is away: nothing is lost, nothing is parked."""

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
from tests.system.running import System, eventually, listening, running_system

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
    answer = await system.http.get(
        f"{system.urls['api']}/parked", headers={"Authorization": f"Bearer {system.urls['admin_token']}"}
    )
    assert answer.status_code == 200, answer.text
    return list(answer.json())


async def test_postgres_away_in_four_processes_takes_nothing_and_parks_nothing(
    tmp_path: Path, own_postgres: EmbeddedPostgres, amqp_url: str
) -> None:
    environment = {"DATABASE_URL": own_postgres.url, "AMQP_URL": amqp_url}
    async with running_system(tmp_path, "--processes", *ARGUMENTS, environment=environment) as system:
        await system.connect_page("facebook", PAGE, USER)
        async with listening(system, USER, after=0) as client, sending(system) as sender:
            await send(sender, range(100))
            await eventually(lambda: len(client.messages) == 100, what="the first hundred")
            own_postgres.stop("kill")
            await send(sender, range(100, 300))
            assert sender.stats.attempts == 300, "ingest needs no Postgres"
            await asyncio.sleep(3)  # it stays away for a while: what is held is tried again and again meanwhile
            own_postgres.start()
            await eventually(lambda: len(client.messages) == 300, within_seconds=30, what="what was held")
        assert await parked(system) == []
        await assert_balanced(system, received=300)

    assert sorted(m["message_id"] for m in client.messages) == sorted(f"m_{number}" for number in range(300))
    assert client.seqs == list(range(1, len(client.seqs) + 1))


async def test_postgres_restarting_in_one_process_refuses_for_a_moment_and_loses_nothing(
    tmp_path: Path, own_postgres: EmbeddedPostgres
) -> None:
    environment = {"DATABASE_URL": own_postgres.url}
    async with running_system(tmp_path, *ARGUMENTS, environment=environment) as system:
        await system.connect_page("facebook", PAGE, USER)
        async with listening(system, USER, after=0) as client, sending(system) as sender:
            async with asyncio.TaskGroup() as group:
                group.create_task(send(sender, range(300)))
                await eventually(lambda: len(client.messages) > 50, what="load")
                await asyncio.to_thread(own_postgres.restart, "immediate")
            await eventually(lambda: len(client.messages) == 300, within_seconds=30, what="all of them")
        await assert_balanced(system, received=300)

    assert client.seqs == list(range(1, len(client.seqs) + 1))


@pytest.mark.parametrize("fault", ["freeze", "kill"])
async def test_a_broker_that_fails_under_load_makes_webhooks_wait_and_loses_none(
    tmp_path: Path, fragile_rabbitmq: RabbitServer, fault: str
) -> None:
    environment = {"AMQP_URL": fragile_rabbitmq.url}
    async with running_system(tmp_path, "--processes", *ARGUMENTS, environment=environment) as system:
        await system.connect_page("facebook", PAGE, USER)
        async with listening(system, USER, after=0) as client, sending(system) as sender:
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
        assert sender.stats.responses[503] > 0, "the fault was not felt"
        assert await parked(system) == []
        await assert_balanced(system, received=1500)

    assert sorted(m["message_id"] for m in client.messages) == sorted(f"m_{number}" for number in range(1500))
    assert client.seqs == list(range(1, len(client.seqs) + 1))


async def test_a_broker_that_is_away_at_the_start_is_waited_for(tmp_path: Path, fragile_rabbitmq: RabbitServer) -> None:
    await asyncio.to_thread(fragile_rabbitmq.kill)
    starting = asyncio.create_task(_first_message(tmp_path, fragile_rabbitmq.url))
    await asyncio.sleep(4)
    assert not starting.done()
    await asyncio.to_thread(fragile_rabbitmq.start)

    assert await starting == "message 0"


async def _first_message(data_dir: Path, amqp_url: str) -> str:
    async with running_system(data_dir, "--processes", *ARGUMENTS, environment={"AMQP_URL": amqp_url}) as system:
        await system.connect_page("facebook", PAGE, USER)
        async with listening(system, USER, after=0) as client:
            assert await system.post("facebook", numbered(PAGE, 0, customers=7)) == 200
            await eventually(lambda: client.messages, what="the message")
        await assert_balanced(system, received=1)
        return str(client.messages[0]["content"])
