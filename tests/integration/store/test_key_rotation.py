"""Encrypting access tokens with a new key, while services run."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from shared.security.cipher import TokenCipher
from store.core.audit import Actor
from store.core.cursors import CiphertextPosition
from store.repository import token_ciphertexts
from store.services.key_rotation import KeyRotation
from switchboard.__main__ import app
from tests.integration.store.parts import ADMIN, Parts, Service, now, problem

OLD, NEW, LOST = (Fernet.generate_key().decode() for _ in range(3))
OPS = Actor("admin", "ops")
Start = Callable[..., AbstractAsyncContextManager[Service]]


def cipher(*keys: str) -> TokenCipher:
    return TokenCipher([SecretStr(key) for key in keys])


def rotate(service: Service) -> Result:
    url = f"{service.public.base_url}/api"
    return CliRunner().invoke(app, ["keys", "rotate", "--api", url, "--admin-token", ADMIN])


async def connect_pages(service: Service, number: int) -> None:
    for page in range(number):
        answer = await service.connect(f"page-{page:04}", user=f"user-{page % 3}", access_token=f"token-of-{page}")
        assert answer.status_code == 201


async def ciphertexts(parts: Parts) -> dict[str, str]:
    return dict(await parts.rows("SELECT page_id, token_ciphertext FROM accounts WHERE token_ciphertext IS NOT NULL"))


async def test_the_command_encrypts_every_token_with_the_newest_key(start: Start, parts: Parts) -> None:
    async with start(encryption_keys=OLD) as service:
        await connect_pages(service, 5)
        assert (await service.connect("without-token")).status_code == 201
    before = await parts.rows("SELECT page_id, version FROM accounts ORDER BY page_id")
    logged = await parts.rows("SELECT count(*) FROM inbox_log")

    async with start(encryption_keys=f"{NEW},{OLD}") as service:
        first, again = [await asyncio.to_thread(rotate, service) for _ in range(2)]

    assert first.exit_code == again.exit_code == 0, first.output + again.output
    assert "5 access tokens were encrypted again; 5 in total" in first.stdout
    assert "No stored token needs an older key" in first.stdout
    assert "0 access tokens were encrypted again; 5 in total" in again.stdout
    decrypted = {
        page: cipher(NEW).decrypt(text).get_secret_value() for page, text in (await ciphertexts(parts)).items()
    }
    assert decrypted == {f"page-{page:04}": f"token-of-{page}" for page in range(5)}
    assert await parts.rows("SELECT page_id, version FROM accounts ORDER BY page_id") == before
    assert await parts.rows("SELECT count(*) FROM inbox_log") == logged, "nobody is notified"
    audited = await parts.rows("SELECT actor, target, details FROM audit_log WHERE action = 'keys.rotated'")
    assert audited == [("admin", cipher(NEW).key_id, '{"tokens":5}')]


async def test_a_token_that_no_key_decrypts_is_named_and_keeps_the_old_keys_needed(start: Start, parts: Parts) -> None:
    async with start(encryption_keys=LOST) as service:
        await service.connect("lost", access_token="token")
    async with start(encryption_keys=f"{NEW},{OLD}") as service:
        await service.connect("current", access_token="token")
        result = await asyncio.to_thread(rotate, service)

    assert result.exit_code == 1
    assert "no key decrypts the token of facebook/lost" in result.stdout
    assert "No stored token needs an older key" not in result.stdout
    assert cipher(LOST).is_current((await ciphertexts(parts))["lost"])


async def test_an_interrupted_rotation_continues_where_it_ended(start: Start) -> None:
    async with start(encryption_keys=OLD) as service:
        await connect_pages(service, 7)
    async with start(encryption_keys=f"{NEW},{OLD}") as service:

        async def batch(**parameters: str | int) -> dict[str, object]:
            answer = await service.public.post("/api/keys/rotate", headers=service.admin, params=parameters)
            assert answer.status_code == 200, answer.text
            found: dict[str, object] = answer.json()
            return found

        first = await batch(limit=3)
        second = await batch(limit=3, cursor=str(first["next_cursor"]))
        from_the_start = await batch()
        forged = await service.public.post("/api/keys/rotate", headers=service.admin, params={"cursor": "x"})

    counts = [(each["examined"], each["rotated"]) for each in (first, second, from_the_start)]
    assert counts == [(3, 3), (3, 3), (7, 1)]
    assert from_the_start["next_cursor"] is None
    assert problem(forged) == (422, "invalid-cursor")


async def test_several_rotations_at_once_encrypt_each_token_once(start: Start, parts: Parts) -> None:
    async with start(encryption_keys=OLD) as service:
        await connect_pages(service, 20)
    rotation = KeyRotation(parts.database, cipher(NEW, OLD), utc_now=now)

    batches = await asyncio.gather(*(rotation.rotate(None, limit=200, actor=OPS) for _ in range(5)))

    assert sum(batch.rotated for batch in batches) == 20
    assert all(cipher(NEW).is_current(text) for text in (await ciphertexts(parts)).values())


async def test_a_token_that_is_given_during_a_rotation_stays(service: Service, parts: Parts) -> None:
    await service.connect("page-1", access_token="earlier")
    [(position, found)] = await token_ciphertexts.following(parts.database, None, limit=10)
    await service.connect("page-1", access_token="later")
    given = await ciphertexts(parts)

    async with parts.database.transaction() as transaction:
        assert await token_ciphertexts.replace(transaction, [((position, found), "made of the earlier one")]) == 0
    assert await ciphertexts(parts) == given


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_batches_cover_every_token_once(service: Service, parts: Parts, limit: int) -> None:
    await connect_pages(service, 5)
    seen: list[CiphertextPosition] = []
    while found := await token_ciphertexts.following(parts.database, seen[-1] if seen else None, limit=limit):
        seen += [position for position, _ in found]

    assert [position.page_id for position in seen] == [f"page-{page:04}" for page in range(5)]
