"""Ingest's wiring."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.routing import Route

from ingest.metrics import Metrics
from ingest.routes import WebhookRoutes
from ingest.settings import Settings
from shared.clock import utc_now
from shared.http.intake import Intake, IntakeLimits
from shared.http.operations import Readiness, operations_routes
from shared.http.server import serving
from shared.messaging.ports import Broker


@asynccontextmanager
async def lifespan(settings: Settings, broker: Broker, *, registry: CollectorRegistry) -> AsyncIterator[dict[str, int]]:
    """Receive webhooks while the context lasts; yield `{"ingest": port}`."""

    async def problems() -> Sequence[str]:
        return () if broker.is_ready else ("The broker is unavailable: webhooks are answered 503.",)

    readiness = Readiness(problems)
    routes = WebhookRoutes(
        publisher=broker,
        metrics=Metrics(registry),
        utc_now=utc_now,
        app_secrets=settings.app_secrets,
        verify_tokens=[token.get_secret_value().encode() for token in settings.verify_tokens],
        max_body_bytes=settings.max_body_bytes,
        publish_timeout_seconds=settings.publish_timeout_seconds,
        retry_after_seconds=settings.retry_after_seconds,
    )
    app = Starlette(
        routes=[
            Route("/webhooks/{platform}", routes.verify, methods=["GET"]),
            Route("/webhooks/{platform}", routes.receive, methods=["POST"]),
            *operations_routes(readiness, registry),
        ]
    )
    app.router.redirect_slashes = False
    async with serving(
        app,
        host=settings.bind_host,
        port=settings.ingest_port,
        grace_seconds=settings.shutdown_grace_seconds,
        intake=Intake(IntakeLimits.of(settings), registry, prefix="switchboard_ingest"),
    ) as port:
        yield {"ingest": port}
        readiness.stop()
