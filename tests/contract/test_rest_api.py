"""The REST API keeps to its own description: cases made from the OpenAPI document are sent to the real service."""

import asyncio
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from shared.contracts import InboxEnrichedV1, Profile, conversation_id, derive_id
from shared.messaging.local import LocalBroker
from shared.security.user_tokens import mint
from shared.settings import load
from store.app import lifespan
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Statement
from store.settings import Settings
from tests.builders import inbox_enriched, item_parked, message_item
from tests.fixtures.postgres import NewDatabases
from tests.integration.store.parts import ADMIN, JWT_SECRET, SECRETS, unconnected_apps

pytestmark = [pytest.mark.postgres, pytest.mark.filterwarnings("default")]

_EXAMPLES = 12
"""A part of the API, after the boundary values that are always tried."""


def _message(number: int) -> InboxEnrichedV1:
    item = message_item(message_id=f"m_{number}", content=f"hello {number}")
    return inbox_enriched(
        id=derive_id("test", str(number)), item=item, participant=Profile(name="Ada", fetched_at=item.created_at)
    )


async def _serve(database_url: str, ready: "Future[str]", stop: "Future[asyncio.Event]") -> None:
    stopping = asyncio.Event()
    stop.set_result(stopping)
    chosen = load(Settings, database_url=database_url, store_port=0, store_internal_port=0, **SECRETS)
    async with LocalBroker() as broker, lifespan(chosen, broker, registry=CollectorRegistry()) as ports:
        await broker.publish([_message(number) for number in range(5)])
        await broker.publish([item_parked()])
        await _erase_somebody(database_url)
        ready.set_result(f"http://127.0.0.1:{ports['store']}")
        await stopping.wait()


async def _erase_somebody(database_url: str) -> None:
    database = Database(database_url, pool_size=1, command_timeout_seconds=10)
    async with database.transaction() as transaction:
        await transaction.execute(
            Statement("""
                INSERT INTO erasures (id, user_id, platform, top_seq, step, requested_at, finished_at)
                VALUES (:id, :user_id, 'facebook', 0, 'log', now(), now())
            """),
            {"id": _ERASURE, "user_id": USER},
        )
    await database.close()


@pytest.fixture(scope="module")
def served(new_databases: NewDatabases) -> Iterator[str]:
    """Yield the address of a store that runs in a loop of its own, so that it answers while a test waits for it."""
    ready: Future[str] = Future()
    stop: Future[asyncio.Event] = Future()
    with new_databases() as database_url:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=lambda: loop.run_until_complete(_serve(database_url, ready, stop)))
        thread.start()
        try:
            yield ready.result(timeout=20)
        finally:
            loop.call_soon_threadsafe(stop.result(timeout=20).set)
            thread.join(timeout=20)
            loop.close()


USER = "user-1"
_ID = "[A-Za-z0-9._-]{1,128}"
_ERASURE = "0123456789abcdef" * 2
_THERE = {
    "conversation_id": ("[0-9a-f]{16}", conversation_id("facebook", USER, "person-1")),
    "item_id": (_ID, item_parked().id),
    "page_id": (_ID, "page-1"),
    "participant_id": (_ID, "nobody-1"),
    "erasure_id": ("[0-9a-f]{32}", _ERASURE),
    "user_id": (_ID, USER),
}
"""How ids look, and one that is there, or is the token's: of what is made up nothing would be found."""


def _document() -> dict[str, Any]:
    """Return the OpenAPI document with those ids as its examples: with them each operation is tried in any case."""
    document = unconnected_apps()[0].openapi()
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    parameters = [(one["name"], one["schema"]) for operation in operations for one in operation.get("parameters", [])]
    schemas = document["components"]["schemas"].values()
    properties = [one for schema in schemas for one in schema.get("properties", {}).items()]
    for name, schema in (*parameters, *properties):
        if name in _THERE:
            schema["examples"] = [_THERE[name][1]]
    return document


DOCUMENT = _document()
api = schemathesis.openapi.from_dict(DOCUMENT)


@api.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Make most valid ids one that is there: values come from constants of whatever is loaded, never the same ones."""
    del context
    return _with_some_there(path_parameters)


@api.hook
def map_query(context: Any, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """Do so in queries."""
    del context
    return _with_some_there(query)


@api.hook
def map_body(context: Any, body: Any) -> Any:
    """Do so in bodies."""
    del context
    return _with_some_there(body) if isinstance(body, dict) else body


def _with_some_there(values: dict[str, Any] | None) -> dict[str, Any] | None:
    return values and {name: _maybe_there(name, value) for name, value in values.items()}


def _maybe_there(name: str, value: Any) -> Any:
    form, there = _THERE.get(name, ("", value))
    is_valid = isinstance(value, str) and value and re.fullmatch(form, value)
    return there if is_valid and ord(value[-1]) % 4 else value


@pytest.fixture(scope="module")
def answered() -> Iterator[dict[str, set[int]]]:
    """Yield where the statuses of answers are gathered, by operation; each has to be done once."""
    found: dict[str, set[int]] = {}
    yield found
    refused = [operation for operation, statuses in found.items() if not statuses & {200, 201, 202, 204}]
    assert refused == [], "nothing is known of what they answer"


def test_every_operation_is_tried() -> None:
    operations = [one.ok().label for one in api.get_all_operations() if isinstance(one, Ok)]
    described = [f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods]

    assert sorted(operations) == sorted(described)
    assert len(operations) >= 16


def _token(operation: Any) -> str:
    schemes = {name for one in operation.definition.raw.get("security", []) for name in one}
    if "adminToken" in schemes:
        return ADMIN
    return mint(SecretStr(JWT_SECRET), USER, now=datetime.now(UTC), ttl=timedelta(minutes=5))[0]


@api.parametrize()
@settings(max_examples=_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_answers_are_as_described(case: Any, served: str, answered: dict[str, set[int]]) -> None:
    excluded: list[Any] = []
    if "cursor" in (case.query or {}):
        # Which cursors are valid no schema can say; that others are refused has tests of its own.
        excluded.append(positive_data_acceptance)
    if set(case.query or {}) - {parameter.name for parameter in case.operation.query}:
        # A parameter that nobody knows is passed over, and violates nothing.
        excluded.append(negative_data_rejection)
    answer = case.call_and_validate(
        base_url=served, headers={"Authorization": f"Bearer {_token(case.operation)}"}, excluded_checks=excluded
    )
    answered.setdefault(case.operation.label, set()).add(answer.status_code)
