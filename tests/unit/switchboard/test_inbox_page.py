import re
from pathlib import Path

import httpx
import pytest

from shared.errors import StartupRefused
from switchboard.inbox_page import content_security_policy, embedding_origins, inbox_app, media_hosts


def client(folder: Path, *origins: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(inbox_app(folder, origins=origins, hosts=("media.example",), user_claim="uid"))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Inbox</title>")
    (tmp_path / "assets" / "index-abc.js").write_text("const inbox = 1;\n" * 100)
    return tmp_path


async def test_the_page_allows_nothing_inline_and_cannot_be_embedded(folder: Path) -> None:
    async with client(folder) as http:
        response = await http.get("/")
    policy = response.headers["content-security-policy"]
    assert "Inbox" in response.text
    assert "unsafe" not in policy
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "connect-src 'self' ws://127.0.0.1:8080 wss://127.0.0.1:8080;" in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-cache"


async def test_assets_are_immutable_and_compressed(folder: Path) -> None:
    async with client(folder) as http:
        response = await http.get("/assets/index-abc.js", headers={"Accept-Encoding": "gzip"})
    assert response.text.startswith("const inbox")
    assert response.headers["content-encoding"] == "gzip"
    assert "immutable" in response.headers["cache-control"]
    assert "javascript" in response.headers["content-type"]


@pytest.mark.parametrize(
    "path", ["/../secret", "/assets/..%2f..%2fsecret", "/%2e%2e/secret", "/assets/", "/index.htm", "/x"]
)
async def test_nothing_else_is_served(folder: Path, path: str) -> None:
    (folder.parent / "secret").write_text("secret")
    async with client(folder) as http:
        assert (await http.get(path)).status_code == 404


async def test_a_page_that_is_not_built_says_how_to_build_it(tmp_path: Path) -> None:
    async with client(tmp_path / "nowhere") as http:
        response = await http.get("/")
    assert "make inbox" in response.text


async def test_the_configuration_names_embedding_origins_and_the_user_claim(folder: Path) -> None:
    async with client(folder, "https://desk.example") as http:
        assert (await http.get("/config.json")).json() == {
            "embedding_origins": ["https://desk.example"],
            "media_hosts": ["media.example"],
            "user_claim": "uid",
        }
        assert "frame-ancestors https://desk.example;" in (await http.get("/")).headers["content-security-policy"]


def test_an_invalid_host_adds_nothing_to_the_policy() -> None:
    assert "connect-src 'self';" in content_security_policy("a; script-src *", (), ())


@pytest.mark.parametrize(
    "given",
    [
        "*",
        "desk.example",
        "https://desk.example/",
        "https://a.example https://b.example",
        "https://*.example",
        "javascript:x",
    ],
)
def test_anything_but_an_exact_origin_is_refused(given: str) -> None:
    with pytest.raises(StartupRefused):
        embedding_origins({"SWITCHBOARD_EMBEDDING_ORIGINS": given})


def test_origins_are_separated_by_commas() -> None:
    environment = {"SWITCHBOARD_EMBEDDING_ORIGINS": "https://a.example, http://127.0.0.1:3000"}
    assert embedding_origins(environment) == ("https://a.example", "http://127.0.0.1:3000")
    assert embedding_origins({}) == ()


async def test_pictures_come_from_the_listed_hosts_only(folder: Path) -> None:
    async with client(folder) as http:
        policy = (await http.get("/")).headers["content-security-policy"]
    assert "img-src 'self' data: blob: https://media.example https://*.media.example;" in policy
    assert "media-src 'self' blob: https://media.example https://*.media.example;" in policy


@pytest.mark.parametrize("given", ["*", "https://media.example", "media.example; script-src *", "media", "a.b/c"])
def test_anything_but_a_host_name_is_refused(given: str) -> None:
    with pytest.raises(StartupRefused, match="INBOX_MEDIA_HOSTS"):
        media_hosts({"SWITCHBOARD_INBOX_MEDIA_HOSTS": given})


def test_pictures_come_from_the_platforms_unless_other_hosts_are_set() -> None:
    assert media_hosts({}) == ("fbcdn.net", "cdninstagram.com", "fbsbx.com")
    assert media_hosts({"SWITCHBOARD_INBOX_MEDIA_HOSTS": "fbcdn.net, media.example"}) == ("fbcdn.net", "media.example")


def test_nginx_sends_the_same_policy() -> None:
    written = Path(__file__).parents[3] / "deploy" / "nginx.conf"
    [policy] = re.findall(r'Content-Security-Policy "([^"]+)"', written.read_text())

    own = content_security_policy("inbox.example:8080", ("https://desk.example",), ("media.example",))

    for variable, value in {
        "$http_host": "inbox.example:8080",
        "${INBOX_EMBEDDING_ORIGINS}": "https://desk.example",
        "${INBOX_MEDIA_SOURCES}": "https://media.example https://*.media.example",
    }.items():
        policy = policy.replace(variable, value)
    assert policy == own


async def test_both_front_doors_part_the_page_from_pages_of_other_origins(folder: Path) -> None:
    written = (Path(__file__).parents[3] / "deploy" / "nginx.conf").read_text()
    async with client(folder) as http:
        headers = (await http.get("/")).headers

    for name in ("Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Referrer-Policy"):
        assert f"add_header {name} {headers[name]};" in written
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
