"""Wires the enricher together."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

import httpx
import structlog
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.routing import Route

from enricher.accounts import AccountCache
from enricher.graph.breaker import Breaker
from enricher.graph.client import GraphClient
from enricher.graph.limiter import CallLimiter, RateLimits
from enricher.graph.policy import GraphPolicy
from enricher.handlers import WebhookHandler
from enricher.media.addressing import AllowedHosts
from enricher.media.downloads import Downloader
from enricher.media.fair_semaphore import FairSemaphore
from enricher.media.routes import MediaEndpoint, MediaLimits
from enricher.media.service import MediaService
from enricher.metrics import Metrics
from enricher.problems import PROBLEMS
from enricher.profiles.directory import ProfileDirectory
from enricher.profiles.lookup_worker import LookupWorker
from enricher.profiles.store_profiles import StoreProfiles
from enricher.refused_tokens import RefusedTokens
from enricher.settings import Settings
from shared.aio.background import BackgroundTasks, Works
from shared.aio.backoff import Backoff
from shared.clock import utc_now
from shared.errors import DependencyUnavailable
from shared.http.client import http_client
from shared.http.intake import Intake, IntakeLimits
from shared.http.operations import Readiness, operations_routes
from shared.http.server import serving
from shared.messaging.ports import Broker, Subscription
from shared.messaging.topology import ENRICHER_ACCOUNTS, ENRICHER_REVOCATIONS, ENRICHER_WEBHOOKS
from shared.revocation import RevocationFeed, Revocations, RevocationVerifier
from shared.security.app_secrets import AppSecrets
from shared.security.cipher import TokenCipher
from shared.security.user_tokens import verifier
from shared.store_client.client import StoreClient

log = structlog.get_logger(__name__)

STORE_CONNECTIONS = 32
READY_SECONDS = 0.8
"""How long readiness waits for the store to be checked again."""
BREAKER_FAILURES = 5
GRAPH_RETRY = Backoff(first_seconds=0.1)
"""The pause before the second call to the Graph API: 50 to 100 ms."""
ACCOUNTS_SHARD = 0
"""Account changes need no order by user: all of them use this shard."""


class _Components(NamedTuple):
    store: StoreClient
    accounts: AccountCache
    profiles: ProfileDirectory
    graph: GraphClient
    policy: GraphPolicy
    refused_tokens: RefusedTokens
    handler: WebhookHandler
    worker: LookupWorker


@asynccontextmanager
async def lifespan(settings: Settings, broker: Broker, *, registry: CollectorRegistry) -> AsyncIterator[dict[str, int]]:
    """Enrich webhooks while the context lasts.

    Args:
        settings: of the service.
        broker: the source of webhooks and the publisher of results.
        registry: of the metrics.

    Yields:
        `{"enricher": port}`, the port of media and operations.
    """
    async with (
        http_client(total_seconds=settings.store_timeout_seconds, connections=STORE_CONNECTIONS) as store_http,
        http_client(
            total_seconds=settings.graph_timeout_seconds, connections=settings.graph_concurrent_calls
        ) as graph_http,
        http_client(
            total_seconds=settings.store_timeout_seconds, connections=settings.media_concurrent_downloads
        ) as media_store_http,
        http_client(
            total_seconds=settings.media_idle_seconds, connections=settings.media_concurrent_downloads
        ) as media_http,
    ):
        metrics = Metrics(registry)
        components = _assemble(settings, broker, metrics, store_http=store_http, graph_http=graph_http)
        revocations = Revocations()
        feed = RevocationFeed(revocations, components.store.revocations)
        media = _media(settings, components, metrics, revocations, store_http=media_store_http, media_http=media_http)

        async def problems() -> Sequence[str]:
            try:
                async with asyncio.timeout(READY_SECONDS):
                    await components.store.recheck()
            except (DependencyUnavailable, TimeoutError):
                pass  # `components.store.problems` contains it
            broker_problems = [] if broker.is_ready else ["The broker is unavailable: webhooks wait there."]
            return [*broker_problems, *components.store.problems, *background.problems]

        background, readiness = BackgroundTasks(), Readiness(problems)
        route = media.route(allowed_origins=settings.allowed_origins)
        app = _asgi_app([route, *operations_routes(readiness, registry)])
        async with (
            serving(
                app,
                host=settings.bind_host,
                port=settings.enricher_port,
                grace_seconds=settings.shutdown_grace_seconds / 4,
                intake=Intake(IntakeLimits.of(settings), registry, prefix="switchboard_enricher"),
                unread_seconds=settings.media_idle_seconds,
            ) as port,
            feed.running(broker, ENRICHER_REVOCATIONS, background),
            _run(components, broker, background),
        ):
            yield {"enricher": port}
            readiness.stop()


@asynccontextmanager
async def _run(components: _Components, broker: Broker, background: BackgroundTasks) -> AsyncIterator[None]:
    """Handle webhooks and run the background tasks while the context lasts."""
    async with broker.subscribe(
        ENRICHER_ACCOUNTS, components.accounts.on_account_changed, on_gap=components.accounts.clear
    ) as subscription:
        tasks: Works = {
            "account changes": partial(_stay_bound, subscription),
            "profile lookups": components.worker.run,
            "reports of refused tokens": components.refused_tokens.run,
        }
        try:
            async with background.run(tasks), broker.consume(ENRICHER_WEBHOOKS, components.handler):
                yield
        finally:
            await components.profiles.close()
            await components.accounts.close()


async def _stay_bound(subscription: Subscription) -> None:
    # If the broker is unavailable, the shard is bound later, and `on_gap` then clears the cache.
    with contextlib.suppress(DependencyUnavailable):
        await subscription.bind(ACCOUNTS_SHARD)
    await asyncio.Event().wait()


def _assemble(
    settings: Settings,
    broker: Broker,
    metrics: Metrics,
    *,
    store_http: httpx.AsyncClient,
    graph_http: httpx.AsyncClient,
) -> _Components:
    monotonic = asyncio.get_running_loop().time
    store = _store(settings, store_http)
    refused_tokens = RefusedTokens(broker, jitter=random.random, utc_now=utc_now)
    limiter = _limiter(settings, metrics)
    graph = _graph(settings, graph_http, limiter)
    policy = _policy(settings, limiter, refused_tokens, metrics)
    accounts = AccountCache(store, monotonic=monotonic, metrics=metrics)
    profiles = ProfileDirectory(
        StoreProfiles(store), source=graph, policy=policy, monotonic=monotonic, utc_now=utc_now, metrics=metrics
    )
    handler = WebhookHandler(
        accounts=accounts,
        profiles=profiles,
        publisher=broker,
        metrics=metrics,
        budget_seconds=settings.profile_budget_seconds,
        monotonic=monotonic,
        utc_now=utc_now,
        app_secrets=AppSecrets(settings.app_secrets),
        own_app_ids=frozenset(settings.app_ids),
    )
    worker = LookupWorker(
        store, accounts=accounts, profiles=profiles, publisher=broker, jitter=random.random, utc_now=utc_now
    )
    return _Components(store, accounts, profiles, graph, policy, refused_tokens, handler, worker)


def _store(settings: Settings, store_http: httpx.AsyncClient) -> StoreClient:
    return StoreClient(
        store_http,
        url=str(settings.store_internal_url),
        token=settings.service_tokens[0].token,
        timeout_seconds=settings.store_timeout_seconds,
    )


def _policy(settings: Settings, limiter: CallLimiter, refused_tokens: RefusedTokens, metrics: Metrics) -> GraphPolicy:
    def breaker() -> Breaker:
        return Breaker(failures_to_open=BREAKER_FAILURES, open_seconds=settings.graph_breaker_seconds)

    return GraphPolicy(
        cipher=TokenCipher(settings.encryption_keys),
        breaker=breaker(),
        media_breaker=breaker,
        limiter=limiter,
        on_refused_token=refused_tokens.report,
        concurrent_calls=settings.graph_concurrent_calls,
        pause_before_retry=_pause_before_retry,
        monotonic=asyncio.get_running_loop().time,
        metrics=metrics,
    )


def _limiter(settings: Settings, metrics: Metrics) -> CallLimiter:
    limits = RateLimits(
        page_per_second=settings.graph_calls_per_page_per_second,
        page_per_hour=settings.graph_calls_per_page_per_hour,
        app_per_second=settings.graph_calls_per_second,
        limit_hold_seconds=settings.graph_limit_hold_seconds,
    )
    return CallLimiter(limits, monotonic=asyncio.get_running_loop().time, metrics=metrics)


def _graph(settings: Settings, graph_http: httpx.AsyncClient, limiter: CallLimiter) -> GraphClient:
    return GraphClient(
        graph_http,
        url=str(settings.graph_url),
        instagram_url=str(settings.instagram_graph_url),
        version=settings.graph_version,
        app_secrets=AppSecrets(settings.app_secrets),
        instagram_app_secret=settings.instagram_app_secret,
        timeout_seconds=settings.graph_timeout_seconds,
        on_usage=limiter.record_usage,
        utc_now=utc_now,
    )


def _media(
    settings: Settings,
    components: _Components,
    metrics: Metrics,
    revocations: Revocations,
    *,
    store_http: httpx.AsyncClient,
    media_http: httpx.AsyncClient,
) -> MediaEndpoint:
    service = MediaService(
        # A client of its own: media take no connections from webhooks, and their failures do not affect readiness.
        _store(settings, store_http),
        policy=components.policy,
        graph=components.graph,
        downloader=Downloader(
            media_http,
            hosts=AllowedHosts(settings.media_hosts, str(settings.graph_url)),
            idle_seconds=settings.media_idle_seconds,
            max_bytes=settings.media_max_bytes,
        ),
        semaphore=FairSemaphore(settings.media_concurrent_downloads, wait_seconds=settings.media_turn_seconds),
    )
    limits = MediaLimits(
        total_seconds=settings.media_timeout_seconds,
        idle_seconds=settings.media_idle_seconds,
        cache_seconds=settings.media_cache_seconds,
    )
    monotonic = asyncio.get_running_loop().time
    return MediaEndpoint(
        service,
        RevocationVerifier(verifier(settings), revocations),
        limits=limits,
        metrics=metrics,
        monotonic=monotonic,
    )


def _asgi_app(routes: Sequence[Route]) -> Starlette:
    app = Starlette(routes=routes, exception_handlers=PROBLEMS.exception_handlers)
    app.router.redirect_slashes = False
    return app


async def _pause_before_retry() -> None:
    await asyncio.sleep(GRAPH_RETRY.delay_seconds(1, jitter=random.random()))  # noqa: S311 - jitter is not a secret
