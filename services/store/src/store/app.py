"""The store's wiring: which part gets which, and in which order they start and stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

from prometheus_client import CollectorRegistry

from shared.aio.background import BackgroundTasks
from shared.clock import utc_now
from shared.http.intake import Intake, IntakeLimits
from shared.http.operations import Readiness
from shared.http.server import serving
from shared.messaging.ports import Broker, Publisher
from shared.messaging.topology import STORE_REVOCATIONS
from shared.revocation import RevocationFeed, Revocations
from shared.security.cipher import TokenCipher
from store.databases import open_databases
from store.metrics import Metrics
from store.readiness import StoreReadiness
from store.repository import revocations
from store.repository.postgres.database import Database
from store.routes.internal import internal_app
from store.routes.public import public_app
from store.services import Services
from store.services.accounts import AccountService
from store.services.erasures import ErasureService
from store.services.key_rotation import KeyRotation
from store.services.read_marks import ReadMarkService
from store.services.replay import ReplayService
from store.services.revocations import RevocationService
from store.settings import Settings
from store.workers import Workers, build_workers


def build_services(
    settings: Settings, database: Database, publisher: Publisher, workers: Workers, *, lists: Database
) -> Services:
    """Return what the routes change data with, connected to the jobs that publish the changes.

    Operators change data through `database`, users through `lists`.
    """
    cipher = TokenCipher(settings.encryption_keys)
    return Services(
        accounts=AccountService(
            database,
            cipher,
            utc_now=utc_now,
            notify_changed=workers.notify_changed,
            wake_releaser=workers.releaser.wake,
            enqueue_token_change=workers.outbox.enqueue_token_change,
        ),
        erasures=ErasureService(
            database,
            workers.digests,
            remember_for=timedelta(days=settings.erasure_memory_days),
            utc_now=utc_now,
            notify_changed=workers.notify_changed,
            wake_job=workers.erasing.wake,
        ),
        key_rotation=KeyRotation(database, cipher, utc_now=utc_now),
        read_marks=ReadMarkService(lists, utc_now=utc_now, notify_changed=workers.notify_changed),
        replay=ReplayService(database, publisher, utc_now=utc_now),
        revocations=RevocationService(
            database,
            publisher,
            Revocations(),
            utc_now=utc_now,
            keep_for=timedelta(days=settings.revocation_retention_days),
        ),
    )


async def _work(
    workers: Workers,
    broker: Broker,
    background: BackgroundTasks,
    readiness: StoreReadiness,
    *,
    feed: RevocationFeed,
    stopping: asyncio.Event,
) -> None:
    await readiness.wait_for_schema()
    async with feed.running(broker, STORE_REVOCATIONS, background):
        await workers.run(broker, background, started=readiness.startup_attempted.set, stopping=stopping)


@asynccontextmanager
async def lifespan(settings: Settings, broker: Broker, *, registry: CollectorRegistry) -> AsyncIterator[dict[str, int]]:
    """Run the store while the context lasts; yields its ports, `store` (public) and `store_internal`.

    Neither Postgres nor the broker needs to be available: readiness says what is missing, and work starts when it can.

    Raises:
        StartupRefused: the schema is another version's; raised as soon as Postgres responds.
    """
    metrics = Metrics(registry)
    databases = open_databases(settings, metrics)
    workers = build_workers(
        settings,
        databases.pipeline,
        broker,
        metrics,
        indexing_database=databases.indexing,
        utc_now=utc_now,
    )
    services = build_services(settings, databases.operators, broker, workers, lists=databases.lists.database)
    gateways_read_marks = ReadMarkService(databases.internal, utc_now=utc_now, notify_changed=workers.notify_changed)
    feed = RevocationFeed(services.revocations.current, partial(revocations.read, databases.pipeline))
    background = BackgroundTasks()
    store_readiness = StoreReadiness(databases.internal, broker, background)
    readiness = Readiness(store_readiness.problems)
    public = public_app(
        settings,
        lists=databases.lists,
        search=databases.search,
        database=databases.operators,
        services=services,
        readiness=readiness,
        registry=registry,
        utc_now=utc_now,
    )
    internal = internal_app(
        databases.internal, gateways_read_marks, service_tokens=settings.service_tokens, utc_now=utc_now
    )
    intake = Intake(IntakeLimits.of(settings), registry, prefix="store")
    stopping = asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(databases.close)
        serve = partial(
            serving, host=settings.bind_host, grace_seconds=settings.shutdown_grace_seconds / 4, intake=intake
        )
        ports = {
            "store": await stack.enter_async_context(serve(public, port=settings.store_port)),
            "store_internal": await stack.enter_async_context(serve(internal, port=settings.store_internal_port)),
        }
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_work(workers, broker, background, store_readiness, feed=feed, stopping=stopping))
                await store_readiness.startup_attempted.wait()
                yield ports
                readiness.stop()
                stopping.set()
        except BaseExceptionGroup as group:
            if len(group.exceptions) > 1:
                raise
            raise group.exceptions[0] from group.exceptions[0].__cause__
