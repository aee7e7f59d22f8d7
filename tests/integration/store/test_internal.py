from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import msgspec
import pytest
from pydantic import SecretStr

from shared.contracts import Profile
from shared.contracts.internal import (
    LogRequest,
    LookupsClaim,
    PageOwners,
    ParticipantKey,
    ParticipantsRequest,
    TopsRequest,
    UserLogPosition,
)
from shared.security.cipher import TokenCipher
from shared.store_client.callers import PATHS, Caller
from store.core.accounts import BEGINNING
from tests.builders import profile_requested
from tests.integration.store.parts import ENCRYPTION_KEY, Service, at, message, routes_of, unconnected_apps

_, INTERNAL = unconnected_apps()


async def test_a_service_token_is_required(service: Service) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer wrong"}, service.admin, service.as_user()):
        answer = await service.internal.post("/internal/tops", json={"user_ids": []}, headers=headers)
        assert answer.status_code == 401
    assert (await service.public.get("/internal/accounts/facebook/page-1")).status_code == 404


async def test_a_callers_token_opens_its_own_paths_and_no_other(
    start: Callable[..., AbstractAsyncContextManager[Service]],
) -> None:
    tokens = {caller: f"the-token-of-the-{caller}" for caller in Caller}
    described = ",".join(f"{caller}:{token}" for caller, token in tokens.items())
    async with start(service_tokens=described) as service:
        for caller, token in tokens.items():
            for method, path in sorted(one for one in routes_of(INTERNAL) if one[0] != "HEAD"):
                asked = path.format(platform="facebook", page_id="page-1")
                answer = await service.internal.request(
                    method, asked, headers={"Authorization": f"Bearer {token}"}, json={}
                )
                if path in PATHS[caller]:
                    assert answer.status_code in (200, 422), (caller, path, answer.text)
                else:
                    assert answer.status_code == 403, (caller, path, answer.text)
                    assert answer.headers["Content-Type"] == "application/problem+json"
                    assert answer.json()["detail"] == f"The token of {caller} does not open {path}."


async def test_no_path_of_either_port_is_redirected_to_the_host_of_the_request(service: Service) -> None:
    for client, path in ((service.internal, "/internal/tops/"), (service.public, "/api/conversations/")):
        for method in ("GET", "POST"):
            answer = await client.request(method, path, headers={"Host": "evil.example"})
            assert answer.status_code == 404
            assert "Location" not in answer.headers


async def test_owners_of_a_page_have_encrypted_tokens(service: Service) -> None:
    unknown = msgspec.json.decode(
        (await service.internal.get("/internal/accounts/facebook/page-1")).content, type=PageOwners
    )
    assert (unknown.version, unknown.owners) == (0, ())

    await service.connect(access_token="a-secret-token")
    await service.connect(user="user-2")
    answer = await service.internal.get("/internal/accounts/facebook/page-1")
    owners = msgspec.json.decode(answer.content, type=PageOwners)
    assert owners.version == 2
    first, second = owners.owners
    assert (first.user_id, first.owned_from, first.token_ciphertext) == ("user-1", BEGINNING, None)
    assert (second.user_id, second.owned_from, second.owned_until) == ("user-2", first.owned_until, None)

    await service.connect(user="user-2", access_token="another-token")
    answer = await service.internal.get("/internal/accounts/facebook/page-1")
    ciphertext = msgspec.json.decode(answer.content, type=PageOwners).owners[1].token_ciphertext
    assert ciphertext is not None
    assert TokenCipher([SecretStr(ENCRYPTION_KEY)]).decrypt(ciphertext).get_secret_value() == "another-token"


async def test_only_known_participants_are_returned(service: Service) -> None:
    await service.broker.publish(
        [
            message("m-1", participant=Profile(name="Ada", fetched_at=at(0))),
            message("m-2", person="nameless"),
        ]
    )
    keys = [
        ParticipantKey(user_id=user, platform="facebook", participant_id=person)
        for user, person in (("user-1", "person-1"), ("user-1", "nameless"), ("user-2", "person-1"))
    ]
    answer = await service.ask("/internal/participants", ParticipantsRequest(participants=(*keys, keys[0])))
    assert [(one["user_id"], one["profile"]["name"]) for one in answer["participants"]] == [("user-1", "Ada")]


async def test_one_response_has_the_logs_of_many_users_in_request_order(service: Service) -> None:
    await service.broker.publish([message(f"m-{i}", user=f"user-{i % 2}", created_at=at(i)) for i in range(10)])
    positions = (
        UserLogPosition(user_id="user-1", after=3),
        UserLogPosition(user_id="nobody", after=0),
        UserLogPosition(user_id="user-0", after=0),
        UserLogPosition(user_id="user-1", after=0),
        UserLogPosition(user_id="user-0", after=5),
    )
    answer = await service.ask("/internal/log", LogRequest(positions=positions, limit=3))
    assert [(user["user_id"], user["seq"], [frame["seq"] for frame in user["frames"]]) for user in answer["users"]] == [
        ("user-1", 5, [4, 5]),
        ("nobody", 0, []),
        ("user-0", 5, [1, 2, 3]),
        ("user-1", 5, [1, 2, 3]),
        ("user-0", 5, []),
    ]
    frame = answer["users"][0]["frames"][0]
    assert frame["kind"] == "new_message"
    assert frame["data"]["message"]["seq"] == 4


async def test_tops_are_returned_for_every_requested_user(service: Service) -> None:
    await service.broker.publish([message("m-1")])
    answer = await service.ask("/internal/tops", TopsRequest(user_ids=("user-1", "nobody")))
    assert answer["tops"] == {"user-1": 1, "nobody": 0}
    assert answer["epoch"] == (await service.get("/api/events")).headers["Inbox-Epoch"]


async def test_a_lookup_is_claimed_once(service: Service) -> None:
    await service.broker.publish([profile_requested()])
    claim = LookupsClaim(limit=10, lease_seconds=30)
    [lookup] = (await service.ask("/internal/profile-lookups/claim", claim))["lookups"]
    assert (lookup["participant_id"], lookup["page_id"], lookup["attempts"]) == ("person-1", "page-1", 0)
    assert (await service.ask("/internal/profile-lookups/claim", claim))["lookups"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/internal/tops", b'{"user_ids":["a"'),
        ("/internal/tops", msgspec.json.encode({"user_ids": ["a"] * 10_001})),
        ("/internal/log", b'{"positions":[],"limit":1001}'),
        ("/internal/participants", b'{"participants":[{"user_id":"a"}]}'),
        ("/internal/profile-lookups/claim", b'{"limit":0,"lease_seconds":1}'),
    ],
)
async def test_invalid_requests_are_refused(service: Service, path: str, body: bytes) -> None:
    answer = await service.internal.post(path, content=body)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:switchboard:problem:invalid-request"
