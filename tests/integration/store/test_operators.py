"""REST endpoints for operators: the ledger, and hashes of every user's state."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from shared.contracts import EditItem, Event, InboxEnrichedV1, RawItem, RecordItem
from shared.contracts.inbox import Record
from tests.integration.store.parts import Service, at, message, now
from tests.integration.store.test_ledger import W1, W2, in_webhook, parked_item, split


async def admin_get(service: Service, path: str, **parameters: Any) -> Any:
    answer = await service.public.get(path, headers=service.admin, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def verify(service: Service, **parameters: Any) -> list[dict[str, Any]]:
    answer = await service.public.get("/api/verify", headers=service.admin, params=parameters)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def record(number: int, *, user: str = "user-1", kind: Any = "comment", **changes: Any) -> InboxEnrichedV1:
    item = RecordItem(record=kind, record_id=f"c-{number}", text=f"text {number}", body=msgspec.Raw(b'{"id":1}'))
    event = message(f"r-{number}", user=user, item=item, **changes)
    return msgspec.structs.replace(event, item_index=number, occurred_at=at(number))


async def test_the_ledger_requires_an_admin_token(service: Service) -> None:
    for path in ("/api/ledger", "/api/ledger/unaccounted", "/api/verify"):
        assert (await service.public.get(path)).status_code == 401
        assert (await service.get(path)).status_code == 401


async def test_the_ledger_counts_the_outcomes_of_the_handlers(service: Service) -> None:
    raw = message("raw", item=RawItem(label="messaging.other", body=msgspec.Raw(b"{}")))
    edit = message("e", item=EditItem(message_id="not-there", revision=1, edited_at=at(3), content="new"))
    early = message("x", item=EditItem(message_id="m-1", revision=1, edited_at=at(3), content="new"))
    bare = message("b", item=EditItem(message_id="m-1", revision=0, edited_at=at(3), content=None))
    items = [message("m-1"), raw, edit, early, record(5), bare]
    received_at = now() - timedelta(minutes=5)
    await service.broker.publish([split(W1, len(items) + 1, received_at=received_at), split(W2)])
    await service.broker.publish([in_webhook(early, W1, 3)])
    await service.broker.publish([in_webhook(item, W1, n) for n, item in enumerate(items)])
    await service.broker.publish([in_webhook(message("m-1"), W2, 0)])

    expected = {
        "platform": "facebook", "page_id": "page-1", "received": 8, "stored": 3, "duplicate": 1, "parked": 0,
        "waiting": 1, "ignored": {"edit": 1, "messaging.other": 1}, "unaccounted": 1,
    }  # fmt: skip
    assert await admin_get(service, "/api/ledger") == [expected]
    [missing] = await admin_get(service, "/api/ledger/unaccounted")
    assert (missing["webhook_id"], missing["missing"], missing["items"]) == (W1, 1, len(items) + 1)
    assert await admin_get(service, "/api/ledger/unaccounted", older_than_seconds=600) == []

    await service.broker.publish([parked_item(in_webhook(message("m-9"), W1, len(items)))])
    assert await admin_get(service, "/api/ledger") == [expected | {"parked": 1, "unaccounted": 0}]
    since = (now() - timedelta(minutes=1)).isoformat()
    [recent] = await admin_get(service, "/api/ledger", since=since)
    assert (recent["received"], recent["duplicate"]) == (1, 1)
    refused = await service.public.get("/api/ledger", headers=service.admin, params={"since": "2026-01-01"})
    assert refused.status_code == 422, "it names no zone"


async def test_a_parked_item_replayed_over_rest_is_stored(service: Service) -> None:
    item = parked_item(in_webhook(message("m-1")))
    await service.broker.publish([split(W1), item])
    answer = await service.public.post("/api/parked/replay", headers=service.admin, json={"ids": [item.id]})
    assert answer.json()["replayed"] == [item.id]

    [account] = await admin_get(service, "/api/ledger")
    assert (account["received"], account["stored"], account["parked"]) == (1, 1, 0)


async def publish_each(service: Service, events: Sequence[Event]) -> None:
    for event in events:
        await service.broker.publish([event])


async def test_verify_returns_a_hash_per_user_and_one_in_total(service: Service) -> None:
    assert (await service.connect("page-2", "nothing-known")).status_code == 201
    await publish_each(
        service, [message("m-1"), message("m-2", user="user-2"), message("m-3", user="user-2", person="p-2")]
    )
    await publish_each(service, [record(1, user="only-records")])
    *users, total = await verify(service)

    assert [(state["user_id"], state["conversations"], state["messages"]) for state in users] == [
        ("only-records", 0, 0),
        ("user-1", 1, 1),
        ("user-2", 2, 2),
    ]
    assert total["users"] == len({state["hash"] for state in users}) == 3
    [alone, total_of_one] = await verify(service, user_id="user-2")
    assert (alone, total_of_one["users"]) == (users[2], 1)
    [nothing] = await verify(service, user_id="nobody")
    assert nothing["users"] == 0
    assert await verify(service) == [*users, total]

    await publish_each(service, [message("m-4", user="user-2")])
    *others, changed = await verify(service)
    assert changed["hash"] != total["hash"]
    assert [state["hash"] for state in others[:2]] == [state["hash"] for state in users[:2]]


async def test_a_user_lists_own_records_newest_first_in_pages(service: Service) -> None:
    await service.broker.publish([record(n, kind="comment" if n % 2 else "optin") for n in range(5)])
    await service.broker.publish([record(9, user="user-2")])
    answer = await service.get("/api/records", limit=2)
    found = [*answer.json()]
    while following := answer.links.get("next"):
        answer = await service.public.get(following["url"], headers=service.as_user())
        found += answer.json()

    assert [one["record_id"] for one in found] == ["c-4", "c-3", "c-2", "c-1", "c-0"]
    assert msgspec.json.decode(json.dumps(found[0]), type=Record).text == "text 4"
    assert found[0]["body"] == {"id": 1}
    assert answer.headers["Inbox-Seq"] == "0"
    assert answer.headers["Inbox-Epoch"]
    comments = await service.get("/api/records", kind="comment", platform="facebook")
    assert [one["record_id"] for one in comments.json()] == ["c-3", "c-1"]
    assert (await service.get("/api/records", platform="whatsapp")).json() == []
    assert (await service.get("/api/records", kind="nonsense")).status_code == 422
    assert (await service.get("/api/records", "user-2", user_id="user-1")).status_code == 403


async def test_openapi_describes_the_operator_endpoints(service: Service) -> None:
    document = (await service.public.get("/api/openapi.json")).json()
    for path, name in (
        ("/api/ledger", "AccountLedger"),
        ("/api/ledger/unaccounted", "Unaccounted"),
        ("/api/verify", "UserState"),
        ("/api/records", "Record"),
    ):
        [content] = document["paths"][path]["get"]["responses"]["200"]["content"].values()
        assert json.dumps(content).count(f"#/components/schemas/{name}") == 1, path
        assert name in document["components"]["schemas"]
