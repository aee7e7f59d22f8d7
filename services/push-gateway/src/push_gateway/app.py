"""The push gateway's wiring, and its life from the first socket to the last."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from websockets.asyncio.server import Server, serve
from websockets.server import ServerProtocol

from push_gateway.core import TokenBucket
from push_gateway.delivery.hub import Registry
from push_gateway.delivery.log_fetcher import CatchUp
from push_gateway.delivery.maintenance import Upkeep
from push_gateway.delivery.presence import Signals
from push_gateway.delivery.read_marks import ReadMarks, StoreReadPositions
from push_gateway.delivery.session import CLOSE_WAIT_SECONDS
from push_gateway.delivery.session_lifecycle import SessionLifecycle
from push_gateway.delivery.shard_bindings import Shards
from push_gateway.log_reader import LOG_PATH, LogReader, StoreLogReader
from push_gateway.metrics import Metrics
from push_gateway.settings import Settings
from push_gateway.store_api import StoreApi, StoreRefused, store_client
from push_gateway.transport.admission import Admission
from push_gateway.transport.handshake_limiter import HandshakeLimiter
from push_gateway.transport.shutdown import close_all
from push_gateway.transport.sse.endpoint import Streams, streams_app
from push_gateway.transport.websocket.connection import GatewayConnection
from push_gateway.transport.websocket.endpoint import Sockets
from shared.aio.background import BackgroundTasks
from shared.clock import utc_now
from shared.errors import DependencyUnavailable
from shared.http.operations import Readiness, operations_routes
from shared.http.server import listening_socket, serving
from shared.messaging.ports import Broker
from shared.messaging.topology import GATEWAY_INBOX, GATEWAY_SIGNALS
from shared.security.user_tokens import verifier

log = structlog.get_logger(__name__)

_MAX_CLIENT_FRAME_BYTES = 64 * 1024
_PING_SECONDS = 20.0
_BACKLOG = 4096
"""Connections waiting to be accepted: after a restart all clients come at once; what does not fit loses a second."""
_MAX_WAITING_FRAMES = 4
"""Frames of a client that wait for their turn; then it is not read from."""
_UNREAD_SECONDS = 60.0
"""A stream's client that has not acknowledged a byte for this long has gone without a word."""
_READY_SECONDS = 0.8
_CLOSING_SHARE = 0.8
"""Of the time for the end: clients that do not read are waited for so long; to cut off their streams takes the rest."""


@asynccontextmanager
async def running(settings: Settings, broker: Broker, *, registry: CollectorRegistry) -> AsyncIterator[dict[str, int]]:
    """Push while the context lasts; yields the ports `gateway`, `gateway_sse` and `gateway_operations`.

    Neither the broker nor the store has to be there. Leaving closes every socket with 1012, within
    `settings.shutdown_grace_seconds` and a second.
    """
    metrics = Metrics(registry)
    users = _users(settings, metrics)
    async with AsyncExitStack() as stack:
        store = await _store(stack, settings, metrics)
        background = BackgroundTasks(on_ended=lambda name: metrics.background_ended.labels(name).inc())
        log_reader = StoreLogReader(store)
        catch_up = CatchUp(log_reader, users.on_page)
        stack.push_async_callback(catch_up.close)
        upkeep = Upkeep(users, log_reader, heartbeat_seconds=settings.heartbeat_seconds)
        signals = _signals(settings, broker, users, metrics)
        await stack.enter_async_context(signals.running(background))
        shards = await _hearing(stack, broker, users, upkeep, signals)
        await stack.enter_async_context(upkeep.running(shards, background))
        read_marks = ReadMarks(StoreReadPositions(store), metrics)
        await stack.enter_async_context(read_marks.running(background))
        readiness = Readiness(lambda: _problems(broker, store, log_reader, background))
        operations = Starlette(routes=operations_routes(readiness, registry))
        operations_port = await stack.enter_async_context(
            serving(operations, host=settings.bind_host, port=settings.gateway_operations_port, grace_seconds=1)
        )
        admission = Admission(verifier(settings), max_connections=settings.gateway_max_sockets, utc_now=utc_now)
        sessions = SessionLifecycle(
            settings,
            metrics=metrics,
            registry=users,
            shards=shards,
            catch_up=catch_up,
            signals=signals,
            read_marks=read_marks,
            renew_token=admission.renew_token,
            is_receiving=lambda: broker.is_ready,
        )
        ports = await stack.enter_async_context(_listening(settings, admission, sessions, metrics, readiness))
        yield {**ports, "gateway_operations": operations_port}


async def _store(stack: AsyncExitStack, settings: Settings, metrics: Metrics) -> StoreApi:
    url, token = str(settings.store_internal_url), settings.service_tokens[0]
    client = store_client(url, token, timeout_seconds=settings.store_timeout_seconds)
    return StoreApi(await stack.enter_async_context(client), metrics)


def _users(settings: Settings, metrics: Metrics) -> Registry:
    return Registry(
        metrics,
        utc_now,
        max_sockets_per_user=settings.gateway_max_sockets_per_user,
        max_sockets=settings.gateway_max_sockets,
        linger_seconds=settings.gateway_linger_seconds,
        recent_bytes_per_user=settings.gateway_recent_bytes_per_user,
        recent_bytes=settings.gateway_recent_bytes,
    )


def _signals(settings: Settings, broker: Broker, users: Registry, metrics: Metrics) -> Signals:
    return Signals(
        secrets.token_hex(8),
        broker,
        users,
        metrics,
        utc_now,
        announce_seconds=settings.gateway_presence_seconds,
        grace_seconds=settings.gateway_presence_grace_seconds,
    )


async def _hearing(stack: AsyncExitStack, broker: Broker, users: Registry, upkeep: Upkeep, signals: Signals) -> Shards:
    """Hear both streams, of the same shards: changes, and what other gateways say."""
    signals_subscription = await stack.enter_async_context(
        broker.subscribe(GATEWAY_SIGNALS, signals.on_events, on_gap=lambda: None)
    )
    inbox_subscription = await stack.enter_async_context(
        broker.subscribe(GATEWAY_INBOX, users.on_events, on_gap=upkeep.on_gap)
    )
    shards = Shards(inbox_subscription, on_late_bind=upkeep.on_late_bind, beside=Shards(signals_subscription))
    stack.push_async_callback(shards.close)
    return shards


@asynccontextmanager
async def _listening(
    settings: Settings, admission: Admission, sessions: SessionLifecycle, metrics: Metrics, readiness: Readiness
) -> AsyncIterator[dict[str, int]]:
    origins, budget = settings.allowed_origins, settings.gateway_write_budget_bytes
    sockets = Sockets(admission, sessions, metrics, allowed_origins=origins, write_budget_bytes=budget)
    streams = Streams(admission, sessions, metrics, allowed_origins=origins, write_budget_bytes=budget)
    app = streams_app(streams, origins)
    async with serving(
        app,
        host=settings.bind_host,
        port=settings.gateway_sse_port,
        grace_seconds=1,
        unread_seconds=_UNREAD_SECONDS,
    ) as sse_port:
        server = await _serve(settings, sockets, metrics)
        metrics.measure_buffered_bytes(
            lambda: (
                sum(connection.transport.get_write_buffer_size() for connection in server.all_connections)
                + sum(len(stream) for stream in streams.open)
            )
        )
        try:
            yield {"gateway": server.sockets[0].getsockname()[1], "gateway_sse": sse_port}
        finally:
            readiness.stop()
            streams.stop()
            grace_seconds = settings.shutdown_grace_seconds * _CLOSING_SHARE
            await close_all(server, streams.open, metrics, grace_seconds=grace_seconds)


async def _serve(settings: Settings, sockets: Sockets, metrics: Metrics) -> Server:
    loop = asyncio.get_running_loop()
    handshakes = HandshakeLimiter(settings.gateway_max_opening, metrics)
    budget = settings.gateway_write_budget_bytes

    def connection(protocol: ServerProtocol, server: Server, **options: Any) -> GatewayConnection:
        incoming = TokenBucket(
            per_second=settings.gateway_bytes_per_second, burst=settings.gateway_bytes_burst, now=loop.time()
        )
        return GatewayConnection(protocol, server, handshakes=handshakes, incoming=incoming, **options)

    return await serve(
        sockets.serve,
        sock=listening_socket(settings.bind_host, settings.gateway_port),
        backlog=_BACKLOG,
        process_request=sockets.refuse,
        select_subprotocol=sockets.select_subprotocol,
        compression=None,
        server_header=None,
        open_timeout=settings.gateway_opening_seconds,
        max_size=_MAX_CLIENT_FRAME_BYTES,
        max_queue=_MAX_WAITING_FRAMES,
        ping_interval=_PING_SECONDS,
        ping_timeout=_PING_SECONDS,
        close_timeout=CLOSE_WAIT_SECONDS,
        write_limit=(budget, budget // 4),
        create_connection=connection,  # type: ignore[arg-type]  # called like a class, and nothing else
    )


async def _problems(
    broker: Broker, store: StoreApi, log_reader: LogReader, background: BackgroundTasks
) -> Sequence[str]:
    problems = [] if broker.is_ready else ["The message broker is away: changes come late."]
    try:
        async with asyncio.timeout(_READY_SECONDS):
            await log_reader.tops(())
            if LOG_PATH in store.refusals:  # it may be that nobody waits for the log any more, and so nobody asks
                await log_reader.log({})
    except (DependencyUnavailable, TimeoutError):
        problems.append("The store does not answer: new sockets wait.")
    except StoreRefused:
        pass  # it is among the refusals
    problems += store.refusals.values()
    return [*problems, *background.problems]
