"""A private RabbitMQ leaves no process behind, however its owner ends."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import aio_pika
import pytest
from pamqp.common import FieldTable

from switchboard.provision.rabbitmq import find_rabbitmq_server, private_rabbitmq

pytestmark = pytest.mark.rabbitmq

OWNER = """
import json, sys, time
from pathlib import Path
from urllib.parse import urlsplit
from switchboard.provision.rabbitmq import running_server

with running_server(Path(sys.argv[1])) as server:
    print(json.dumps({"port": urlsplit(server.url).port, "pid": server.pid}), flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_no_node_outlives_its_owner(ending: signal.Signals, tmp_path: Path) -> None:
    if find_rabbitmq_server() is None:
        pytest.fail("rabbitmq-server is not installed")
    with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        started = json.loads(owner.stdout.readline())
        assert accepts_connections(started["port"])
        owner.send_signal(ending)
        owner.wait(20)

    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and (accepts_connections(started["port"]) or is_running(started["pid"])):
        time.sleep(0.05)
    assert not accepts_connections(started["port"])
    assert not is_running(started["pid"])


async def test_queued_messages_survive_until_the_next_run(tmp_path: Path) -> None:
    arguments: FieldTable = {"x-queue-type": "quorum"}

    async with private_rabbitmq(tmp_path) as server:
        connection = await aio_pika.connect(server.url, timeout=10)
        async with connection, connection.channel() as channel:
            await channel.declare_queue("kept", durable=True, arguments=arguments)
            await channel.default_exchange.publish(aio_pika.Message(b"still here", delivery_mode=2), "kept", timeout=10)
    async with private_rabbitmq(tmp_path) as server:
        connection = await aio_pika.connect(server.url, timeout=10)
        async with connection, connection.channel() as channel:
            queue = await channel.declare_queue("kept", durable=True, arguments=arguments)
            message = await queue.get(timeout=10)

    assert message is not None
    assert message.body == b"still here"


def accepts_connections(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def is_running(pid: int) -> bool:
    """Return whether the process is running; a zombie is not."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()[:1] not in {"", "Z"}
