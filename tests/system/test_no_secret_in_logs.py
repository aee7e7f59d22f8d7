"""No secret is written anywhere: not when it is accepted, refused, or part of a failure."""

import asyncio
import hmac
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import make_url
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from shared.security.user_tokens import mint
from tests.system.repeating_graph import Graph
from tests.system.running import System, connected_client, eventually, running_system
from tests.system.secrets_in_text import encodings_of, find_secrets
from tests.system.whatsapp_media import NUMBER, media_webhook

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

USER = "user-of-the-secrets"
PAGE = "page-of-the-secrets"
WAIT_SECONDS = 10.0
_UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"


def canary(name: str) -> str:
    """Return a unique secret that looks different in every encoding."""
    return f"canary-{name.replace(' ', '-')}/{token_hex(12)}~+="


@dataclass
class Secrets:
    """Every secret that must not be written, by name."""

    values: dict[str, str] = field(default_factory=dict)

    def new(self, name: str) -> str:
        return self.keep(name, canary(name))

    def keep(self, name: str, value: str) -> str:
        self.values[name] = value
        return value

    def token(self, name: str, secret: str, *, seconds: int = 600) -> str:
        """Return a user token; record it and its signature."""
        value, _ = mint(SecretStr(secret), USER, now=datetime.now(UTC), ttl=timedelta(seconds=seconds))
        self.keep(f"signature of {name}", value.rpartition(".")[2])
        return self.keep(name, value)


def test_a_secret_is_found_in_every_encoding() -> None:
    secret = canary("found")
    basic = httpx.BasicAuth("somebody", secret).auth_flow(httpx.Request("GET", "http://x"))

    for text in (secret, quote(secret), quote(secret, safe=""), json.dumps({"x": secret}), repr(secret.encode())):
        assert find_secrets({"it": secret}, {"there": b"before " + text.encode() + b" after"}) == ["it in there"]
    assert find_secrets({"it": secret}, {"there": next(basic).headers["Authorization"].encode()}) == ["it in there"]
    assert find_secrets({"it": secret}, {"there": secret[:-1].encode()}) == []
    assert min(len(form) for form in encodings_of(secret)) > 20


def message(person: str, number: int) -> dict[str, Any]:
    item = {
        "sender": {"id": person},
        "recipient": {"id": PAGE},
        "timestamp": 1767355200000 + number,
        "message": {"mid": f"m_{number}", "text": "hello"},
    }
    return {"object": "page", "entry": [{"id": PAGE, "time": 1767355200000, "messaging": [item]}]}


async def use_webhooks(system: System, secrets: Secrets) -> None:
    """Send valid and invalid signatures and verify tokens."""
    url = f"{system.urls['webhooks']}/facebook"
    wrong = secrets.new("wrong app secret")
    body = json.dumps(message("person-0", 0)).encode()
    signature = secrets.keep("wrong signature", hmac.new(wrong.encode(), body, sha256).hexdigest())
    for header in (f"sha256={signature}", wrong):
        response = await system.http.post(url, content=body, headers={"X-Hub-Signature-256": header})
        assert response.status_code in (401, 403), response.text
    for token, status in ((secrets.values["verify token"], 200), (secrets.new("wrong verify token"), 403)):
        query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "17"}
        assert (await system.http.get(url, params=query)).status_code == status


async def use_rest(system: System, secrets: Secrets, user_token: str) -> None:
    """Send valid and invalid tokens in headers and URLs, and bodies that are no JSON."""
    api, http = system.urls["api"], system.http
    admin, refused = secrets.values["admin token"], secrets.new("wrong admin token")
    page = f"{api}/accounts/facebook/{PAGE}"
    for path in ("/conversations", "/accounts", "/search?q=x", "/parked", "/ledger", "/no-such-thing"):
        for token in (user_token, refused, admin, secrets.values["forged user token"]):
            response = await http.get(f"{api}{path}", headers={"Authorization": f"Bearer {token}"})
            assert response.status_code in (200, 401, 403, 404, 422), response.text
            assert token not in response.text
        await http.get(f"{api}{path}", params={"token": user_token, "access_token": refused})
        await http.get(f"{api}{path}", auth=("somebody", refused))
    page_token = secrets.new("access token in a bad body")
    headers = {"Authorization": f"Bearer {admin}"}
    for body in (
        json.dumps({"user_id": [], "access_token": page_token}),
        json.dumps({"user_id": USER, "access_token": page_token * 200}),
        json.dumps({"user_id": USER, "access_token": [page_token]}),
        json.dumps({"user_id": USER, "access_token": page_token, page_token: 1}),
        f'{{"user_id": "{USER}", "access_token": "{page_token}',
    ):
        response = await http.put(page, content=body, headers=headers | {"Content-Type": "application/json"})
        assert response.status_code in (400, 413, 422), response.text
        assert "access_token" not in body or response.headers["Content-Type"] == "application/problem+json"
    internal = {"Authorization": f"Bearer {secrets.values['service token']}"}
    assert (await http.post(f"{api.removesuffix('/api')}/internal/tops", headers=internal)).status_code in (404, 405)


async def use_sockets(system: System, secrets: Secrets, good: str) -> None:
    """Open sockets with valid and invalid tokens in every place, and send invalid frames."""
    ws = f"{system.urls['ws']}/{USER}"
    tokens = [good, *(value for name, value in secrets.values.items() if name.endswith("user token")), canary("none")]
    secrets.keep("what is no user token", tokens[-1])
    for token in tokens:
        offered = [Subprotocol("bearer"), Subprotocol(token)] if "/" not in token else None
        ways: list[dict[str, Any]] = [{"additional_headers": {"Authorization": f"Bearer {token}"}}]
        ways += [{"subprotocols": offered}] if offered else []
        for uri, more in [(f"{ws}?token={quote(token)}&after=x", {}), *((ws, way) for way in ways)]:
            await converse(uri, json.dumps({"type": "auth", "token": token}), **more)
        await converse(f"{ws}?token={quote(token)}", json.dumps({"type": token}))
        await converse(f"{ws}?token={quote(good)}", f'{{"type":"auth","token":"{token}')
        await converse(f"{ws}?token={quote(good)}", json.dumps({"type": "auth", "token": token}))
        await converse(f"{ws.replace(USER, 'somebody-else')}?token={quote(token)}", "ping")
        await send_raw_requests(system.urls["ws"], f"/ws/{USER}?token={quote(token)}", token)


async def converse(uri: str, text: str, **more: Any) -> None:
    """Connect, send `text`, and wait for a pong or the end."""
    with suppress(ConnectionClosed):
        async with connect(uri, open_timeout=WAIT_SECONDS, proxy=None, **more) as socket, asyncio.timeout(WAIT_SECONDS):
            await socket.send(text)
            await socket.send("ping")
            async for frame in socket:
                if '"pong"' in str(frame):
                    return


async def send_raw_requests(ws: str, path: str, token: str) -> None:
    """Send malformed handshakes that no library would send."""
    port = urlsplit(ws).port
    for request in (
        f"GET {path} HTTP/1.1\r\n\r\n",
        f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        f"GET {path}\x00\xff HTTP/1.0\r\n\r\n",
        f"GET /none{path} HTTP/1.1\r\nHost: x\r\n{_UPGRADE}Sec-WebSocket-Key: {token}\r\n\r\n",
        f"GET {path} HTTP/1.1\r\nHost: x\r\n{token}\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request.encode("latin-1"))
        writer.write_eof()
        with suppress(OSError, TimeoutError):
            await asyncio.wait_for(reader.read(), 2)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def use_event_streams(system: System, secrets: Secrets, good: str) -> None:
    """Open event streams with tokens in the URL and in the header."""
    url = f"{system.urls['sse']}/{USER}"
    refused = [value for name, value in secrets.values.items() if name.endswith("user token") and value != good]
    for token in [good, *refused]:
        for query, headers in (({"token": token}, {}), ({}, {"Authorization": f"Bearer {token}"})):
            async with system.http.stream("GET", url, params=query, headers=headers) as response:
                assert response.status_code == (200 if token == good else 401)
                if token == good:
                    assert "hello" in [line.removeprefix("event: ") async for line in _until_hello(response)]
        more = {"Last-Event-ID": token}
        assert (await system.http.get(url, params={"token": token}, headers=more)).status_code in (400, 401)


async def _until_hello(response: httpx.Response) -> AsyncIterator[str]:
    async for line in response.aiter_lines():
        yield line
        if line == "event: hello":
            return


async def look_up_names(system: System, graph: Graph, access_token: str) -> None:
    """Let every lookup fail, in one way per person, until the token is refused."""
    await system.connect_page("facebook", PAGE, USER, access_token=access_token)
    async with connected_client(system, USER, after=0) as client:
        for number in range(5):
            assert await system.post("facebook", message(f"person-{number}", number)) == 200
            await eventually(lambda wanted=number + 1: len(client.messages) >= wanted)  # type: ignore[misc]  # a default
        await eventually(lambda: any("needs_reauthorization" in str(frame) for frame in client.frames))
        assert access_token not in json.dumps(client.frames), "what the platform says of a token is shown to people"
    assert graph.seen == {access_token}


async def fetch_media(system: System, graph: Graph, secrets: Secrets, good: str) -> None:
    """Fetch a photo with every possible response of the platform, and with valid and invalid tokens."""
    access_token = secrets.new("access token of the number")
    await system.connect_page("whatsapp", NUMBER.page_id, USER, access_token=access_token)
    async with connected_client(system, USER) as client:
        assert await system.post("whatsapp", media_webhook("image", "a-medium")) == 200
        await eventually(lambda: client.messages)
    [photo] = client.messages
    url = f"{system.urls['inbox']}/api/media/{photo['conversation_id']}/{photo['id']}/0"
    signed = secrets.new("signature of an address")
    expected = {"/200": 200, "/302": 502, "/401": 502, "/404": 410, "/500": 503, "@elsewhere.example/200": 502}
    for path, status in expected.items():
        graph.medium = f"{path}?hash={quote(signed)}"
        response = await system.http.get(url, headers={"Authorization": f"Bearer {good}"})
        assert response.status_code == status, (path, response.text)
        assert access_token not in response.text + str(response.headers)
    assert access_token in graph.seen
    for name, token in list(secrets.values.items()):
        if name.endswith("user token") and token != good:
            response = await system.http.get(url, params={"token": token}, headers={"Authorization": f"Bearer {token}"})
            assert response.status_code == 401
            assert token not in response.text


async def lose_the_store(system: System) -> None:
    """Kill the store, which everybody calls with the service token, and cause calls."""
    before = system.pid("store")
    os.kill(before, signal.SIGKILL)
    for number in range(5, 8):
        assert await system.post("facebook", message(f"person-{number}", number)) == 200
    with suppress(httpx.HTTPError):
        await system.http.get(f"{system.urls['api']}/conversations", params={"token": "x"})
    await eventually(lambda: system.pid("store") != before, within_seconds=20)


async def metrics(system: System) -> dict[str, bytes]:
    return {
        f"metrics of {service}": (await system.http.get(f"{url}/metrics")).content
        for service, url in system.urls["operations"].items()
    }


def credentials(secrets: Secrets, environment: Mapping[str, str]) -> dict[str, str]:
    """Return settings in which every secret is a canary."""
    for name, given in environment.items():
        if password := make_url(given).password:
            secrets.keep(f"password in {name}", f":{password}@")
    return {
        **environment,
        "SWITCHBOARD_ADMIN_TOKENS": secrets.new("admin token"),
        # Before an equals sign stand the platforms that a secret speaks for.
        "SWITCHBOARD_APP_SECRETS": secrets.keep("app secret", canary("app secret").rstrip("=")),
        "SWITCHBOARD_VERIFY_TOKENS": secrets.new("verify token"),
        "SWITCHBOARD_SERVICE_TOKENS": secrets.new("service token"),
        "SWITCHBOARD_JWT_SECRET": secrets.new("secret of user tokens"),
        "SWITCHBOARD_ENCRYPTION_KEYS": secrets.keep("encryption key", Fernet.generate_key().decode()),
        "SWITCHBOARD_LOG_LEVEL": "debug",
    }


async def test_no_secret_is_in_logs_output_or_metrics(tmp_path: Path, database_url: str, amqp_url: str) -> None:
    secrets, graph = Secrets(), Graph()
    environment = credentials(secrets, {"DATABASE_URL": database_url, "AMQP_URL": amqp_url})
    signed = secrets.values["secret of user tokens"]
    good = secrets.token("good user token", signed)
    secrets.token("expired user token", signed, seconds=-60)
    secrets.token("forged user token", canary("another secret"))
    access_token = secrets.new("page access token")

    async with (
        graph.running() as graph_url,
        running_system(
            tmp_path, "--processes", "--no-simulator", "--graph-url", graph_url, environment=environment
        ) as system,
    ):
        await use_webhooks(system, secrets)
        await use_rest(system, secrets, good)
        await use_sockets(system, secrets, good)
        await use_event_streams(system, secrets, good)
        await look_up_names(system, graph, access_token)
        await fetch_media(system, graph, secrets, good)
        texts = await metrics(system)
        await lose_the_store(system)
    assert system.process.stdout is not None
    texts |= {path.name: path.read_bytes() for path in [*(tmp_path / "logs").iterdir(), tmp_path / "up.log"]}
    texts["stdout"] = await system.process.stdout.read()

    assert find_secrets(secrets.values, texts) == []
    assert {name for name, text in texts.items() if PAGE.encode() in text or b"refused" in text}, "nothing was logged"
