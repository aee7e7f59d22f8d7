"""A RabbitMQ node as a child process, with its own ports, data and port mapper.

It shares nothing with a node that the machine may run. All its processes are in one process group, whose leader reads
from a pipe that we hold. However we end, even by SIGKILL, the pipe closes and the leader kills the group, so no node is
ever left behind.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from shared.errors import StartupRefused
from shared.messaging.rabbitmq.accounts import OPERATOR
from switchboard.private_files import owner_only, owner_only_folder, write_owner_only
from switchboard.provision.broker_accounts import BrokerAccounts
from switchboard.provision.freeze import freeze

START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 10.0

# Kills its process group, including itself, once the other end of the pipe is closed.
_LEADER = """
epmd -address 127.0.0.1 -port "$ERL_EPMD_PORT" &
"$1" </dev/null &
while read -r _; do :; done
kill -KILL 0
"""

# +sbwt none: an idle node must not busy-wait on a core that tests or services need.
_ERLANG = "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"
_CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{port}
raft.wal_max_size_bytes = 67108864
cluster_formation.randomized_startup_delay_range.max = 0
load_definitions = {definitions}
"""


class PrivateNode:
    """An installed rabbitmq-server as a child of this process.

    Args:
        executable: the `rabbitmq-server` script.
        data_dir: for everything that the node writes; created if missing.
    """

    def __init__(self, executable: Path, data_dir: Path) -> None:
        self._executable = executable
        self._dir = data_dir.absolute()
        self._port, self._distribution_port, self._epmd_port = free_ports(3)
        self._definitions = self._dir / "definitions.json"
        self._accounts = BrokerAccounts()
        self._leader: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None

    @property
    def url(self) -> str:
        """The operator's address: `amqp://user:password@host:port/`."""
        return self.url_of(OPERATOR)

    def url_of(self, account: str) -> str:
        """Return the address with the account of a service, whose password is new in every process."""
        return self._accounts.url(account, self._port)

    @property
    def pid(self) -> int:
        """Process ID of the node's Erlang VM; 0 while it does not run."""
        return self._pid or 0

    def start(self) -> None:
        """Start the node; return once AMQP responds."""
        self._stop_leader()
        owner_only_folder(self._dir)
        (self._dir / "pid").unlink(missing_ok=True)
        write_owner_only(self._dir / "rabbitmq.conf", _CONFIG.format(port=self._port, definitions=self._definitions))
        # Only a node of an earlier version has data and no definitions.
        has_default_account = (self._dir / "data").exists() and not self._definitions.exists()
        imported = self._accounts.definitions(shut_default_account=has_default_account)
        write_owner_only(self._definitions, json.dumps(imported))
        write_owner_only(self._dir / "enabled_plugins", "[].\n")
        with owner_only(self._dir / "console.log").open("ab") as console:
            self._leader = subprocess.Popen(
                ["/bin/sh", "-c", _LEADER, "sh", str(self._executable)],
                stdin=subprocess.PIPE,
                stdout=console,
                stderr=console,
                env=self._environment(),
                cwd=self._dir,
                start_new_session=True,
                umask=0o077,
            )
        try:
            wait_for_amqp(self._port, is_alive=self._is_alive)
            self._pid = int((self._dir / "pid").read_text())
        except StartupRefused as error:
            self._stop_leader()
            raise StartupRefused(f"{error}\n{_tail(self._dir / 'console.log')}") from error

    def stop(self) -> None:
        """Stop the node gracefully, and every process that was started for it."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        while time.monotonic() < deadline and self._signal(0):
            time.sleep(0.05)
        self._stop_leader()

    def pause(self) -> None:
        """Freeze the node; return once it has stopped."""
        if self._pid is not None:
            freeze(self._pid)

    def resume(self) -> None:
        """Continue after `pause`."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the node."""
        self._signal(signal.SIGKILL)
        self._stop_leader()

    def _is_alive(self) -> bool:
        return self._leader is not None and self._leader.poll() is None

    def _signal(self, number: int) -> bool:
        """Send a signal to the node's Erlang VM; return False if it does not run."""
        if self._pid is None:
            return False
        try:
            os.kill(self._pid, number)
        except ProcessLookupError:
            return False
        return True

    def _stop_leader(self) -> None:
        if self._leader is None:
            return
        assert self._leader.stdin is not None
        self._leader.stdin.close()
        try:
            self._leader.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._leader.pid, signal.SIGKILL)
            self._leader.wait()
        self._leader = None
        self._pid = None

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))}
        return kept | {
            "HOME": str(self._dir),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # Data belongs to a node's name, so the name is fixed. Our own port mapper knows no other node.
            "RABBITMQ_NODENAME": "switchboard@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_CONF_ENV_FILE": str(
                self._dir / "rabbitmq-env.conf"
            ),  # does not exist, so the machine's is not read
            "RABBITMQ_CONFIG_FILE": str(self._dir / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self._dir / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._dir / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self._dir / "data"),
            "RABBITMQ_LOG_BASE": str(self._dir / "log"),
            "RABBITMQ_PID_FILE": str(self._dir / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG,
        }


def wait_for_amqp(port: int, *, is_alive: Callable[[], bool]) -> None:
    """Return once an AMQP 0-9-1 broker responds on 127.0.0.1.

    Raises:
        StartupRefused: `is_alive` returned False, or a minute has passed.
    """
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if not is_alive():
            raise StartupRefused("RabbitMQ exited at startup.")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2.0) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            if connection.recv(1) == b"\x01":  # a method frame: Connection.Start
                return
        time.sleep(0.1)
    raise StartupRefused(f"RabbitMQ did not respond within {START_TIMEOUT_SECONDS:g} s.")


def free_ports(number: int) -> Sequence[int]:
    """Return TCP ports of 127.0.0.1 that are free at this moment."""
    with contextlib.ExitStack() as open_listeners:
        listeners = [open_listeners.enter_context(socket.socket()) for _ in range(number)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]


def _tail(path: Path) -> str:
    return path.read_text(errors="replace")[-2000:] if path.exists() else ""
