"""Revoking users' tokens over REST, and what the other services read."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from shared.contracts import AnyEvent, TokensRevokedV1
from shared.messaging.topology import GATEWAY_REVOCATIONS
from store.repository import revocations
from tests.integration.store.parts import Parts, Service, problem

Start = Callable[..., AbstractAsyncContextManager[Service]]


async def minted(service: Service, user_id: str = "user-1") -> dict[str, Any]:
    answer = await service.public.post("/api/tokens", headers=service.admin, json={"user_id": user_id})
    assert answer.status_code == 201
    return dict(answer.json())


async def revoke(service: Service, **body: str) -> dict[str, Any]:
    answer = await service.public.post("/api/token-revocations", headers=service.admin, json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def status(service: Service, token: dict[str, Any]) -> int:
    headers = {"Authorization": f"Bearer {token['token']}"}
    return (await service.public.get("/api/conversations", headers=headers)).status_code


async def test_one_token_is_refused_from_now_on_and_the_users_others_are_not(service: Service) -> None:
    first, second = await minted(service), await minted(service)
    await revoke(service, user_id="user-1", token_id=first["token_id"])

    assert await status(service, first) == 401
    assert await status(service, second) == 200


async def test_all_older_tokens_of_a_user_are_refused_newer_ones_and_other_users_are_not(service: Service) -> None:
    old, other = await minted(service), await minted(service, "user-2")
    before = service.as_user()
    events: list[AnyEvent] = []
    async with service.broker.subscribe(GATEWAY_REVOCATIONS, events.extend, on_gap=lambda: None) as subscription:
        await subscription.bind(0)
        answer = await revoke(service, user_id="user-1")

    assert [(type(one), one.user_id) for one in events if isinstance(one, TokensRevokedV1)] == [
        (TokensRevokedV1, "user-1")
    ]
    assert await status(service, old) == 401
    refused = await service.public.get("/api/conversations", headers=before)
    assert refused.status_code == 401
    assert "revoked" in refused.json()["detail"]
    assert await status(service, await minted(service)) == 200
    assert await status(service, other) == 200
    read = await service.ask("/internal/revoked-tokens", {"known_version": ""})
    assert read["revoked"] == [{"user_id": "user-1", "token_id": None, "not_before": answer["not_before"]}]
    assert (await service.ask("/internal/revoked-tokens", {"known_version": read["version"]}))["revoked"] is None


async def test_a_revocation_can_be_withdrawn_and_both_are_audited(start: Start, parts: Parts) -> None:
    async with start() as service:
        token = await minted(service)
        await revoke(service, user_id="user-1")
        for expected in (204, 404):
            answer = await service.public.delete("/api/token-revocations/user-1", headers=service.admin)
            assert answer.status_code == expected
    async with start() as service:
        assert await status(service, token) == 200
    actions = [action for (action,) in await parts.rows("SELECT action FROM audit_log ORDER BY number")]
    assert actions == ["token.minted", "tokens.revoked", "tokens.restored"]


async def test_revocations_outlive_the_process_that_took_them(start: Start) -> None:
    async with start() as service:
        token = await minted(service)
        await revoke(service, user_id="user-1")
    async with start() as service:
        async with asyncio.timeout(30):
            while await status(service, token) != 401:  # noqa: ASYNC110 - the set is read in the background
                await asyncio.sleep(0.02)


async def test_a_user_has_a_bounded_number_of_revoked_tokens(service: Service) -> None:
    for number in range(revocations.MAX_PER_USER):
        await revoke(service, user_id="user-1", token_id=f"t-{number}")
    body = {"user_id": "user-1", "token_id": "one-more"}
    answer = await service.public.post("/api/token-revocations", headers=service.admin, json=body)
    assert problem(answer) == (409, "too-many-revocations")
    await revoke(service, user_id="user-1")


async def test_a_user_may_revoke_nothing(service: Service) -> None:
    headers = service.as_user()
    answer = await service.public.post("/api/token-revocations", headers=headers, json={"user_id": "user-2"})
    assert answer.status_code == 401


async def test_expired_revocations_are_deleted(parts: Parts) -> None:
    for user, days in (("user-1", -1), ("user-2", 1)):
        await parts.execute(
            "INSERT INTO revoked_tokens VALUES (CAST(:user AS text), '', now(), now() + make_interval(days => "
            "CAST(:days AS int)), 'admin')",
            user=user,
            days=days,
        )
    await parts.apply_retention()
    assert await parts.rows("SELECT user_id FROM revoked_tokens") == [("user-2",)]
