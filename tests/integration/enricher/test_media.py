"""A browser fetches a WhatsApp attachment through the enricher, over real sockets."""

from typing import Any

import pytest
from cryptography.fernet import Fernet

from shared.http.server import serving
from shared.store_client.paths import MEDIA_PATH
from tests.fakes.store import PAGE_TOKEN
from tests.integration.enricher.media_harness import (
    CONVERSATION,
    EXPIRED,
    GONE,
    NUMBER,
    PHOTO,
    as_user,
    problem_type,
    running_media,
)
from tests.recorder import eventually


async def test_a_photo_is_served_completely_with_safe_headers() -> None:
    async with running_media() as media:
        response = await media.get()

        assert (response.status_code, response.content) == (200, PHOTO)
        assert response.headers["content-type"] == "image/jpeg"
        assert response.headers["content-disposition"] == "inline; filename=\"image.jpg\"; filename*=UTF-8''image.jpg"
        assert response.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "private, max-age=3600, immutable"
        assert "Authorization" in response.headers["vary"]
        [lookup] = media.platform.lookups
        assert lookup.path == "/v25.0/7001"
        assert lookup.params["phone_number_id"] == NUMBER
        assert len(lookup.params["appsecret_proof"]) == 64
        assert media.platform.tokens == [f"Bearer {PAGE_TOKEN}"] * 2
        assert media.count("served") == 1
        assert media.sent_bytes == len(PHOTO)


async def test_a_document_keeps_the_senders_file_name() -> None:
    async with running_media() as media:
        media.platform.mime_type = "application/pdf"
        media.attach(type="document", title="Rechnung über 3 €.pdf")

        disposition = (await media.get()).headers["content-disposition"]

        assert disposition.startswith('attachment; filename="Rechnung _ber 3 _.pdf"; filename*=UTF-8')


@pytest.mark.parametrize("mime_type", ["image/svg+xml", "text/html", "application/xhtml+xml", ""])
async def test_an_unsafe_type_is_served_as_an_opaque_file(mime_type: str) -> None:
    async with running_media() as media:
        media.platform.mime_type = mime_type
        media.attach(mime_type=mime_type)

        response = await media.get()

        assert response.headers["content-type"] == "application/octet-stream"
        assert response.headers["content-disposition"].startswith("attachment;")


async def test_a_valid_token_of_the_owner_is_required() -> None:
    async with running_media() as media:
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {PAGE_TOKEN}"}):
            response = await media.browser.get(media.url(), headers=headers)
            assert (response.status_code, problem_type(response)) == (401, "unauthorized")
        in_the_url = await media.browser.get(media.url() + "?token=" + as_user("user-1")["Authorization"][7:])
        assert in_the_url.status_code == 401

        theirs = await media.get(user="user-2")

        assert (theirs.status_code, problem_type(theirs)) == (404, "not-found")
        assert media.platform.tokens == []


@pytest.mark.parametrize(
    "path", [f"{CONVERSATION}/2/0", f"{CONVERSATION}/1/1", "0000000000000000/1/0", f"{CONVERSATION}/1/-1", "x", "a/b/c"]
)
async def test_an_unknown_attachment_is_not_found(path: str) -> None:
    async with running_media() as media:
        response = await media.get(path)

        assert (response.status_code, problem_type(response)) == (404, "not-found")


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
async def test_an_invalid_path_is_not_found_without_asking_the_store(path: str) -> None:
    async with running_media() as media:
        for user in ({}, as_user("user-1")):
            response = await media.browser.get(media.url(path), headers=user)
            assert (response.status_code, problem_type(response)) == (404, "not-found")

        assert MEDIA_PATH not in media.enricher.store.paths
        assert (await media.browser.get(media.url_of("/readyz"))).status_code == 200


async def test_media_are_unavailable_while_the_store_refuses_the_enricher() -> None:
    """A wrong service token, or a store of another version, is an outage that an operator ends."""
    async with running_media() as media:
        for media.enricher.store.statuses[MEDIA_PATH] in (400, 401, 403, 404, 413, 422):
            response = await media.get()
            assert (response.status_code, problem_type(response)) == (503, "unavailable")
            assert response.headers["retry-after"] == "2"
        assert media.count("unavailable") == 6

        media.enricher.store.statuses[MEDIA_PATH] = 503
        assert (await media.get()).status_code == 503
        assert (await media.browser.get(media.url_of("/readyz"))).status_code == 200, "media do not affect readiness"


async def test_other_methods_than_get_are_not_allowed() -> None:
    async with running_media() as media:
        for method in ("HEAD", "POST", "DELETE"):
            response = await media.browser.request(method, media.url(), headers=as_user("user-1"))
            assert (response.status_code, response.headers["allow"]) == (405, "GET")


async def test_an_attachment_of_another_platform_has_its_own_url() -> None:
    async with running_media() as media:
        media.attach(platform="facebook", url="https://cdn.example/x", media_id=None)

        response = await media.get()

        assert (response.status_code, problem_type(response)) == (404, "media-elsewhere")
        media.attach(type="location", media_id=None)
        assert problem_type(await media.get()) == "not-found"


async def test_an_account_without_a_token_needs_reauthorization() -> None:
    async with running_media() as media:
        for page_id, status, token in (("a", "needs_reauthorization", "x"), ("b", "connected", None)):
            media.enricher.store.connect(page_id, status=status, token=token)  # type: ignore[arg-type]  # the cases
            media.attach(page_id=page_id)
            assert problem_type(await media.get()) == "account-needs-reauthorization"
        media.attach(page_id="nobodys")
        assert problem_type(await media.get()) == "account-needs-reauthorization"
        assert media.platform.tokens == []


async def test_an_undecryptable_token_makes_media_unavailable() -> None:
    async with running_media() as media:
        media.enricher.store.connect(NUMBER, key=Fernet.generate_key().decode())
        media.attach()
        for _ in range(2):
            response = await media.get()
            assert (response.status_code, problem_type(response), response.headers["retry-after"]) == (
                503,
                "unavailable",
                "900",
            )

        media.enricher.store.versions[NUMBER] -= 1
        media.enricher.store.connect(NUMBER)
        media.attach()

        assert (await media.get()).content == PHOTO, "same token and version, encrypted with a known key"


async def test_a_refused_token_is_reported_once_and_not_used_again() -> None:
    async with running_media() as media:
        media.platform.error = EXPIRED

        responses = [await media.get(), await media.get()]

        assert [(one.status_code, problem_type(one)) for one in responses] == [
            (409, "account-needs-reauthorization")
        ] * 2
        await eventually(lambda: len(media.enricher.refused) == 1)
        [refused] = media.enricher.refused
        assert (refused.platform, refused.page_id, refused.version) == ("whatsapp", NUMBER, 1)
        assert len(media.platform.lookups) == 1


@pytest.mark.parametrize(
    ("changes", "status", "kind"),
    [
        pytest.param({"error": GONE}, 410, "media-gone", id="unknown media ID"),
        pytest.param({"status": 404}, 410, "media-gone", id="expired URL"),
        pytest.param({"error": (403, {"error": {"code": 10}})}, 502, "platform-refused", id="no permission"),
        pytest.param({"status": 401}, 502, "platform-refused", id="token refused by the file server"),
        pytest.param({"status": 206}, 502, "platform-refused", id="partial content"),
        pytest.param({"headers": {"Content-Encoding": "gzip"}}, 502, "platform-refused", id="compressed"),
        pytest.param({"error": (500, {"error": {"code": 2}})}, 503, "unavailable", id="Graph API error"),
        pytest.param({"status": 503}, 503, "unavailable", id="file server error"),
        pytest.param({"error": (400, {"error": {"code": 80007}})}, 503, "unavailable", id="rate limit"),
        pytest.param({"silent": "address"}, 504, "platform-silent", id="Graph API timeout"),
        pytest.param({"silent": "file"}, 504, "platform-silent", id="file server timeout"),
        pytest.param({"headers": {"Content-Length": "10000000"}}, 502, "media-too-large", id="too large"),
    ],
)
async def test_every_failure_has_its_problem_type(changes: dict[str, Any], status: int, kind: str) -> None:
    async with running_media(media_idle_seconds=1, media_max_bytes=1_000_000) as media:
        for name, value in changes.items():
            setattr(media.platform, name, value)

        response = await media.get()

        assert (response.status_code, problem_type(response)) == (status, kind)
        assert ("retry-after" in response.headers) == (status == 503)
        assert media.count(kind) == 1
        assert "secret" not in response.text


async def test_media_are_unavailable_without_the_store() -> None:
    async with running_media() as media:
        media.enricher.store.is_unavailable = True

        response = await media.get()

        assert (response.status_code, problem_type(response), response.headers["retry-after"]) == (
            503,
            "unavailable",
            "2",
        )


async def test_cookies_are_not_kept() -> None:
    async with running_media() as media:
        media.platform.cookie = "who=user-1; Path=/"
        media.attach(user="user-2")

        assert [(await media.get(user=user)).status_code for user in ("user-1", "user-2")] == [200, 200]

        assert media.platform.cookies == [None] * 4


async def test_a_token_is_sent_to_no_other_host_and_redirects_are_not_followed() -> None:
    async with (
        running_media() as media,
        serving(media.platform.app(), host="127.0.0.1", port=0, grace_seconds=1) as other,
    ):
        own = media.platform.lookups
        assert (await media.get()).status_code == 200
        base = f"{own[0].scheme}://127.0.0.1:{own[0].port}"
        media.platform.tokens.clear()

        for url in (
            f"http://127.0.0.1:{other}/files/photo",
            f"{base}@127.0.0.1:{other}/files/photo",
            f"{base}/files/moved",
        ):
            media.platform.url = url
            response = await media.get()
            assert (response.status_code, problem_type(response)) == (502, "platform-refused")

        assert len(media.platform.tokens) == 4, "three lookups, and one file that was a redirect"


async def test_pages_of_allowed_origins_may_fetch_media() -> None:
    async with running_media(allowed_origins="https://desk.example") as media:
        preflight = {"Origin": "https://desk.example", "Access-Control-Request-Method": "GET"}
        preflight["Access-Control-Request-Headers"] = "authorization"
        allowed = await media.browser.options(media.url(), headers=preflight)
        allowed_get = await media.get(Origin="https://desk.example")
        other = await media.get(Origin="https://evil.example")

        assert allowed.status_code == 200
        assert allowed_get.headers["access-control-allow-origin"] == "https://desk.example"
        assert "access-control-allow-origin" not in other.headers
        refused = await media.browser.get(media.url(), headers={"Origin": "https://desk.example"})
        assert (refused.status_code, problem_type(refused)) == (401, "unauthorized")
        assert refused.headers["access-control-allow-origin"] == "https://desk.example", "the page may read the problem"


async def test_pages_may_read_no_other_routes() -> None:
    async with running_media(allowed_origins="*") as media:
        for path in ("/metrics", "/readyz", "/healthz"):
            response = await media.browser.get(media.url_of(path), headers={"Origin": "https://desk.example"})
            assert (response.status_code, "access-control-allow-origin" in response.headers) == (200, False)
