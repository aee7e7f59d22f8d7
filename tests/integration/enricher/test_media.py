"""A browser fetches what a WhatsApp customer sent: over real sockets, from a platform that does as it is told."""

from typing import Any

import pytest
from cryptography.fernet import Fernet

from shared.http.server import serving
from tests.integration.enricher.media_scene import (
    CONVERSATION,
    EXPIRED,
    GONE,
    NUMBER,
    PHOTO,
    as_user,
    kind_of,
    scene,
)
from tests.integration.enricher.worlds import PAGE_TOKEN
from tests.recorder import eventually


async def test_a_photo_comes_whole_with_headers_that_let_nothing_run() -> None:
    async with scene() as there:
        answer = await there.get()

        assert (answer.status_code, answer.content) == (200, PHOTO)
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["content-disposition"] == "inline; filename=\"image.jpg\"; filename*=UTF-8''image.jpg"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "private, max-age=3600, immutable"
        assert "Authorization" in answer.headers["vary"]
        [asked] = there.platform.asked
        assert asked.path == "/v25.0/7001"
        assert asked.params["phone_number_id"] == NUMBER
        assert len(asked.params["appsecret_proof"]) == 64
        assert there.platform.tokens == [f"Bearer {PAGE_TOKEN}"] * 2
        assert there.ended("served") == 1
        assert there.passed_on_bytes == len(PHOTO)


async def test_the_name_that_the_sender_gave_a_document_comes_with_it() -> None:
    async with scene() as there:
        there.platform.mime_type = "application/pdf"
        there.attach(type="document", title="Rechnung über 3 €.pdf")

        told = (await there.get()).headers["content-disposition"]

        assert told.startswith('attachment; filename="Rechnung _ber 3 _.pdf"; filename*=UTF-8')


@pytest.mark.parametrize("mime_type", ["image/svg+xml", "text/html", "application/xhtml+xml", ""])
async def test_what_could_run_is_a_file_of_no_type(mime_type: str) -> None:
    async with scene() as there:
        there.platform.mime_type = mime_type
        there.attach(mime_type=mime_type)

        answer = await there.get()

        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment;")


async def test_nobody_gets_it_without_a_token_or_with_another_users() -> None:
    async with scene() as there:
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {PAGE_TOKEN}"}):
            answer = await there.browser.get(there.url(), headers=headers)
            assert (answer.status_code, kind_of(answer)) == (401, "unauthorized")
        in_the_url = await there.browser.get(there.url() + "?token=" + as_user("user-1")["Authorization"][7:])
        assert in_the_url.status_code == 401

        theirs = await there.get(user="user-2")

        assert (theirs.status_code, kind_of(theirs)) == (404, "not-found")
        assert there.platform.tokens == []


@pytest.mark.parametrize(
    "path", [f"{CONVERSATION}/2/0", f"{CONVERSATION}/1/1", "0000000000000000/1/0", f"{CONVERSATION}/1/-1", "x", "a/b/c"]
)
async def test_what_is_not_there_is_not_found(path: str) -> None:
    async with scene() as there:
        answer = await there.get(path)

        assert (answer.status_code, kind_of(answer)) == (404, "not-found")


@pytest.mark.parametrize(
    "path",
    [
        "a%00b/1/0",
        f"{CONVERSATION}%0a/1/0",
        f"{CONVERSATION.upper()}/1/0",
        f"{CONVERSATION}0/1/0",
        f"{CONVERSATION}/{2**63}/0",
        f"{CONVERSATION}/01/0",
        f"{CONVERSATION}/1/²",
        pytest.param(f"{CONVERSATION}/1/{'9' * 5000}", id="a number of 5000 digits"),
        f"{CONVERSATION}/1/0/",
    ],
)
async def test_what_cannot_be_there_is_asked_for_nowhere(path: str) -> None:
    async with scene() as there:
        for user in ({}, as_user("user-1")):
            answer = await there.browser.get(there.url(path), headers=user)
            assert (answer.status_code, kind_of(answer)) == (404, "not-found")

        assert "/internal/media" not in there.made.store.asked
        assert (await there.browser.get(there.url_of("/readyz"))).status_code == 200


async def test_a_store_that_takes_a_question_for_wrong_is_a_bug_and_not_an_outage() -> None:
    async with scene() as there:
        for there.made.store.media_status in (400, 413, 422):
            answer = await there.get()
            assert (answer.status_code, kind_of(answer)) == (500, "internal-error")
        assert there.ended("internal-error") == 3

        there.made.store.media_status = 503
        assert (await there.get()).status_code == 503
        assert (await there.browser.get(there.url_of("/readyz"))).status_code == 200, "webhooks have what they need"


async def test_it_is_read_and_nothing_else() -> None:
    async with scene() as there:
        for method in ("HEAD", "POST", "DELETE"):
            answer = await there.browser.request(method, there.url(), headers=as_user("user-1"))
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


async def test_an_attachment_of_another_platform_has_an_address_of_its_own() -> None:
    async with scene() as there:
        there.attach(platform="facebook", url="https://cdn.example/x", media_id=None)

        answer = await there.get()

        assert (answer.status_code, kind_of(answer)) == (404, "media-elsewhere")
        there.attach(type="location", media_id=None)
        assert kind_of(await there.get()) == "not-found"


async def test_an_account_without_a_token_has_to_be_connected_again() -> None:
    async with scene() as there:
        for page_id, status, token in (("a", "needs_reauthorization", "x"), ("b", "connected", None)):
            there.made.store.connect(page_id, status=status, token=token)  # type: ignore[arg-type]  # the cases
            there.attach(page_id=page_id)
            assert kind_of(await there.get()) == "account-needs-reauthorization"
        there.attach(page_id="nobodys")
        assert kind_of(await there.get()) == "account-needs-reauthorization"
        assert there.platform.tokens == []


async def test_a_token_that_cannot_be_opened_is_no_reason_to_connect_again() -> None:
    async with scene() as there:
        there.made.store.connect(NUMBER, key=Fernet.generate_key().decode())
        there.attach()
        for _ in range(2):
            answer = await there.get()
            assert (answer.status_code, kind_of(answer), answer.headers["retry-after"]) == (503, "unavailable", "900")

        there.made.store.versions[NUMBER] -= 1
        there.made.store.connect(NUMBER)
        there.attach()

        assert (await there.get()).content == PHOTO, "the same token at the same version, with a key that opens it"


async def test_a_refused_token_is_told_once_and_not_used_again() -> None:
    async with scene() as there:
        there.platform.error = EXPIRED

        answers = [await there.get(), await there.get()]

        assert [(one.status_code, kind_of(one)) for one in answers] == [(409, "account-needs-reauthorization")] * 2
        await eventually(lambda: len(there.made.refused) == 1)
        [refused] = there.made.refused
        assert (refused.platform, refused.page_id, refused.version) == ("whatsapp", NUMBER, 1)
        assert len(there.platform.asked) == 1


@pytest.mark.parametrize(
    ("changes", "status", "kind"),
    [
        pytest.param({"error": GONE}, 410, "media-gone", id="unknown to the Graph API"),
        pytest.param({"status": 404}, 410, "media-gone", id="an address that has expired"),
        pytest.param({"error": (403, {"error": {"code": 10}})}, 502, "platform-refused", id="no permission"),
        pytest.param({"status": 401}, 502, "platform-refused", id="a token that is refused at the address"),
        pytest.param({"status": 206}, 502, "platform-refused", id="a part"),
        pytest.param({"headers": {"Content-Encoding": "gzip"}}, 502, "platform-refused", id="compressed"),
        pytest.param({"error": (500, {"error": {"code": 2}})}, 503, "unavailable", id="a Graph API that is ill"),
        pytest.param({"status": 503}, 503, "unavailable", id="an address that is ill"),
        pytest.param({"error": (400, {"error": {"code": 80007}})}, 503, "unavailable", id="a limit"),
        pytest.param({"silent": "address"}, 504, "platform-silent", id="a Graph API that is silent"),
        pytest.param({"silent": "file"}, 504, "platform-silent", id="an address that is silent"),
        pytest.param({"headers": {"Content-Length": "10000000"}}, 502, "media-too-large", id="too large"),
    ],
)
async def test_the_reason_why_there_is_none_is_said(changes: dict[str, Any], status: int, kind: str) -> None:
    async with scene(media_idle_seconds=1, media_max_bytes=1_000_000) as there:
        for name, value in changes.items():
            setattr(there.platform, name, value)

        answer = await there.get()

        assert (answer.status_code, kind_of(answer)) == (status, kind)
        assert ("retry-after" in answer.headers) == (status == 503)
        assert there.ended(kind) == 1
        assert "secret" not in answer.text


async def test_a_store_that_is_away_is_said() -> None:
    async with scene() as there:
        there.made.store.is_away = True

        answer = await there.get()

        assert (answer.status_code, kind_of(answer), answer.headers["retry-after"]) == (503, "unavailable", "2")


async def test_cookies_of_one_users_medium_do_not_go_out_with_anothers() -> None:
    async with scene() as there:
        there.platform.cookie = "who=user-1; Path=/"
        there.attach(user="user-2")

        assert [(await there.get(user=user)).status_code for user in ("user-1", "user-2")] == [200, 200]

        assert there.platform.cookies == [None] * 4


async def test_a_token_goes_to_no_other_host_and_no_redirect_is_followed() -> None:
    async with scene() as there, serving(there.platform.app(), host="127.0.0.1", port=0, grace_seconds=1) as other:
        own = there.platform.asked
        assert (await there.get()).status_code == 200
        base = f"{own[0].scheme}://127.0.0.1:{own[0].port}"
        there.platform.tokens.clear()

        for url in (
            f"http://127.0.0.1:{other}/files/photo",
            f"{base}@127.0.0.1:{other}/files/photo",
            f"{base}/files/moved",
        ):
            there.platform.url = url
            answer = await there.get()
            assert (answer.status_code, kind_of(answer)) == (502, "platform-refused")

        assert len(there.platform.tokens) == 4, "three questions for an address, and one file, which was a redirect"


async def test_pages_of_the_allowed_origins_may_fetch_it() -> None:
    async with scene(allowed_origins="https://desk.example") as there:
        asking = {"Origin": "https://desk.example", "Access-Control-Request-Method": "GET"}
        asking["Access-Control-Request-Headers"] = "authorization"
        allowed = await there.browser.options(there.url(), headers=asking)
        mine = await there.get(Origin="https://desk.example")
        other = await there.get(Origin="https://evil.example")

        assert allowed.status_code == 200
        assert mine.headers["access-control-allow-origin"] == "https://desk.example"
        assert "access-control-allow-origin" not in other.headers
        refused = await there.browser.get(there.url(), headers={"Origin": "https://desk.example"})
        assert (refused.status_code, kind_of(refused)) == (401, "unauthorized")
        assert refused.headers["access-control-allow-origin"] == "https://desk.example", "the page may read why"


async def test_pages_read_media_and_nothing_else_of_the_enricher() -> None:
    async with scene(allowed_origins="*") as there:
        for path in ("/metrics", "/readyz", "/healthz"):
            answer = await there.browser.get(there.url_of(path), headers={"Origin": "https://desk.example"})
            assert (answer.status_code, "access-control-allow-origin" in answer.headers) == (200, False)
