import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import httpx
import pytest
from pydantic import SecretStr

from shared.http.server import serving
from simulator import signing
from simulator.customers import Customer
from simulator.delivery import http_client
from simulator.faults import FaultKind, Faults, FaultSwitch
from simulator.graph import Access, graph_app
from simulator.media import MediaKind, media_id
from simulator.pages import demo_pages
from simulator.pictures import initials
from simulator.simulation import demo_customers

CUSTOMERS = demo_customers(demo_pages(), seed=1, customers=9)
FACEBOOK, INSTAGRAM, WHATSAPP = CUSTOMERS[:3]
FIELDS = "name,first_name,last_name,profile_pic"


@asynccontextmanager
async def graph(
    faults: Faults | None = None, *, access: Access | None = None, public_url: str | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a Graph API."""
    app = graph_app(CUSTOMERS, FaultSwitch(faults), access=access, public_url=public_url, rng=Random(1))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://graph.example") as http:
        yield http


async def look_up(http: httpx.AsyncClient, customer: Customer, fields: str = FIELDS) -> httpx.Response:
    return await http.get(f"/v25.0/{customer.customer_id}", params={"fields": fields})


async def test_messenger_returns_names_and_a_picture_from_the_same_origin() -> None:
    async with graph() as http:
        profile = (await look_up(http, FACEBOOK)).json()
        picture = await http.get(profile["profile_pic"])

    assert profile["name"] == FACEBOOK.name
    assert (profile["first_name"], profile["last_name"]) == (FACEBOOK.first_name, FACEBOOK.last_name)
    assert profile["id"] == FACEBOOK.customer_id
    assert profile["profile_pic"].startswith(str(http.base_url))
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert picture.text.startswith("<svg ")


async def test_instagram_returns_a_username_and_only_requested_fields() -> None:
    async with graph() as http:
        profile = (await look_up(http, INSTAGRAM, "username")).json()

    assert profile == {"id": INSTAGRAM.customer_id, "username": INSTAGRAM.username}


async def test_one_forbidden_field_fails_the_whole_call() -> None:
    async with graph() as http:
        unknown = await look_up(http, INSTAGRAM, "name,profile_picture_url")
        forbidden = await look_up(http, FACEBOOK, "name,locale")

    assert (unknown.status_code, unknown.json()["error"]["code"]) == (400, 100)
    assert (forbidden.status_code, forbidden.json()["error"]["code"]) == (403, 200)


async def test_whatsapp_customers_and_unknown_ids_have_no_profile() -> None:
    async with graph() as http:
        for customer_id in (WHATSAPP.customer_id, "12345"):
            error = (await http.get(f"/v25.0/{customer_id}")).json()["error"]
            assert (error["code"], error["error_subcode"]) == (100, 33)
        assert (await http.get("/v25.0/12345/subscribed_apps")).status_code == 404
        assert (await http.get("/nonsense/12345")).status_code == 404


async def test_a_picture_has_the_public_url_if_one_is_set() -> None:
    async with graph(public_url="https://inbox.example/graph") as http:
        profile = (await look_up(http, FACEBOOK)).json()

    assert profile["profile_pic"] == f"https://inbox.example/graph/avatars/{FACEBOOK.customer_id}.svg"


async def test_a_token_and_its_proof_are_checked_if_configured() -> None:
    page, secret = FACEBOOK.page, SecretStr("app-secret")
    proof = signing.appsecret_proof(page.access_token, secret)
    url = f"/v25.0/{FACEBOOK.customer_id}"
    async with graph(access=Access(frozenset({page.access_token}), secret)) as http:
        nobody = await http.get(url)
        somebody = await http.get(url, headers={"Authorization": "Bearer guessed"})
        without_proof = await http.get(url, headers={"Authorization": f"Bearer {page.access_token}"})
        right = await http.get(
            url, headers={"Authorization": f"Bearer {page.access_token}"}, params={"appsecret_proof": proof}
        )

    assert nobody.json()["error"]["code"] == 104
    assert somebody.json()["error"]["code"] == 190
    assert without_proof.json()["error"]["code"] == 100
    assert right.json()["name"] == FACEBOOK.name


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("server_error", 500, 2),
        ("rate_limit", 400, 4),
        ("page_rate_limit", 400, 80006),
        ("token_expired", 400, 190),
        ("app_removed", 400, 190),
        ("consent", 400, 230),
        ("error_with_200", 200, 1),
    ],
)
async def test_a_fault_responds_as_the_graph_api_does(kind: FaultKind, status: int, code: int) -> None:
    async with graph(Faults(kind=kind)) as http:
        answer = await look_up(http, FACEBOOK)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_a_rate_limit_says_when_it_ends() -> None:
    async with graph(Faults(kind="rate_limit", regain_minutes=7)) as http:
        headers = (await look_up(http, FACEBOOK)).headers

    assert json.loads(headers["x-app-usage"])["call_count"] == 100
    [of_page] = json.loads(headers["x-business-use-case-usage"])[FACEBOOK.page.page_id]
    assert (of_page["type"], of_page["estimated_time_to_regain_access"]) == ("messenger", 7)


async def test_a_page_limit_is_not_the_app_limit() -> None:
    async with graph(Faults(kind="page_rate_limit", regain_minutes=7)) as http:
        headers = (await look_up(http, FACEBOOK)).headers

    assert json.loads(headers["x-app-usage"])["call_count"] == 1
    [of_page] = json.loads(headers["x-business-use-case-usage"])[FACEBOOK.page.page_id]
    assert (of_page["call_count"], of_page["estimated_time_to_regain_access"]) == (100, 7)


async def test_usage_headers_can_be_missing_or_unreadable() -> None:
    async with graph(Faults(usage_percent=None)) as http:
        assert "x-app-usage" not in (await look_up(http, FACEBOOK)).headers
    async with graph(Faults(unreadable_usage=True)) as http:
        assert (await look_up(http, FACEBOOK)).headers["x-app-usage"] == "{not json"


async def test_a_profile_may_have_only_an_id_and_a_response_may_not_be_json() -> None:
    async with graph(Faults(kind="id_only")) as http:
        assert (await look_up(http, FACEBOOK)).json() == {"id": FACEBOOK.customer_id}
    async with graph(Faults(kind="not_json")) as http:
        assert (await look_up(http, FACEBOOK)).text.startswith("<html>")


async def test_silence_lasts_until_the_caller_disconnects_or_the_time_is_over() -> None:
    faults = FaultSwitch(Faults(kind="silence", silence_seconds=30))
    url = f"/v25.0/{FACEBOOK.customer_id}"
    async with (
        serving(graph_app(CUSTOMERS, faults), host="127.0.0.1", port=0, grace_seconds=1) as port,
        http_client(connections=4) as http,
    ):
        origin = f"http://127.0.0.1:{port}"
        with pytest.raises(httpx.TimeoutException):
            await http.get(origin + url, timeout=0.05)
        await http.post(f"{origin}/_faults", json={"kind": "silence", "silence_seconds": 0.01})
        assert (await http.get(origin + url)).status_code == 504
        assert (await http.get(f"{origin}/_calls")).json()["by_answer"] == {"silence": 2}


async def test_a_delay_defers_the_response() -> None:
    loop = asyncio.get_running_loop()
    async with graph(Faults(delay_seconds=0.05)) as http:
        started = loop.time()
        await look_up(http, FACEBOOK)

    assert loop.time() - started >= 0.05


async def test_a_share_of_the_calls_can_fail() -> None:
    async with graph(Faults(kind="server_error", share=0.5)) as http:
        statuses = [(await look_up(http, FACEBOOK)).status_code for _ in range(60)]

    assert 10 < statuses.count(500) < 50


async def test_faults_change_at_run_time_and_an_empty_object_ends_them() -> None:
    async with graph() as http:
        now = await http.post("/_faults", json={"kind": "consent", "usage_percent": 85})
        failed = await look_up(http, FACEBOOK)
        healed = await http.post("/_faults", json={})
        refused = await http.post("/_faults", json={"kind": "earthquake"})
        answer = await look_up(http, FACEBOOK)

    assert now.json()["kind"] == "consent"
    assert failed.json()["error"]["code"] == 230
    assert healed.json()["kind"] is None
    assert refused.status_code == 400
    assert answer.json()["name"] == FACEBOOK.name


async def test_calls_are_counted_by_id_and_by_outcome() -> None:
    async with graph() as http:
        await look_up(http, FACEBOOK)
        await look_up(http, FACEBOOK)
        await look_up(http, WHATSAPP)
        counted = (await http.get("/_calls")).json()
        anew = (await http.delete("/_calls")).json()

    assert counted["total"] == 3
    assert counted["by_id"] == {FACEBOOK.customer_id: 2, WHATSAPP.customer_id: 1}
    assert counted["by_answer"] == {"ok": 2, "100": 1}
    assert anew["total"] == 0


async def test_pictures_expire_and_unknown_ids_have_none() -> None:
    async with graph(Faults(pictures_expired=True)) as http:
        assert (await http.get(f"/avatars/{FACEBOOK.customer_id}.svg")).status_code == 403
    async with graph() as http:
        assert (await http.get("/avatars/12345.svg")).status_code == 404
        media = await http.get("/media/77.svg")
        assert (media.status_code, media.headers["x-content-type-options"]) == (200, "nosniff")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ada Lovelace", "AL"),
        ("Zoë", "Z"),
        ("王小明", "王"),
        ("ليلى منصور", "ل"),
        ("🌻 Mia", "M"),
        ("🔥", "🔥"),
        ("", ""),
    ],
)
def test_initials_suit_the_script(name: str, expected: str) -> None:
    assert initials(name) == expected


@pytest.mark.parametrize(
    ("kind", "begins_with"),
    [("image", b"\x89PNG"), ("sticker", b"\x89PNG"), ("audio", b"RIFF"), ("document", b"%PDF"), ("video", b"\0\0\0")],
)
async def test_a_media_file_is_served_at_its_url_only_with_a_token(kind: MediaKind, begins_with: bytes) -> None:
    token = {"Authorization": f"Bearer {WHATSAPP.page.access_token}"}
    identifier = media_id(Random(3), kind)
    async with graph(access=Access(frozenset({WHATSAPP.page.access_token}))) as http:
        asked = await http.get(f"/v25.0/{identifier}", headers=token)
        said = asked.json()
        answers = [await http.get(said["url"], headers=one) for one in (token, {}, {"Authorization": "Bearer x"})]
        stranger = (await http.get(f"/v25.0/{identifier}", headers={"Authorization": "Bearer x"})).json()

    assert [one.status_code for one in answers] == [200, 401, 401]
    assert answers[0].content.startswith(begins_with)
    assert (len(answers[0].content), answers[0].headers["content-type"]) == (said["file_size"], said["mime_type"])
    assert said["url"].startswith("http://graph.example/")
    assert stranger["error"]["code"] == 190


async def test_media_and_their_urls_expire_as_configured() -> None:
    identifier, token = media_id(Random(3), "image"), {"Authorization": "Bearer x"}
    async with graph() as http:
        url = (await http.get(f"/v25.0/{identifier}")).json()["url"]
        await http.post("/_faults", json={"media_expired": True})
        expired = await http.get(url, headers=token)
        await http.post("/_faults", json={"media_gone": True})
        gone = (await http.get(f"/v25.0/{identifier}", headers=token)).json()["error"]

    assert expired.status_code == 404
    assert (gone["code"], gone["error_subcode"]) == (100, 33)
