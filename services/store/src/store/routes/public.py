"""The public app: the REST API, its OpenAPI document and what operators ask for."""

from collections.abc import Callable
from datetime import datetime

from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from prometheus_client import CollectorRegistry

from shared.http.operations import Readiness, operations_routes
from shared.revocation import RevocationVerifier
from shared.security.user_tokens import verifier
from store.core.cursors import CursorSigner
from store.repository.lists import conversations_rendering
from store.repository.postgres.database import Database
from store.repository.postgres.user_database import UserDatabase
from store.routes import problems
from store.routes.access import Access
from store.routes.accounts import accounts_router, tokens_router
from store.routes.audit import audit_router
from store.routes.bodies import MAX_API_BODY_BYTES, BodyLimit
from store.routes.events import events_router
from store.routes.inbox import inbox_router
from store.routes.keys import keys_router
from store.routes.ledger import ledger_router
from store.routes.openapi import publish
from store.routes.parameters import each_once
from store.routes.parked import parked_router
from store.routes.people import people_router
from store.routes.read_marks import read_marks_router
from store.routes.records import records_router
from store.routes.revocations import revocations_router
from store.routes.search import search_router
from store.routes.verify import verify_router
from store.services import Services
from store.settings import Settings


def public_app(
    settings: Settings,
    *,
    lists: UserDatabase,
    search: UserDatabase,
    database: Database,
    services: Services,
    readiness: Readiness,
    registry: CollectorRegistry,
    utc_now: Callable[[], datetime],
) -> FastAPI:
    """Return the ASGI app of the public port; `/metrics` shows `registry`.

    Users' searches ask `search`, their other requests ask `lists`, requests with an admin token ask `database`.
    """
    app = FastAPI(
        title="Switchboard",
        version="1",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(each_once)],
    )
    access = Access(RevocationVerifier(verifier(settings), services.revocations.current), settings.admin_tokens)
    signer = CursorSigner([key.get_secret_value().encode() for key in settings.encryption_keys])
    app.include_router(inbox_router(lists, access, signer, rendering=conversations_rendering()))
    app.include_router(events_router(lists, access))
    app.include_router(read_marks_router(lists, services.read_marks, access))
    app.include_router(search_router(search, access, signer))
    app.include_router(records_router(lists, access, signer))
    app.include_router(accounts_router(lists, database, services.accounts, access, signer))
    app.include_router(tokens_router(database, access, settings=settings, utc_now=utc_now))
    app.include_router(revocations_router(services.revocations, access))
    app.include_router(ledger_router(database, access, utc_now=utc_now))
    app.include_router(verify_router(database, access))
    app.include_router(people_router(database, services.erasures, access))
    app.include_router(parked_router(database, services.replay, access, signer, utc_now=utc_now))
    app.include_router(audit_router(database, access, signer))
    app.include_router(keys_router(services.key_rotation, access, signer))
    app.router.routes.extend(operations_routes(readiness, registry))
    problems.install(app)
    publish(app)
    app.add_middleware(BodyLimit, max_bytes=MAX_API_BODY_BYTES)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "If-None-Match"],
        expose_headers=["ETag", "Link", "Inbox-Seq", "Inbox-Epoch", "Search-Seq", "Retry-After", "Location"],
        max_age=600,
    )
    return app
