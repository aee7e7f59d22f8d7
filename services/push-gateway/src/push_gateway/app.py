"""The push gateway's wiring."""

import random
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from push_gateway.delivery.hub import Hub
from push_gateway.delivery.log_fetcher import LogFetcher
from push_gateway.delivery.maintenance import Maintenance
from push_gateway.delivery.presence import Presence
from push_gateway.delivery.read_marks import ReadMarks
from push_gateway.delivery.session_lifecycle import SessionLifecycle
from push_gateway.delivery.shard_bindings import ShardBindings
from push_gateway.delivery.signal_publisher import SignalPublisher
from push_gateway.delivery.store_retry import StoreRetry
from push_gateway.metrics import Metrics
from push_gateway.readiness import problems
from push_gateway.settings import Settings
from push_gateway.transport.admission import Admission
from push_gateway.transport.listeners import listening
from shared.aio.background import BackgroundTasks
from shared.clock import utc_now
from shared.http.client import http_client
from shared.http.intake import Intake, IntakeLimits
from shared.http.operations import Readiness, operations_routes
from shared.http.server import serving
from shared.messaging.ports import Broker
from shared.messaging.topology import GATEWAY_INBOX, GATEWAY_REVOCATIONS, GATEWAY_SIGNALS
from shared.revocation import RevocationFeed, Revocations, RevocationVerifier
from shared.security.user_tokens import verifier
from shared.store_client.client import StoreClient

_STORE_CONNECTIONS = 16


@asynccontextmanager
async def lifespan(settings: Settings, broker: Broker, *, registry: CollectorRegistry) -> AsyncIterator[dict[str, int]]:
    """Run the gateway while the context lasts; yields the ports `gateway`, `gateway_sse` and `gateway_operations`.

    Neither the broker nor the store has to be available. Leaving closes every session with 1012, within
    `settings.shutdown_grace_seconds` plus one second.
    """
    metrics = Metrics(registry)
    hub = _hub(settings, metrics)
    async with AsyncExitStack() as stack:
        store, retry = await _store(stack, settings, metrics), StoreRetry(jitter=random.random)
        background = BackgroundTasks(on_ended=lambda name: metrics.background_ended.labels(name).inc())
        log_fetcher = LogFetcher(store, hub.on_log_page, retry)
        stack.push_async_callback(log_fetcher.close)
        maintenance = Maintenance(hub, store, retry, heartbeat_seconds=settings.heartbeat_seconds)
        presence = _presence(settings, broker, hub, metrics)
        await stack.enter_async_context(presence.running(background))
        shards = await _subscribe(stack, broker, hub, maintenance, presence)
        await stack.enter_async_context(maintenance.running(shards, background))
        read_marks = ReadMarks(store, metrics, retry)
        await stack.enter_async_context(read_marks.running(background))
        readiness = Readiness(lambda: problems(broker, store, background))
        operations = Starlette(routes=operations_routes(readiness, registry))
        operations.router.redirect_slashes = False
        intake = Intake(IntakeLimits.of(settings), registry, prefix="switchboard_gateway")
        operations_port = await stack.enter_async_context(
            serving(
                operations,
                host=settings.bind_host,
                port=settings.gateway_operations_port,
                grace_seconds=1,
                intake=intake,
            )
        )
        revocations = await _revocations(stack, broker, store, hub, background)
        admission = Admission(
            RevocationVerifier(verifier(settings), revocations),
            max_connections=settings.gateway_max_sockets,
            utc_now=utc_now,
        )
        sessions = SessionLifecycle(
            settings,
            metrics=metrics,
            hub=hub,
            shards=shards,
            log_fetcher=log_fetcher,
            presence=presence,
            read_marks=read_marks,
            renew_token=admission.renew_token,
            is_receiving=lambda: broker.is_ready,
        )
        ports = await stack.enter_async_context(
            listening(settings, admission, sessions, metrics, intake, on_stopping=readiness.stop)
        )
        yield {**ports, "gateway_operations": operations_port}


async def _store(stack: AsyncExitStack, settings: Settings, metrics: Metrics) -> StoreClient:
    seconds = settings.store_timeout_seconds
    return StoreClient(
        await stack.enter_async_context(http_client(total_seconds=seconds, connections=_STORE_CONNECTIONS)),
        url=str(settings.store_internal_url),
        token=settings.service_tokens[0].token,
        timeout_seconds=seconds,
        on_call=lambda path, outcome: metrics.store_calls.labels(path.rpartition("/")[2], outcome).inc(),
    )


async def _revocations(
    stack: AsyncExitStack, broker: Broker, store: StoreClient, hub: Hub, background: BackgroundTasks
) -> Revocations:
    """Keep current which tokens are revoked, and close the sessions that were opened with them."""
    revocations = Revocations()
    feed = RevocationFeed(revocations, store.revocations, on_changed=lambda: hub.close_revoked(revocations.is_revoked))
    await stack.enter_async_context(feed.running(broker, GATEWAY_REVOCATIONS, background))
    return revocations


def _hub(settings: Settings, metrics: Metrics) -> Hub:
    return Hub(
        metrics,
        utc_now,
        max_sockets_per_user=settings.gateway_max_sockets_per_user,
        max_sockets=settings.gateway_max_sockets,
        idle_seconds=settings.gateway_linger_seconds,
        replay_bytes_per_user=settings.gateway_recent_bytes_per_user,
        replay_bytes=settings.gateway_recent_bytes,
    )


def _presence(settings: Settings, broker: Broker, hub: Hub, metrics: Metrics) -> Presence:
    return Presence(
        SignalPublisher(secrets.token_hex(8), broker, metrics, utc_now),
        hub,
        metrics,
        utc_now,
        announce_seconds=settings.gateway_presence_seconds,
        grace_seconds=settings.gateway_presence_grace_seconds,
    )


async def _subscribe(
    stack: AsyncExitStack, broker: Broker, hub: Hub, maintenance: Maintenance, presence: Presence
) -> ShardBindings:
    """Subscribe to changes, and to the signals of other gateways, of the same shards."""
    signals = await stack.enter_async_context(
        broker.subscribe(GATEWAY_SIGNALS, presence.on_events, on_gap=lambda: None)
    )
    inbox = await stack.enter_async_context(broker.subscribe(GATEWAY_INBOX, hub.on_events, on_gap=maintenance.on_gap))
    shards = ShardBindings(inbox, on_bound_late=maintenance.on_bound_late, mirror=ShardBindings(signals))
    stack.push_async_callback(shards.close)
    return shards
