"""Forged tokens, forged signatures and forged origins are refused, everywhere, and leave nothing behind."""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256
from typing import Any

import jwt
import pytest
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from shared.security.user_tokens import mint
from tests.attack.conftest import SECRET_WORDS, Victim, close_code
from tests.system.running import System

pytestmark = [pytest.mark.attack, pytest.mark.system, pytest.mark.timeout(120)]

_GUESSED = "a secret of thirty-two characters or more"


def part(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def changed(token: str, **claims: Any) -> str:
    """Return the token with other claims and its old signature."""
    header, body, signature = token.split(".")
    content = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return f"{header}.{part({**content, **claims})}.{signature}"


def forged_tokens(valid: str, user_id: str) -> dict[str, str]:
    now = datetime.now(UTC)
    hour = int((now + timedelta(hours=1)).timestamp())
    claims = {"sub": user_id, "iat": int(now.timestamp()), "exp": hour}
    header, body, signature = valid.split(".")
    return {
        "no algorithm": f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}.",
        "no algorithm, in capitals": f"{part({'alg': 'NONE'})}.{part(claims)}.",
        "another secret": mint(SecretStr(_GUESSED), user_id, now=now, ttl=timedelta(hours=1))[0],
        "another hash": jwt.encode(claims, _GUESSED * 2, algorithm="HS512"),
        "another user": changed(valid, sub=user_id),
        "a later end": changed(valid, exp=hour * 2),
        "no signature": f"{header}.{body}.",
        "half a signature": f"{header}.{body}.{signature[: len(signature) // 2]}",
        "a key of its own": jwt.encode(claims, _GUESSED, headers={"jwk": {"kty": "oct", "k": "YQ"}, "kid": "../../x"}),
    }


async def test_forged_tokens_open_nothing(system: System, victim: Victim) -> None:
    valid = await system.token("mallory")
    for name, token in forged_tokens(valid, victim.user_id).items():
        paths = ("/conversations", "/events", "/accounts", "/records", f"/media/{victim.conversation_id}/1/0")
        for path in paths:
            url, headers = f"{system.urls['api']}{path}", {"Authorization": f"Bearer {token}"}
            response = await system.http.get(url, headers=headers)
            assert response.status_code == 401, f"{name}, {path}: {response.status_code} {response.text}"
        assert await close_code(system.socket_url(victim.user_id, token)) == 4001, name


async def test_a_user_token_is_no_admin_token(system: System, victim: Victim) -> None:
    headers = {"Authorization": f"Bearer {await system.token(victim.user_id)}"}
    api = system.urls["api"]
    for method, path, body in (
        ("POST", "/tokens", {"user_id": "alice", "ttl_seconds": 60}),
        ("PUT", "/accounts/facebook/1000000000000009", {"user_id": "mallory"}),
        ("DELETE", f"/accounts/facebook/{victim.page_id}", None),
        ("GET", "/parked", None),
        ("GET", "/verify", None),
        ("GET", "/ledger", None),
    ):
        response = await system.http.request(method, f"{api}{path}", json=body, headers=headers)
        assert response.status_code in (401, 403), f"{method} {path}: {response.status_code} {response.text}"


def signatures(secret: str, body: bytes) -> dict[str, dict[str, str]]:
    digest = hmac.new(secret.encode(), body, sha256).hexdigest()
    guessed = hmac.new(_GUESSED.encode(), body, sha256).hexdigest()
    other = hmac.new(secret.encode(), body + b" ", sha256).hexdigest()
    weak = hmac.new(secret.encode(), body, sha1).hexdigest()
    return {
        "none": {},
        "empty": {"X-Hub-Signature-256": ""},
        "another secret": {"X-Hub-Signature-256": f"sha256={guessed}"},
        "of another body": {"X-Hub-Signature-256": f"sha256={other}"},
        "a prefix": {"X-Hub-Signature-256": f"sha256={digest[:32]}"},
        "without its name": {"X-Hub-Signature-256": digest},
        "a weak hash": {"X-Hub-Signature": f"sha1={weak}"},
        "a weak hash under the strong name": {"X-Hub-Signature-256": f"sha1={weak}"},
    }


@pytest.mark.parametrize("platform", ["facebook", "instagram", "whatsapp"])
async def test_a_webhook_without_a_valid_signature_leaves_nothing(
    system: System, victim: Victim, platform: str
) -> None:
    token = await system.token(victim.user_id)
    before = await system.get("/conversations", token)
    item = {"sender": {"id": "666"}, "recipient": {"id": victim.page_id}, "timestamp": 1_767_355_200_000}
    message = {"mid": "m_forged", "text": "send the money elsewhere"}
    body = {"object": "page", "entry": [{"id": victim.page_id, "time": 1, "messaging": [{**item, "message": message}]}]}
    raw = json.dumps(body).encode()
    for name, headers in signatures(system.urls["app_secret"], raw).items():
        url = f"{system.urls['webhooks']}/{platform}"
        response = await system.http.post(url, content=raw, headers={"Content-Type": "application/json", **headers})
        assert response.status_code in (401, 403), f"{name}: {response.status_code} {response.text}"
    assert (
        await system.post("facebook", _marker(victim)) == 200
    )  # whatever was accepted before it has been handled by now
    assert await system.get("/conversations", token) == before


def _marker(victim: Victim) -> dict[str, Any]:
    """Return the victim's message once more: a redelivery, which changes nothing."""
    item = {"sender": {"id": "7000000000000001"}, "recipient": {"id": victim.page_id}, "timestamp": 1_767_355_200_000}
    message = {"mid": "m_victim", "text": SECRET_WORDS}
    return {"object": "page", "entry": [{"id": victim.page_id, "time": 1, "messaging": [{**item, "message": message}]}]}


@pytest.mark.parametrize("origin", ["https://mallory.example", "null", "http://127.0.0.1", "https://127.0.0.1:1"])
async def test_a_page_of_another_origin_reads_nothing(system: System, victim: Victim, origin: str) -> None:
    token = await system.token(victim.user_id)
    with pytest.raises(InvalidStatus) as refused:
        await connect(system.socket_url(victim.user_id, token), origin=origin)  # type: ignore[arg-type]  # a NewType of str
    assert refused.value.response.status_code == 403
    for path in ("/conversations", f"/media/{victim.conversation_id}/1/0"):
        headers = {"Authorization": f"Bearer {token}", "Origin": origin}
        response = await system.http.get(f"{system.urls['api']}{path}", headers=headers)
        allowed = response.headers.get("access-control-allow-origin")
        assert allowed not in ("*", origin), f"{path}: {allowed}"
