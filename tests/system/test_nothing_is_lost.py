"""Whichever service is killed: every accepted webhook is stored and delivered once, in order and without holes."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from simulator.delivery import Retries, webhook_sender
from tests.system.bodies import numbered
from tests.system.ledger import assert_balanced
from tests.system.running import Client, System, connected_client, eventually, running_system

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]

MESSAGES = 5000
SOAK_MESSAGES = int(os.environ.get("SWITCHBOARD_SOAK_MESSAGES", "100000"))
SOAK_ROUNDS = int(os.environ.get("SWITCHBOARD_SOAK_ROUNDS", "20"))
"""How often each service is killed."""
USER = "chaos"
PAGE = "page-of-chaos"
CUSTOMERS = 40
SERVICES = ("ingest", "push-gateway", "enricher", "store")
"""In the order in which they are killed. Ingest is killed while the sender still sends, the gateway while messages are
still to come. After a kill of the store, all the rest may come at once."""


@pytest.fixture
async def system(tmp_path: Path, environment_with_broker: dict[str, str]) -> AsyncIterator[System]:
    async with running_system(
        tmp_path,
        "--processes",
        "--no-simulator",
        "--graph-url",
        "http://127.0.0.1:9",
        environment=environment_with_broker,
    ) as running:
        yield running


async def send_all(system: System, number: int) -> int:
    """Send every body until it is accepted, as the platform does; return the number of attempts."""
    patient = Retries(immediate=2, delayed=200, first_delay_seconds=0.1, max_delay_seconds=1.0)
    async with webhook_sender(
        webhooks_url=system.urls["webhooks"],
        app_secret=SecretStr(system.urls["app_secret"]),
        retries=patient,
        concurrency=32,
    ) as sender:
        waiting = iter(range(number))

        async def work() -> None:
            for one in waiting:
                assert (await sender.deliver_raw("facebook", numbered(PAGE, one, customers=CUSTOMERS))).is_accepted

        async with asyncio.TaskGroup() as group:
            for _ in range(32):
                group.create_task(work())
        return sender.stats.attempts


async def kill_in_turn(system: System, progress: Client, total: int, rounds: int) -> None:
    """Kill each service in turn with SIGKILL while messages flow; wait until it is back."""
    for step, service in enumerate(SERVICES * rounds, start=1):
        enough = total * step // (len(SERVICES) * rounds + 2)
        await eventually(partial(has_frames, progress, enough), within_seconds=90, what=f"{enough} messages")
        pid = system.pid(service)
        os.kill(pid, signal.SIGKILL)
        await eventually(partial(has_other_pid, system, service, pid), within_seconds=20, what=f"{service} again")


def has_frames(client: Client, number: int) -> bool:
    return len(client.frames) >= number


def has_other_pid(system: System, service: str, pid: int) -> bool:
    return system.pid(service) != pid


async def test_killing_every_service_under_load_loses_and_repeats_nothing(system: System) -> None:
    await send_kill_and_account(system, MESSAGES, rounds=1)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_killing_services_repeatedly_loses_and_repeats_nothing(system: System) -> None:
    await send_kill_and_account(system, SOAK_MESSAGES, rounds=SOAK_ROUNDS)


async def send_kill_and_account(system: System, number: int, *, rounds: int) -> None:
    await system.connect_page("facebook", PAGE, USER)
    async with connected_client(system, USER, after=0) as client:
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(send_all(system, number))
            group.create_task(kill_in_turn(system, client, number, rounds))
        await eventually(partial(has_frames, client, number), within_seconds=120, what="every message on the socket")

    assert sending.result() > number, "no attempt failed: no service was killed while it was needed"
    expected = {f"m_{one}" for one in range(number)}
    shown = [message["message_id"] for message in client.messages]
    assert set(shown) == expected
    assert len(shown) == len(expected)
    assert client.seqs == list(range(client.seqs[0], client.seqs[0] + len(client.seqs)))
    assert client.resets == 0
    assert client.connections > 1
    stored = await stored_message_ids(system)
    assert sorted(stored) == sorted(expected)
    await assert_balanced(system, received=number)


async def stored_message_ids(system: System) -> list[str]:
    """Return all message IDs, page by page over REST."""
    token = await system.token(USER)
    ids: list[str] = []
    for conversation in await system.get("/conversations", token, limit=200):
        path: str | None = f"{system.urls['api']}/conversations/{conversation['conversation_id']}/messages?limit=200"
        while path:
            response = await system.http.get(path, headers={"Authorization": f"Bearer {token}"})
            assert response.status_code == 200, response.text
            ids += [message["message_id"] for message in response.json()]
            following = response.links.get("next")
            path = str(response.url.join(following["url"])) if following else None
    return ids
