"""RabbitMQ in a container, for machines without an installed server."""

import contextlib
import json
import os
import shutil
import subprocess

from shared.errors import StartupRefused
from shared.messaging.rabbitmq.accounts import OPERATOR
from switchboard.provision.broker_accounts import BrokerAccounts
from switchboard.provision.rabbitmq_node import free_ports, wait_for_amqp

IMAGE = "rabbitmq:4-management"
ENGINE_TIMEOUT_SECONDS = 300.0
"""The first run pulls the image."""


class ContainerNode:
    """RabbitMQ in a container.

    Args:
        engine: `docker` or `podman`.
    """

    def __init__(self, engine: str) -> None:
        self._engine = engine
        [self._port] = free_ports(1)
        self._name = f"switchboard-rabbitmq-{os.getpid()}-{self._port}"
        self._accounts = BrokerAccounts()
        self._exists = False

    @property
    def url(self) -> str:
        """The operator's address: `amqp://user:password@host:port/`."""
        return self.url_of(OPERATOR)

    def url_of(self, account: str) -> str:
        """Return the address with the account of a service."""
        return self._accounts.url(account, self._port)

    @property
    def pid(self) -> int:
        """0: the container is not our child process."""
        return 0

    def start(self) -> None:
        """Start the container; return once AMQP responds."""
        if self._exists:
            self._run("start", self._name)
        else:
            self._exists = True
            account = ("-e", f"RABBITMQ_DEFAULT_USER={OPERATOR}", "-e", "RABBITMQ_DEFAULT_PASS")
            self._run("run", "-d", "--name", self._name, *account, "-p", f"127.0.0.1:{self._port}:5672", IMAGE)
        wait_for_amqp(self._port, is_alive=lambda: True)
        imported = self._accounts.definitions(shut_default_account=False)
        self._run("exec", "-i", self._name, "rabbitmqctl", "import_definitions", given=json.dumps(imported))

    def stop(self) -> None:
        """Remove the container with its data."""
        if self._exists:
            self._run("rm", "-f", "-v", self._name)
            self._exists = False

    def pause(self) -> None:
        """Freeze it."""
        self._run("pause", self._name)

    def resume(self) -> None:
        """Continue after `pause`."""
        self._run("unpause", self._name)

    def kill(self) -> None:
        """Kill it; its data stays."""
        self._run("kill", self._name)

    def _run(self, *arguments: str, given: str = "") -> None:
        done = subprocess.run(
            [self._engine, *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=ENGINE_TIMEOUT_SECONDS,
            check=False,
            env={**os.environ, "RABBITMQ_DEFAULT_PASS": self._accounts.passwords[OPERATOR]},
        )
        if done.returncode != 0:
            raise StartupRefused(f"{self._engine} {arguments[0]} failed: {done.stderr.strip()[-500:]}")


def find_container_engine() -> str | None:
    """Return the first of `docker` and `podman` that is installed and works, or None."""
    for engine in ("docker", "podman"):
        if shutil.which(engine) is None:
            continue
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run([engine, "info"], capture_output=True, timeout=15, check=False)
            if done.returncode == 0:
                return engine
    return None
