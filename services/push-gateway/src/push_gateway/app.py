"""The push gateway's wiring, and its life from the first socket to the last."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import structlog
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from websockets.asyncio.server import serve

from push_gateway.catch_up import CatchUp
from push_gateway.log_reader import LogReader, store_log_reader
from push_gateway.metrics import Metrics
from push_gateway.registry import Registry
from push_gateway.routes import Sockets
from push_gateway.sessions import CLOSE_WAIT_SECONDS, Connection
from push_gateway.settings import Settings
from push_gateway.shards import Shards
from push_gateway.upkeep import Upkeep, close_all
from shared.errors import DependencyUnavailable
from shared.messaging.ports import Broker
from shared.messaging.topology import GATEWAY_INBOX
from shared.observability.operations import Readiness, operations_routes
from shared.security.user_tokens import verifier
from shared.serving import listening_socket, serving

log = structlog.get_logger(__name__)

_MAX_CLIENT_FRAME_BYTES = 64 * 1024
_PING_SECONDS = 20.0
_BACKLOG = 4096
"""Connections waiting to be accepted: after a restart all clients come at once; what does not fit loses a second."""
_READY_SECONDS = 0.8


def _now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def running(settings: Settings, broker: Broker, *, registry: CollectorRegistry) -> AsyncIterator[dict[str, int]]:
    """Push while the context lasts; yields the ports `gateway` and `gateway_operations`.

    Neither the broker nor the store has to be there. Leaving closes every socket with 1012, within
    `settings.shutdown_grace_seconds` and a second.
    """
    metrics = Metrics(registry)
    users = _users(settings, metrics)
    async with AsyncExitStack() as stack:
        log_reader = await stack.enter_async_context(
            store_log_reader(
                str(settings.store_internal_url),
                settings.service_tokens[0],
                timeout_seconds=settings.store_timeout_seconds,
            )
        )
        catch_up = CatchUp(log_reader, users.on_page)
        stack.push_async_callback(catch_up.close)
        upkeep = Upkeep(users, log_reader, heartbeat_seconds=settings.heartbeat_seconds)
        tail = await stack.enter_async_context(broker.tail(GATEWAY_INBOX, users.on_events, on_gap=upkeep.on_gap))
        shards = Shards(tail, on_late_bind=upkeep.on_late_bind)
        stack.push_async_callback(shards.close)
        await stack.enter_async_context(upkeep.running(shards))
        readiness = Readiness(lambda: _problems(broker, log_reader, upkeep))
        operations = Starlette(routes=operations_routes(readiness, registry))
        operations_port = await stack.enter_async_context(
            serving(operations, host=settings.bind_host, port=settings.gateway_operations_port, grace_seconds=1)
        )
        sockets = Sockets(
            settings,
            metrics=metrics,
            registry=users,
            shards=shards,
            catch_up=catch_up,
            verifier=verifier(settings),
            is_streaming=lambda: broker.is_ready,
            now=_now,
        )
        port = await stack.enter_async_context(_listening(settings, sockets, metrics, readiness))
        yield {"gateway": port, "gateway_operations": operations_port}


def _users(settings: Settings, metrics: Metrics) -> Registry:
    return Registry(
        metrics,
        _now,
        max_sockets_per_user=settings.gateway_max_sockets_per_user,
        max_sockets=settings.gateway_max_sockets,
        linger_seconds=settings.gateway_linger_seconds,
        recent_bytes_per_user=settings.gateway_recent_bytes_per_user,
        recent_bytes=settings.gateway_recent_bytes,
    )


@asynccontextmanager
async def _listening(
    settings: Settings, sockets: Sockets, metrics: Metrics, readiness: Readiness
) -> AsyncIterator[int]:
    listener = listening_socket(settings.bind_host, settings.gateway_port)
    budget = settings.gateway_write_budget_bytes
    server = await serve(
        sockets.serve,
        sock=listener,
        backlog=_BACKLOG,
        process_request=sockets.refuse,
        select_subprotocol=sockets.select_subprotocol,
        compression=None,
        server_header=None,
        max_size=_MAX_CLIENT_FRAME_BYTES,
        ping_interval=_PING_SECONDS,
        ping_timeout=_PING_SECONDS,
        close_timeout=CLOSE_WAIT_SECONDS,
        write_limit=(budget, budget // 4),
        create_connection=Connection,
    )
    metrics.measure_buffered_bytes(
        lambda: sum(connection.transport.get_write_buffer_size() for connection in server.all_connections)
    )
    try:
        yield listener.getsockname()[1]
    finally:
        readiness.stop()
        await close_all(server, metrics, grace_seconds=settings.shutdown_grace_seconds)


async def _problems(broker: Broker, log_reader: LogReader, upkeep: Upkeep) -> Sequence[str]:
    problems = [] if broker.is_ready else ["The message broker is away: changes come late."]
    try:
        async with asyncio.timeout(_READY_SECONDS):
            await log_reader.tops(())
    except (DependencyUnavailable, TimeoutError):
        problems.append("The store does not answer: new sockets wait.")
    if not upkeep.is_running:
        problems.append("Heartbeats have stopped: this is a bug.")
    return problems
