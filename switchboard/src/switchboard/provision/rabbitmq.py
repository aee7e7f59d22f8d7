"""A private RabbitMQ broker: chooses a server and runs it while a context lasts."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol

from shared.errors import StartupRefused
from switchboard.provision import debian
from switchboard.provision.rabbitmq_container import ContainerNode, find_container_engine
from switchboard.provision.rabbitmq_node import PrivateNode

_DEBIAN_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""Preferred to the one in PATH, which on Debian refuses to run as another user."""
_NONE_HERE = (
    "RabbitMQ is not installed: set AMQP_URL to a running broker, or install rabbitmq-server 3.10 or newer "
    "(Debian and Ubuntu: apt-get install rabbitmq-server; macOS: brew install rabbitmq), Docker or Podman."
)


class RabbitServer(Protocol):
    """A broker that tests can make fail; every method blocks until it is done."""

    @property
    def url(self) -> str:
        """`amqp://user:password@host:port/` of an account that may do everything."""

    def url_of(self, account: str) -> str:
        """Return the same with the account of a service; see `shared.messaging.rabbitmq.accounts`."""

    @property
    def pid(self) -> int:
        """Process ID of the server; 0 if it is not our child or does not run."""

    def pause(self) -> None:
        """Freeze it: connections stay open, and nothing responds."""

    def resume(self) -> None:
        """Continue after `pause`."""

    def kill(self) -> None:
        """Kill it. Everything that it has confirmed stays on disk."""

    def start(self) -> None:
        """Start it, always with the same port and data; return once AMQP responds.

        Raises:
            StartupRefused: it did not respond in time; the text has its log.
        """


def find_rabbitmq_server() -> Path | None:
    """Return the installed `rabbitmq-server`, or None."""
    if os.access(_DEBIAN_SERVER, os.X_OK):
        return _DEBIAN_SERVER
    found = shutil.which("rabbitmq-server")
    return Path(found) if found else None


def choose_server(data_dir: Path, *, may_install: bool) -> PrivateNode | ContainerNode:
    """Return a private broker that is not started: an installed server, else one to install, else a container.

    Args:
        data_dir: the folder for the data of a node; a container does not use it.
        may_install: whether `apt-get install` is allowed.

    Raises:
        StartupRefused: no broker can run here.
    """
    executable = find_rabbitmq_server()
    if executable is None and may_install and debian.install("rabbitmq-server"):
        executable = find_rabbitmq_server()
    if executable is not None:
        return PrivateNode(executable, data_dir)
    engine = find_container_engine()
    if engine is not None:
        return ContainerNode(engine)
    raise StartupRefused(_NONE_HERE)


@contextmanager
def running_server(data_dir: Path, *, may_install: bool = False) -> Iterator[RabbitServer]:
    """Run a private broker while the context lasts.

    Raises:
        StartupRefused: no broker can run here, or it did not start.
    """
    server = choose_server(data_dir, may_install=may_install)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@asynccontextmanager
async def private_rabbitmq(data_dir: Path, *, may_install: bool = False) -> AsyncIterator[RabbitServer]:
    """Run a private broker while the context lasts.

    Raises:
        StartupRefused: no broker can run here, or it did not start.
    """
    server = await asyncio.to_thread(choose_server, data_dir, may_install=may_install)
    starting = asyncio.create_task(asyncio.to_thread(server.start))
    try:
        await asyncio.shield(starting)
        yield server
    finally:
        # An interrupted start continues in its thread: make it fail, wait for it, and clean up what it started.
        await asyncio.shield(asyncio.to_thread(server.stop))
        await asyncio.wait([starting])
        await asyncio.shield(asyncio.to_thread(server.stop))
