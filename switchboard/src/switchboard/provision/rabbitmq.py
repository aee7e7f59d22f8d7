"""A private RabbitMQ: which server to run, and running it for as long as a context lasts."""

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
"""Preferred to the one in PATH, which on Debian insists on another user."""
_NONE_HERE = (
    "There is no RabbitMQ here: set AMQP_URL to a running one, or install rabbitmq-server 3.10 or newer "
    "(Debian and Ubuntu: apt-get install rabbitmq-server; macOS: brew install rabbitmq), or Docker, or Podman."
)


class RabbitServer(Protocol):
    """A broker that can be made to fail on purpose; every method blocks until it has happened."""

    @property
    def url(self) -> str:
        """`amqp://user:password@host:port/`."""

    @property
    def pid(self) -> int:
        """Process id of the server; 0 where it is none of ours or does not run."""

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""

    def resume(self) -> None:
        """Let it go on."""

    def kill(self) -> None:
        """End it at once, without a chance to tidy up. What it has confirmed stays on disk."""

    def start(self) -> None:
        """Start it, again with the same port and data, and return once AMQP answers.

        Raises:
            StartupRefused: it did not answer in time; the text says what it logged.
        """


def find_rabbitmq_server() -> Path | None:
    """Return the installed `rabbitmq-server`, or None."""
    if os.access(_DEBIAN_SERVER, os.X_OK):
        return _DEBIAN_SERVER
    found = shutil.which("rabbitmq-server")
    return Path(found) if found else None


def choose_server(data_dir: Path, *, may_install: bool) -> PrivateNode | ContainerNode:
    """Return a broker of our own, not started: what is installed, what can be installed, a container.

    Args:
        data_dir: where a node of our own keeps its data.
        may_install: whether `apt-get install` is allowed.

    Raises:
        StartupRefused: there is no way to run one here.
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
    """Run a broker of our own while the context lasts.

    Raises:
        StartupRefused: there is no way to run one here, or it did not start.
    """
    server = choose_server(data_dir, may_install=may_install)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@asynccontextmanager
async def private_rabbitmq(data_dir: Path, *, may_install: bool = False) -> AsyncIterator[RabbitServer]:
    """Run a broker of our own while the context lasts.

    Raises:
        StartupRefused: there is no way to run one here, or it did not start.
    """
    server = await asyncio.to_thread(choose_server, data_dir, may_install=may_install)
    starting = asyncio.create_task(asyncio.to_thread(server.start))
    try:
        await asyncio.shield(starting)
        yield server
    finally:
        # A start that was interrupted goes on in its thread: it is made to fail, waited for, and tidied up after.
        await asyncio.shield(asyncio.to_thread(server.stop))
        await asyncio.wait([starting])
        await asyncio.shield(asyncio.to_thread(server.stop))
