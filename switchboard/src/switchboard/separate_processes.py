"""Every service in its own process, on RabbitMQ and Postgres."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from shared.http.server import listening_socket
from switchboard.pid_file import PidFile
from switchboard.service_environments import service_environments
from switchboard.service_processes import service_processes, until_ready

_PORTS = {
    "store": "STORE_PORT",
    "store_internal": "STORE_INTERNAL_PORT",
    "gateway": "GATEWAY_PORT",
    "gateway_sse": "GATEWAY_SSE_PORT",
    "gateway_operations": "GATEWAY_OPERATIONS_PORT",
    "enricher": "ENRICHER_PORT",
    "ingest": "INGEST_PORT",
}
OPERATIONS = {"store": "store", "push-gateway": "gateway_operations", "enricher": "enricher", "ingest": "ingest"}
"""The port that serves `/healthz`, `/readyz` and `/metrics`, by service."""


@asynccontextmanager
async def separate_processes(
    environment: Mapping[str, str],
    settings: Mapping[str, str],
    *,
    amqp_urls: Mapping[str, str],
    log_dir: Path,
    pid_file: PidFile,
) -> AsyncIterator[dict[str, int]]:
    """Run every service while the context lasts, and restart those that die; yields all ports once all are ready.

    Args:
        environment: of our own process; the services get what an ordinary program needs of it, and no secrets.
        settings: of all services by field name, without their ports; each service gets its own.
        amqp_urls: the broker with the service's own account, by service; empty if `settings` has an address for all.
        log_dir: an existing folder for one log file per service.
        pid_file: kept up to date with their process IDs.

    Raises:
        StartupRefused: a service refuses to start, or is not ready in time.
    """
    ports = _free_ports(list(_PORTS))
    complete = {
        **settings,
        **{variable.lower(): str(ports[name]) for name, variable in _PORTS.items()},
        "store_internal_url": f"http://127.0.0.1:{ports['store_internal']}",
    }
    async with service_processes(
        service_environments(environment, complete, amqp_urls), log_dir=log_dir, on_change=pid_file.update
    ) as watched:
        await until_ready(
            {name: f"http://127.0.0.1:{ports[port]}/readyz" for name, port in OPERATIONS.items()}, watched.failed
        )
        yield ports


def _free_ports(names: list[str]) -> dict[str, int]:
    """Pick ports that are free now. They are fixed, because a restarted process must listen on the same one."""
    sockets = {name: listening_socket("127.0.0.1", 0) for name in names}
    try:
        return {name: listener.getsockname()[1] for name, listener in sockets.items()}
    finally:
        for listener in sockets.values():
            listener.close()
