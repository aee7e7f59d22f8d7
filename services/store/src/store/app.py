"""The store's wiring: which part gets which, and in which order they start and stop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from prometheus_client import CollectorRegistry

from shared.contracts import Event
from shared.errors import DependencyUnavailable, SwitchboardError
from shared.http.operations import Readiness, operations_routes
from shared.http.server import serving
from shared.messaging.ports import Broker, Publisher
from shared.messaging.topology import STORE_INBOX, STORE_RECORDS
from shared.security.cipher import TokenCipher
from shared.security.user_tokens import verifier
from store import migrations
from store.core.cursors import CursorSeal
from store.core.marks import Range
from store.handlers import InboxHandler, RecordsHandler
from store.jobs.outbox import ChangePublisher
from store.jobs.retention import Housekeeping, Retention
from store.jobs.search_indexer import SearchIndexer
from store.jobs.unclaimed import Upkeep, WaitingReleaser
from store.metrics import Metrics
from store.repository.database import Database
from store.repository.reading import conversations_rendering
from store.routes import problems
from store.routes.access import Access
from store.routes.accounts import AccountDesk, accounts_router, tokens_router
from store.routes.bodies import MAX_API_BODY_BYTES, BodyLimit
from store.routes.events import events_router
from store.routes.inbox import inbox_router
from store.routes.internal import internal_app
from store.routes.ledger import ledger_router
from store.routes.openapi import publish_schemas
from store.routes.parameters import each_once
from store.routes.parked import parked_router
from store.routes.read_marks import ReadDesk, read_marks_router
from store.routes.records import records_router
from store.routes.search import search_router
from store.routes.verify import verify_router
from store.settings import Settings

log = structlog.get_logger(__name__)

_PIPELINE_CONNECTIONS = 4
_INDEXING_CONNECTIONS = 1
_SCHEMA_RETRY_SECONDS = 1.0
_PING_SECONDS = 0.8
_LAST_MARKS_SECONDS = 1.0


def _now() -> datetime:
    return datetime.now(UTC)


class _State:
    """What readiness asks: whether the schema was found right, and whether Postgres answers now."""

    def __init__(self, database: Database, broker: Broker) -> None:
        self._database = database
        self._broker = broker
        self.schema_checked = asyncio.Event()
        self.tried = asyncio.Event()

    async def problems(self) -> Sequence[str]:
        found = [] if self._broker.is_ready else ["The broker is away."]
        try:
            async with asyncio.timeout(_PING_SECONDS):
                await self._database.ping()
        except (DependencyUnavailable, TimeoutError):
            return [*found, "Postgres does not answer."]
        return found if self.schema_checked.is_set() else [*found, "The database's schema has not been checked yet."]

    async def check_schema(self) -> None:
        """Return once the schema is known to be this version's; keeps trying while Postgres is away.

        Raises:
            StartupRefused: it is another version's.
        """
        while not self.schema_checked.is_set():
            try:
                refusal = migrations.refusal(await self._database.schema_revision())
            except DependencyUnavailable as error:
                log.warning("waiting for Postgres", reason=str(error))
                self.tried.set()
                await asyncio.sleep(_SCHEMA_RETRY_SECONDS)
                continue
            if refusal is not None:
                raise refusal
            self.schema_checked.set()


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What runs while the service does."""

    inbox: InboxHandler
    records: RecordsHandler
    changes: ChangePublisher
    releaser: WaitingReleaser
    upkeep: Upkeep
    housekeeping: Housekeeping
    indexer: SearchIndexer
    nudge: Callable[[Sequence[str]], None]
    """Have the changes of these users published and indexed, which nobody else announces."""


def _work(settings: Settings, database: Database, broker: Broker, metrics: Metrics, *, indexing: Database) -> _Work:
    changes = _changes(settings, database, broker, metrics)
    indexer = SearchIndexer(indexing, metrics=metrics)

    async def announce(ranges: Sequence[Range], causes: Mapping[str, Event]) -> None:
        indexer.nudge({changed.user_id for changed in ranges})
        await changes.announce(ranges, causes)

    def nudge(user_ids: Sequence[str]) -> None:
        indexer.nudge(user_ids)
        changes.nudge(user_ids)

    releaser = WaitingReleaser(database, broker, clock=_now, metrics=metrics)
    return _Work(
        inbox=InboxHandler(database=database, announce=announce, clock=_now, metrics=metrics),
        records=RecordsHandler(
            database=database,
            nudge_releaser=releaser.nudge,
            nudge_publisher=nudge,
            clock=_now,
            metrics=metrics,
            waiting_per_page=settings.waiting_per_page,
        ),
        changes=changes,
        releaser=releaser,
        upkeep=Upkeep(
            database,
            clock=_now,
            metrics=metrics,
            waiting_for=timedelta(days=settings.waiting_days),
            log_reaches_back=timedelta(days=settings.log_retention_days),
        ),
        housekeeping=Housekeeping(database, clock=_now, metrics=metrics, retention=_retention(settings)),
        indexer=indexer,
        nudge=nudge,
    )


def _changes(settings: Settings, database: Database, broker: Broker, metrics: Metrics) -> ChangePublisher:
    return ChangePublisher(
        database,
        broker,
        clock=_now,
        metrics=metrics,
        scan_interval_seconds=settings.scan_interval_seconds,
        mark_interval_seconds=settings.mark_interval_seconds,
    )


def _retention(settings: Settings) -> Retention:
    def bounded(days: float) -> timedelta | None:
        return timedelta(days=days) if days else None

    return Retention(
        waiting_facts=timedelta(days=settings.waiting_fact_days),
        ledger=timedelta(days=settings.ledger_retention_days),
        raw_items=bounded(settings.raw_retention_days),
        replayed_items=bounded(settings.replayed_retention_days),
        parked_items=bounded(settings.parked_retention_days),
        token_mints=bounded(settings.mint_retention_days),
        records=bounded(settings.record_retention_days),
    )


def create_app(
    settings: Settings,
    *,
    database: Database,
    publisher: Publisher,
    work: _Work,
    readiness: Readiness,
    registry: CollectorRegistry,
) -> FastAPI:
    """Build the public app."""
    app = FastAPI(
        title="Switchboard",
        version="1",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(each_once)],
    )
    access = Access(verifier(settings), settings.admin_tokens)
    seal = CursorSeal([key.get_secret_value().encode() for key in settings.encryption_keys])
    desk = AccountDesk(
        database,
        TokenCipher(settings.encryption_keys),
        clock=_now,
        nudge_publisher=work.nudge,
        nudge_releaser=work.releaser.nudge,
        tell_of_token=work.changes.tell_of_token,
    )
    reads = ReadDesk(database, clock=_now, nudge_publisher=work.nudge)
    app.include_router(inbox_router(database, access, seal, rendering=conversations_rendering()))
    app.include_router(events_router(database, access))
    app.include_router(read_marks_router(database, reads, access))
    app.include_router(search_router(database, access, seal))
    app.include_router(records_router(database, access, seal))
    app.include_router(accounts_router(database, desk, access, seal))
    app.include_router(tokens_router(database, access, secret=settings.jwt_secret, clock=_now))
    app.include_router(ledger_router(database, access, clock=_now))
    app.include_router(verify_router(database, access))
    app.include_router(parked_router(database, publisher, access, seal, clock=_now))
    app.router.routes.extend(operations_routes(readiness, registry))
    problems.install(app)
    publish_schemas(app)
    app.add_middleware(BodyLimit, max_bytes=MAX_API_BODY_BYTES)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "If-None-Match"],
        expose_headers=["ETag", "Link", "Inbox-Seq", "Inbox-Epoch", "Search-Seq", "Retry-After"],
        max_age=600,
    )
    return app


async def _work_until(stopping: asyncio.Event, state: _State, broker: Broker, work: _Work) -> None:
    """Do the work that needs the schema, from when it is known to be right until the service stops."""
    await state.check_schema()
    async with asyncio.TaskGroup() as loops:
        endless = [
            loops.create_task(work.changes.keep_scanning()),
            loops.create_task(work.changes.keep_marking()),
            loops.create_task(work.releaser.keep_releasing()),
            loops.create_task(work.upkeep.keep_tidy()),
            loops.create_task(work.housekeeping.keep_house()),
            loops.create_task(work.indexer.keep_indexing()),
        ]
        async with broker.consume(STORE_INBOX, work.inbox), broker.consume(STORE_RECORDS, work.records):
            state.tried.set()
            await stopping.wait()
        for loop in endless:
            loop.cancel()
    try:
        async with asyncio.timeout(_LAST_MARKS_SECONDS):
            await work.changes.flush_marks()
    except (SwitchboardError, TimeoutError) as error:
        log.info("some published changes stay unmarked: they will be published once more", reason=str(error))


@asynccontextmanager
async def running(settings: Settings, broker: Broker, *, registry: CollectorRegistry) -> AsyncIterator[dict[str, int]]:
    """Be the store while the context lasts; yields its ports, `store` (public) and `store_internal`.

    Neither Postgres nor the broker has to be there: readiness says what is missing, and work starts when it can.

    Raises:
        StartupRefused: the schema is not this version's, found out at once or as soon as Postgres answers.
    """
    url = settings.database_url.get_secret_value()
    seconds = settings.database_timeout_seconds
    pipeline = Database(url, pool_size=_PIPELINE_CONNECTIONS, command_timeout_seconds=seconds)
    asked = Database(url, pool_size=settings.database_pool_size, command_timeout_seconds=seconds)
    indexing = Database(url, pool_size=_INDEXING_CONNECTIONS, command_timeout_seconds=seconds)
    work = _work(settings, pipeline, broker, Metrics(registry), indexing=indexing)
    state = _State(asked, broker)
    readiness = Readiness(state.problems)
    public = create_app(settings, database=asked, publisher=broker, work=work, readiness=readiness, registry=registry)
    reads = ReadDesk(asked, clock=_now, nudge_publisher=work.nudge)
    internal = internal_app(asked, reads, service_tokens=settings.service_tokens, clock=_now)
    grace_seconds = settings.shutdown_grace_seconds / 4
    stopping = asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(pipeline.close)
        stack.push_async_callback(asked.close)
        stack.push_async_callback(indexing.close)
        host = settings.bind_host
        ports = {
            "store": await stack.enter_async_context(
                serving(public, host=host, port=settings.store_port, grace_seconds=grace_seconds)
            ),
            "store_internal": await stack.enter_async_context(
                serving(internal, host=host, port=settings.store_internal_port, grace_seconds=grace_seconds)
            ),
        }
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_work_until(stopping, state, broker, work))
                await state.tried.wait()
                yield ports
                readiness.stop()
                stopping.set()
        except BaseExceptionGroup as group:
            if len(group.exceptions) > 1:
                raise
            raise group.exceptions[0] from group.exceptions[0].__cause__
