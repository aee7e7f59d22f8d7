"""Every request gets its response or a problem that names the error, never a redirect."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from shared.contracts import conversation_id
from tests.integration.store.parts import Service, message

pytestmark = pytest.mark.postgres

CONVERSATION = conversation_id("facebook", "user-1", "person-1")
MESSAGES = f"/api/conversations/{CONVERSATION}/messages"
READ = f"/api/conversations/{CONVERSATION}/read"
JSON = {"Content-Type": "application/json"}
NUL, SURROGATE = "%00", "%ED%A0%80"
TOO_MUCH = str(10**30)


def _expect_problem(found: httpx.Response, status: int, name: str) -> Any:
    assert (found.status_code, found.headers["Content-Type"]) == (status, "application/problem+json"), found.text
    problem = found.json()
    assert (problem["type"], problem["status"]) == (f"urn:switchboard:problem:{name}", status), problem
    return problem


async def test_an_invalid_limit_is_refused_by_name(service: Service) -> None:
    headers = service.as_user()
    for path in ("/api/conversations", MESSAGES, "/api/events", "/api/records", "/api/accounts"):
        for value in ("0", "-1", "", "x", "1.5", TOO_MUCH, f"-{TOO_MUCH}", NUL, SURROGATE, "1%002", "[]"):
            found = await service.public.get(f"{path}?limit={value}", headers=headers)
            assert [one["field"] for one in _expect_problem(found, 422, "invalid-request")["errors"]] == ["query.limit"]


async def test_an_invalid_parameter_is_refused_by_name(service: Service) -> None:
    headers = service.as_user()
    for parameter, path in (
        ("user_id", "/api/conversations?"),
        ("platform", "/api/conversations?"),
        ("unread", "/api/conversations?"),
        ("after", "/api/events?"),
        ("kind", "/api/records?"),
        ("platform", "/api/records?"),
        ("type", "/api/search?q=x&"),
        ("platform", "/api/search?q=x&"),
    ):
        for value in ("", NUL, SURROGATE, "x" * 5000, f"-{TOO_MUCH}"):
            found = await service.public.get(f"{path}{parameter}={value}", headers=headers)
            if (parameter, value) == ("user_id", f"-{TOO_MUCH}"):
                _expect_problem(found, 403, "forbidden")
                continue
            problem = _expect_problem(found, 422, "invalid-request")
            assert [one["field"] for one in problem["errors"]] == [f"query.{parameter}"], (path, value)


async def test_an_invalid_cursor_is_refused(service: Service) -> None:
    headers = service.as_user()
    for path in ("/api/conversations?", f"{MESSAGES}?", "/api/records?", "/api/search?q=x&", "/api/accounts?"):
        for value in ("", NUL, SURROGATE, "x", "=", "-1", TOO_MUCH, "é"):
            found = await service.public.get(f"{path}cursor={value}", headers=headers)
            _expect_problem(found, 422, "invalid-cursor")
        found = await service.public.get(f"{path}cursor={'A' * 2049}", headers=headers)
        _expect_problem(found, 422, "invalid-request")


async def test_a_repeated_parameter_is_refused_by_name(service: Service) -> None:
    for path, name in (
        ("/api/conversations?limit=1&limit=2", "limit"),
        ("/api/conversations?user_id=user-1&user_id=user-2", "user_id"),
        (f"{MESSAGES}?cursor=a&cursor=b", "cursor"),
        ("/api/search?q=a&q=a", "q"),
        ("/api/events?after=1&limit=5&after=2", "after"),
        ("/api/accounts?limit=1&limit=1", "limit"),
        ("/api/parked?unreplayed=true&unreplayed=false", "unreplayed"),
        ("/api/conversations?anything=1&anything=2", "anything"),
    ):
        found = await service.public.get(path, headers=service.as_user())
        assert [one["field"] for one in _expect_problem(found, 422, "invalid-request")["errors"]] == [f"query.{name}"]


async def test_an_invalid_body_is_refused(service: Service) -> None:
    await service.broker.publish([message("m-1")])
    for body in (
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"up_to_seq": null}',
        b'{"up_to_seq": "1"}',
        b'{"up_to_seq": true}',
        b'{"up_to_seq": -1}',
        b'{"up_to_seq": 1.5}',
        b'{"up_to_seq": 1e400}',
        b'{"up_to_seq": %d}' % 10**30,
        b'{"up_to_seq": 1, "more": 1}',
        b'{"up_to_seq": 1, "user_id": "\\ud800"}',
        b'{"up_to_seq": 1, "user_id": "\\u0000"}',
        b"not JSON",
        b"\x00",
    ):
        found = await service.public.post(READ, headers=service.as_user() | JSON, content=body)
        assert _expect_problem(found, 422, "invalid-request")["errors"], body
    assert (await service.get("/api/conversations")).json()[0]["unread_count"] == 1


async def test_an_unreadable_body_is_refused(service: Service) -> None:
    for body in (b"\xff\xfe\xfa", b"[" * 60_000, b'{"up_to_seq": ' + b"9" * 5_000 + b"}"):
        found = await service.public.post(READ, headers=service.as_user() | JSON, content=body)
        _expect_problem(found, 400, "bad-request")


async def test_a_body_of_another_content_type_is_refused(service: Service) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x"):
        headers = service.as_user() | {"Content-Type": kind}
        _expect_problem(
            await service.public.post(READ, headers=headers, content=b"up_to_seq=1"), 422, "invalid-request"
        )


async def test_an_account_with_an_invalid_name_is_not_stored(service: Service) -> None:
    for name in ("\\ud800", "\\u0000", "", "x" * 513):
        body = f'{{"user_id": "user-1", "name": "{name}"}}'.encode()
        found = await service.public.put("/api/accounts/facebook/page-1", headers=service.admin | JSON, content=body)
        _expect_problem(found, 422, "invalid-request")
    assert (await service.public.get("/api/accounts", headers=service.admin)).json() == []


async def test_an_unknown_path_is_a_problem_and_no_redirect(service: Service) -> None:
    for path in (
        "/api",
        "/api/",
        "/api/nothing",
        "/api/conversations/",
        f"{MESSAGES}/",
        "//api/conversations",
        "/api/../api/nothing",
        "/api/accounts/facebook",
        "/internal/tops",
        "/docs",
        "/openapi.json",
        f"/api/{NUL}",
        f"/api/{SURROGATE}",
        "/" + "x" * 8_000,
    ):
        _expect_problem(await service.public.get(path, headers=service.as_user()), 404, "not-found")


async def test_an_invalid_id_is_a_problem(service: Service) -> None:
    for item in (NUL, SURROGATE, quote("../../x"), "x" * 17, CONVERSATION.upper(), f"{CONVERSATION}%0A", "%20"):
        for method, end in (("GET", "messages"), ("POST", "read")):
            path = f"/api/conversations/{item}/{end}"
            found = await service.public.request(method, path, headers=service.as_user(), json={"up_to_seq": 1})
            assert found.status_code in (404, 422), found.text
            assert found.headers["Content-Type"] == "application/problem+json"


async def test_a_method_that_is_not_allowed_is_a_problem_with_the_allowed_ones(service: Service) -> None:
    document = (await service.public.get("/api/openapi.json")).json()
    for path, operations in document["paths"].items():
        if path == "/api/parked/replay":
            continue  # any other method than POST addresses an item named `replay`
        possible = {method.upper() for method in operations}
        concrete = path.format(
            conversation_id=CONVERSATION,
            platform="facebook",
            page_id="page-1",
            item_id="an-item",
            participant_id="person-1",
            user_id="user-1",
            erasure_id="0" * 32,
        )
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - possible:
            found = await service.public.request(method, concrete, headers=service.as_user())
            _expect_problem(found, 405, "method-not-allowed")
            assert set(found.headers["Allow"].split(", ")) >= possible, (method, path)


async def test_an_invalid_etag_is_ignored(service: Service) -> None:
    for tag in ("", '"', "x" * 2_000, '"a", "b"', "W/", "*, *"):
        found = await service.public.get("/api/conversations", headers=service.as_user() | {"If-None-Match": tag})
        assert found.status_code == 200, tag


async def test_an_invalid_token_is_refused(service: Service) -> None:
    for header in ("", "Bearer", "Basic x", "Bearer a.b.c", "Bearer " + "x" * 8_000, "Bearer é"):
        found = await service.public.get("/api/conversations", headers=[(b"Authorization", header.encode("latin-1"))])
        _expect_problem(found, 401, "unauthorized")
