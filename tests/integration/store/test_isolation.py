"""Nobody reads another user's data: every documented endpoint, with wrong tokens, IDs and cursors."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from shared.contracts import Profile, conversation_id
from shared.contracts.items import RecordItem
from store.jobs.search_indexer import SearchIndexer
from tests.builders import inbox_enriched
from tests.integration.store.parts import SERVICE, Parts, Service, at, message, routes_of, unconnected_apps

pytestmark = pytest.mark.postgres

PUBLIC, INTERNAL = unconnected_apps()
OWNER, OTHER = "user-1", "user-2"
MARK = "xyzzy"
"""Part of everything that belongs to the owner; it must not occur in a response to anybody else."""
CONVERSATION = conversation_id("facebook", OWNER, f"{MARK}-person")
PARAMETERS = {
    "conversation_id": CONVERSATION,
    "platform": "facebook",
    "page_id": f"{MARK}-page",
    "item_id": f"{MARK}-item",
    "participant_id": "p-erased",
    "erasure_id": "0" * 32,
    "q": MARK,
    "user_id": f"{MARK}-user",
}
BODIES: dict[str, Any] = {
    "ReadBody": {"up_to_seq": 2**62},
    "AccountBody": {"user_id": OTHER},
    "TokenBody": {"user_id": OWNER},
    "RevocationBody": {"user_id": f"{MARK}-user"},
    "ReplayBody": {"ids": [f"{MARK}-item"]},
}
"""Values of every required parameter and body; a new one needs a line here."""


class Operation(NamedTuple):
    """One endpoint as OpenAPI describes it."""

    method: str
    path: str
    spec: dict[str, Any]

    @property
    def is_for_users(self) -> bool:
        return any("userToken" in one for one in self.spec.get("security", []))

    @property
    def is_for_admins(self) -> bool:
        return any("adminToken" in one for one in self.spec.get("security", []))

    @property
    def parameters(self) -> set[str]:
        return {one["name"] for one in self.spec.get("parameters", []) if one["in"] == "query"}

    def request(self, **query: Any) -> dict[str, Any]:
        """Return arguments for httpx, with the owner's IDs in every required place."""
        required = {
            one["name"]: PARAMETERS[one["name"]]
            for one in self.spec.get("parameters", [])
            if one["in"] == "query" and one.get("required")
        }
        found: dict[str, Any] = {
            "method": self.method,
            "url": self.path.format(**PARAMETERS),
            "params": required | query,
        }
        body = self.spec.get("requestBody")
        if body is not None:
            name = body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1]
            found["json"] = BODIES[name]
        return found


@pytest.fixture
async def operations(service: Service, parts: Parts) -> list[Operation]:
    """Store data of both users behind every endpoint; return the endpoints."""
    profile = Profile(name=f"{MARK} name", username=f"{MARK}_handle", fetched_at=at(0))
    theirs: dict[str, Any] = {"person": f"{MARK}-person", "page": f"{MARK}-page", "participant": profile}
    await service.connect(f"{MARK}-page", OWNER, name=f"{MARK} page")
    await service.connect(f"{MARK}-page-2", OWNER, name=f"{MARK} page")
    await service.broker.publish(
        [message(f"{MARK}-{n}", content=f"{MARK} number {n}", created_at=at(n), **theirs) for n in range(5)]
        + [message(f"{MARK}-other", **(theirs | {"person": f"{MARK}-second"}))]
        + [message(f"m-{n}", user=OTHER, person=f"p-{n}", content="mine", created_at=at(n)) for n in range(3)]
    )
    await service.broker.publish([_record(n) for n in range(3)])
    await SearchIndexer(parts.database, metrics=parts.metrics).catch_up()
    document = (await service.public.get("/api/openapi.json")).json()
    return [
        Operation(method.upper(), path, spec)
        for path, methods in document["paths"].items()
        for method, spec in methods.items()
    ]


def _record(number: int) -> Any:
    item = RecordItem(
        record="comment",
        record_id=f"{MARK}-{number}",
        actor_id=f"{MARK}-actor",
        text=MARK,
        body=msgspec.Raw(b"{}"),
    )
    return inbox_enriched(
        id=f"{number:032x}", user_id=OWNER, participant_id=None, conversation_id=None, participant=None, item=item
    )


def _user_operations(operations: list[Operation]) -> Iterator[Operation]:
    found = [operation for operation in operations if operation.is_for_users]
    assert len(found) >= 6, "OpenAPI says which endpoints are for users"
    yield from found


def _reading_operations(operations: list[Operation]) -> Iterator[Operation]:
    """Yield those that show stored data. Erasures show none; test_erasing_people.py tests whose they are."""
    for operation in _user_operations(operations):
        if not operation.path.startswith(("/api/people/", "/api/erasures/")):
            yield operation


def _assert_nothing_leaks(found: httpx.Response, operation: Operation) -> None:
    told = found.text + str(sorted(found.headers.items()))
    # A response may repeat the request, for example in a link to the next page, but no stored data.
    assert f"{MARK} " not in told, (operation, told)
    assert f"{MARK}-" not in told, (operation, told)
    assert CONVERSATION not in told, (operation, told)


async def test_every_endpoint_requires_its_own_kind_of_token(service: Service, operations: list[Operation]) -> None:
    for operation in operations:
        right = service.as_user(OWNER) if operation.is_for_users else service.admin
        wrong = service.admin if operation.is_for_users else service.as_user(OWNER)
        if operation.is_for_users and operation.is_for_admins:
            wrong = {}
        of_services = {"Authorization": f"Bearer {SERVICE}"}
        forged = {"Authorization": right["Authorization"] + "x"}
        for headers in ({}, wrong, of_services, forged, {"Authorization": "Bearer"}):
            found = await service.public.request(**operation.request(), headers=headers)
            assert found.status_code == 401, (operation, found.text)
            assert found.headers["Content-Type"] == "application/problem+json"
            _assert_nothing_leaks(found, operation)


def test_every_private_route_is_covered() -> None:
    """The tests below use the endpoints in OpenAPI: all routes except those open to everybody."""
    described = {(method.upper(), path) for path, methods in PUBLIC.openapi()["paths"].items() for method in methods}

    assert routes_of(PUBLIC) - described == {
        (method, path)
        for path in ("/healthz", "/readyz", "/metrics", "/api/openapi.json")
        for method in ("GET", "HEAD")
    }
    assert described <= routes_of(PUBLIC)


async def test_internal_routes_require_a_service_token_and_are_not_public(service: Service) -> None:
    routes = routes_of(INTERNAL)
    assert len(routes) >= 7
    for method, path in routes:
        asked = path.format(platform="facebook", page_id=f"{MARK}-page")
        for headers in ({"Authorization": ""}, service.admin, service.as_user(OWNER), {"Authorization": "Bearer x"}):
            found = await service.internal.request(method, asked, headers=headers, json={})
            assert found.status_code == 401, (method, path, found.text)
        found = await service.public.request(method, asked, headers={"Authorization": f"Bearer {SERVICE}"}, json={})
        assert found.status_code == 404, (method, path, found.text)


async def test_the_owner_sees_their_data(service: Service, operations: list[Operation]) -> None:
    """Without this the other tests would prove nothing."""
    for operation in _reading_operations(operations):
        found = await service.public.request(**operation.request(), headers=service.as_user(OWNER))
        assert found.status_code == 200, (operation, found.text)
        assert MARK in found.text, operation


async def test_another_users_id_is_refused(service: Service, operations: list[Operation]) -> None:
    for operation in _user_operations(operations):
        assert "user_id" in operation.parameters
        found = await service.public.request(**operation.request(user_id=OWNER), headers=service.as_user(OTHER))
        assert found.status_code == 403, (operation, found.text)
        _assert_nothing_leaks(found, operation)
        if "json" in (asked := operation.request()):
            body = asked.pop("json") | {"user_id": OWNER}
            found = await service.public.request(**asked, json=body, headers=service.as_user(OTHER))
            assert found.status_code == 403, (operation, found.text)


async def test_another_users_ids_find_nothing(service: Service, operations: list[Operation]) -> None:
    for operation in _reading_operations(operations):
        found = await service.public.request(**operation.request(), headers=service.as_user(OTHER))
        assert found.status_code == (404 if "{conversation_id}" in operation.path else 200), (operation, found.text)
        _assert_nothing_leaks(found, operation)
    assert (await service.get("/api/conversations", OWNER)).json()[0]["unread_count"] > 0, "nobody else read it"


async def test_another_users_cursors_and_forged_ones_are_refused(service: Service, operations: list[Operation]) -> None:
    paged = 0
    for operation in _user_operations(operations):
        if "cursor" not in operation.parameters:
            continue
        mine = await service.public.request(**operation.request(limit=1), headers=service.as_user(OWNER))
        link = mine.links["next"]["url"]
        cursor = httpx.URL(link).params["cursor"]
        again = await service.public.get(link, headers=service.as_user(OWNER))
        assert again.status_code == 200, (operation, again.text)
        paged += 1
        own = operation.request(limit=1)
        own["url"] = operation.path.format(
            **PARAMETERS | {"conversation_id": conversation_id("facebook", OTHER, "p-0")}
        )
        for asked in (operation.request(limit=1), own):
            for forged in (cursor, cursor[:-2] + "AA", cursor[22:], "A" * len(cursor), "", "=", "\x00", "é"):
                asked["params"]["cursor"] = forged
                found = await service.public.request(**asked, headers=service.as_user(OTHER))
                assert found.status_code == 422, (operation, forged, found.text)
                assert found.json()["type"] == "urn:switchboard:problem:invalid-cursor"
                _assert_nothing_leaks(found, operation)
    assert paged >= 5, "accounts, conversations, messages, records and search go page by page"


async def test_a_cursor_works_only_for_its_own_list(service: Service, operations: list[Operation]) -> None:
    del operations
    first = await service.get("/api/conversations", OWNER, limit=1)
    cursor = httpx.URL(first.links["next"]["url"]).params["cursor"]
    for path, parameters in [
        ("/api/conversations", {"platform": "facebook"}),
        ("/api/conversations", {"unread": "true"}),
        (f"/api/conversations/{CONVERSATION}/messages", {}),
        ("/api/records", {}),
        ("/api/search", {"q": MARK}),
    ]:
        found = await service.get(path, OWNER, cursor=cursor, **parameters)
        assert found.status_code == 422, (path, found.text)


async def test_another_users_etag_never_matches(service: Service, operations: list[Operation]) -> None:
    del operations
    mine = await service.get("/api/conversations", OWNER)
    found = await service.public.get(
        "/api/conversations", headers=service.as_user(OTHER) | {"If-None-Match": mine.headers["ETag"]}
    )
    assert found.status_code == 200
    assert found.headers["ETag"] != mine.headers["ETag"]
