"""An unchanged list returns 304, and every error is a problem."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI

from shared.contracts.inbox import Conversation, Message
from shared.security.user_tokens import verifier
from shared.settings import load
from store.core.cursors import CursorSigner
from store.core.entity_tags import entity_tag, matches, rendering_version
from store.repository.lists import conversations_rendering
from store.repository.postgres.database import Database
from store.routes.access import Access
from store.routes.inbox import inbox_router
from store.settings import Settings
from tests.integration.store.parts import SECRETS, Service, at, message, without_waiting

pytestmark = pytest.mark.postgres


async def test_an_unchanged_list_returns_304_and_a_changed_one_200(service: Service) -> None:
    await service.broker.publish([message("m-1")])
    first = await service.get("/api/conversations")
    headers = service.as_user() | {"If-None-Match": f'"other", W/{first.headers["ETag"]}'}
    again = await service.public.get("/api/conversations", headers=headers)

    assert again.status_code == 304
    assert again.content == b""
    for name in ("ETag", "Inbox-Seq", "Inbox-Epoch"):
        assert again.headers[name] == first.headers[name]
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in first.headers["Vary"]

    await service.broker.publish([message("m-2", created_at=at(5))])
    assert (await service.public.get("/api/conversations", headers=headers)).status_code == 200


async def test_every_list_has_its_own_etag(service: Service) -> None:
    await service.broker.publish([message("m-1"), message("m-2", person="person-2")])
    tags = [
        (await service.get("/api/conversations", **parameters)).headers["ETag"]
        for parameters in ({}, {"limit": 1}, {"unread": "true"}, {"platform": "facebook"})
    ]
    assert len(set(tags)) == len(tags)


async def test_a_version_that_renders_differently_has_different_etags(service: Service, database: Database) -> None:
    """Otherwise a client with a response of the previous version would get 304."""
    await service.broker.publish([message("m-1")])
    app = FastAPI()
    settings = load(Settings, database_url="postgresql://nobody@localhost/nothing", **SECRETS)
    signer = CursorSigner([key.get_secret_value().encode() for key in settings.encryption_keys])
    access = Access(verifier(settings), settings.admin_tokens)
    for name, rendering in (("/same", conversations_rendering()), ("/other", "of another version")):
        app.include_router(inbox_router(without_waiting(database), access, signer, rendering=rendering), prefix=name)
    transport = httpx.ASGITransport(app=app)
    headers = service.as_user() | {"If-None-Match": (await service.get("/api/conversations")).headers["ETag"]}
    async with httpx.AsyncClient(transport=transport, base_url="http://store", headers=headers) as client:
        answers = [await client.get(f"{name}/api/conversations") for name in ("/same", "/other")]

    assert [answer.status_code for answer in answers] == [304, 200]


def test_the_rendering_version_changes_with_every_part() -> None:
    """The parts are the conversation, its nested types, the query and the cursor key."""

    def with_fields(kind: type[msgspec.Struct], **fields: Any) -> type[msgspec.Struct]:
        known = {field.name: field.type for field in msgspec.structs.fields(kind)}
        changed = {name: type_ for name, type_ in (known | fields).items() if type_ is not None}
        return msgspec.defstruct(kind.__name__, list(changed.items()), kw_only=True)

    renderings = [
        rendering_version(*made_of)
        for made_of in (
            (Conversation, "SELECT", b"{}"),
            (with_fields(Conversation), "SELECT", b"{}"),
            (with_fields(Conversation, a_new_one=str), "SELECT", b"{}"),
            (with_fields(Conversation, linked=None), "SELECT", b"{}"),
            (with_fields(Conversation, unread_count=str), "SELECT", b"{}"),
            (with_fields(Conversation, last_message=with_fields(Message, a_new_one=int)), "SELECT", b"{}"),
            (Conversation, "SELECT 1", b"{}"),
            (Conversation, "SELECT", b'{"a":1}'),
        )
    ]

    assert len(set(renderings)) == len(renderings)
    assert rendering_version(Conversation, "SELECT", b"{}") == renderings[0]


async def test_the_etag_changes_with_the_cursor_key(
    start: Callable[..., AbstractAsyncContextManager[Service]],
) -> None:
    tags = []
    for key in ("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="):
        async with start(encryption_keys=key) as service:
            tags.append((await service.get("/api/conversations")).headers["ETag"])

    assert tags[0] != tags[1]


def test_an_etag_matches_itself_its_weak_form_and_a_star() -> None:
    tag = entity_tag("rendering", "user-1", 5)

    assert tag == entity_tag("rendering", "user-1", 5) != entity_tag("rendering", "user-1", 6)
    assert all(matches(header, tag) for header in (tag, f"W/{tag}", f'"a", {tag}', "*"))
    assert not any(matches(header, tag) for header in (None, "", '"a"', tag[1:-1], f'"{tag}'))


@pytest.mark.parametrize(
    ("method", "path", "status", "name"),
    [
        ("GET", "/api/nothing", 404, "not-found"),
        ("GET", "/elsewhere", 404, "not-found"),
        ("PATCH", "/api/conversations", 405, "method-not-allowed"),
        ("GET", "/api/conversations?limit=0", 422, "invalid-request"),
        ("GET", "/api/conversations?limit=x", 422, "invalid-request"),
        ("GET", "/api/conversations?platform=icq", 422, "invalid-request"),
        ("GET", "/api/conversations/NOT-AN-ID/messages", 422, "invalid-request"),
        ("GET", f"/api/conversations/{'0' * 16}/messages", 404, "not-found"),
        ("GET", "/api/search", 422, "invalid-request"),
        ("GET", f"/api/search?q={'x' * 201}", 422, "invalid-request"),
        ("GET", "/api/search?q=x&limit=101", 422, "invalid-request"),
        ("GET", "/api/events?after=-1", 422, "invalid-request"),
    ],
)
async def test_an_error_is_a_problem_with_a_stable_type(
    service: Service, method: str, path: str, status: int, name: str
) -> None:
    found = await service.public.request(method, path, headers=service.as_user())

    assert found.status_code == status, found.text
    assert found.headers["Content-Type"] == "application/problem+json"
    assert found.json()["type"] == f"urn:switchboard:problem:{name}"
    assert found.json()["status"] == status


async def test_method_not_allowed_lists_the_allowed_methods(service: Service) -> None:
    found = await service.public.request("PATCH", "/api/accounts/facebook/page-1", headers=service.admin)

    assert found.headers["Allow"] == "DELETE, PUT"


async def test_a_user_lists_own_accounts_and_an_admin_lists_all(service: Service) -> None:
    await service.connect("page-1", "user-1")
    await service.connect("page-2", "user-2")

    mine = await service.public.get("/api/accounts", headers=service.as_user("user-1"))
    everybodys = await service.public.get("/api/accounts", headers=service.admin)
    somebodys = await service.public.get("/api/accounts", headers=service.admin, params={"user_id": "user-2"})
    others = await service.public.get("/api/accounts", headers=service.as_user("user-1"), params={"user_id": "user-2"})

    assert [account["page_id"] for account in mine.json()] == ["page-1"]
    assert int(mine.headers["Inbox-Seq"]) >= 1
    assert {account["page_id"] for account in everybodys.json()} >= {"page-1", "page-2"}
    assert [account["page_id"] for account in somebodys.json()] == ["page-2"]
    assert others.status_code == 403
