"""Read marks: the unread count is right with concurrent, repeated and late events."""

import asyncio
import random
from typing import Any

import pytest

from shared.contracts import conversation_id
from shared.contracts.internal import NO_SUCH_CONVERSATION
from shared.contracts.items import UnsendItem
from store.repository.inbox import read_marks
from store.repository.inbox.read_marks import ReadMark
from tests.builders import inbox_enriched
from tests.integration.store.parts import Parts, Service, at, message, now

pytestmark = pytest.mark.postgres

CONVERSATION = conversation_id("facebook", "user-1", "person-1")
OTHERS = conversation_id("facebook", "user-2", "person-1")


async def mark_read(
    parts: Parts, up_to: int, *, conversation: str = CONVERSATION, user: str = "user-1"
) -> ReadMark | None:
    return await read_marks.mark_read(
        parts.database, user, conversation, up_to_seq=up_to, cause_id="reading", now=now()
    )


async def unread_counts(parts: Parts) -> tuple[int, int]:
    """Return the stored unread count and the count of unread rows."""
    [(shown, counted)] = await parts.rows(
        """
        SELECT c.unread_count, (SELECT count(*) FROM messages m
                                WHERE m.user_id = c.user_id AND m.conversation_id = c.conversation_id
                                  AND m.direction = 'incoming' AND m.deleted_at IS NULL AND m.id > c.read_seq)
        FROM conversations c WHERE user_id = 'user-1' AND conversation_id = :conversation
        """,
        conversation=CONVERSATION,
    )
    return shown, counted


async def test_reading_leaves_the_later_messages_unread(parts: Parts) -> None:
    await parts.inbox([message(f"m-{n}", created_at=at(n)) for n in range(1, 6)])
    assert await unread_counts(parts) == (5, 5)

    assert await mark_read(parts, 3) == ReadMark(3, changed=True)
    assert await unread_counts(parts) == (2, 2)
    assert await mark_read(parts, 3) == ReadMark(3, changed=False)
    assert await mark_read(parts, 1) == ReadMark(3, changed=False), "never back"
    assert await unread_counts(parts) == (2, 2)


async def test_reading_is_one_change_and_reading_again_is_none(parts: Parts) -> None:
    await parts.inbox([message("m-1"), message("m-2")])
    for _ in range(4):
        marked = await mark_read(parts, 2**63 - 1)
        assert marked is not None

    log = await parts.rows("SELECT seq, kind, message_id, conversation_id FROM inbox_log ORDER BY seq OFFSET 2")
    assert log == [(3, "conversation_updated", None, CONVERSATION)]
    assert await parts.rows("SELECT last_seq FROM inboxes") == [(3,)]
    assert await parts.rows("SELECT last_seq, unread_count FROM conversations") == [(3, 0)]


async def test_a_message_after_the_read_mark_is_unread(parts: Parts) -> None:
    await parts.inbox([message("m-1", created_at=at(5))])
    await mark_read(parts, 2**62)
    await parts.inbox([message("late", created_at=at(1))])

    assert await unread_counts(parts) == (1, 1)
    [event] = [event for event in parts.publisher.persisted() if event.kind == "new_message"][1:]
    assert b'"unread_count":1' in bytes(event.data)


async def test_outgoing_and_unsent_messages_are_never_unread(parts: Parts) -> None:
    await parts.inbox(
        [
            message("in-1", created_at=at(1)),
            message("out", direction="outgoing", sender_id="page-1", created_at=at(2)),
            message("in-2", created_at=at(3)),
            message("in-3", created_at=at(4)),
        ]
    )
    await parts.inbox([inbox_enriched(item=UnsendItem(message_id="in-3", unsent_at=at(9)))])

    assert await unread_counts(parts) == (2, 2)
    await mark_read(parts, 1)
    assert await unread_counts(parts) == (1, 1)


async def test_another_users_conversation_cannot_be_marked_as_read(parts: Parts) -> None:
    await parts.inbox([message("m-1"), message("m-2", user="user-2")])

    assert await mark_read(parts, 9, conversation=OTHERS) is None
    assert await mark_read(parts, 9, user="nobody") is None
    assert await parts.rows("SELECT user_id, unread_count FROM conversations ORDER BY 1") == [
        ("user-1", 1),
        ("user-2", 1),
    ]


@pytest.mark.parametrize("seed", range(6))
async def test_the_unread_count_stays_right_under_concurrent_changes(parts: Parts, seed: int) -> None:
    """Messages (some repeated or late), unsends and read marks arrive concurrently."""
    source = random.Random(seed)

    async def send() -> None:
        batch = [
            message(f"m-{source.randrange(40)}", created_at=at(source.randrange(60)), id=f"{source.random()}")
            for _ in range(source.randint(1, 5))
        ]
        await parts.inbox(batch)

    async def unsend() -> None:
        item = UnsendItem(message_id=f"m-{source.randrange(40)}", unsent_at=at(70))
        await parts.inbox([inbox_enriched(item=item, id=f"{source.random()}")])

    async def mark_as_read() -> None:
        await mark_read(parts, source.randrange(120))

    await send()
    steps: list[Any] = [source.choices((send, unsend, mark_as_read), (3, 1, 3))[0] for _ in range(40)]
    for start in range(0, len(steps), 4):
        await asyncio.gather(*(step() for step in steps[start : start + 4]))
        shown, counted = await unread_counts(parts)
        assert shown == counted
    [(last, rows)] = await parts.rows("SELECT last_seq, (SELECT count(*) FROM inbox_log) FROM inboxes")
    assert last == rows, "numbers have no holes"


async def test_reading_over_rest_returns_the_conversation_and_publishes_the_change(
    service: Service, parts: Parts
) -> None:
    heard: list[Any] = []
    await service.broker.publish([message("m-1"), message("m-2", created_at=at(4))])
    path = f"/api/conversations/{CONVERSATION}/read"
    found = await service.public.post(path, headers=service.as_user(), json={"up_to_seq": 1})

    assert found.status_code == 200, found.text
    assert found.json()["unread_count"] == 1
    assert found.json()["last_seq"] == 3
    assert found.headers["Inbox-Seq"] == "3"
    frames = (await service.get("/api/events", after=2)).json()
    assert [(frame["type"], frame["seq"]) for frame in frames] == [("conversation_updated", 3)]
    for _ in range(200):
        heard = await parts.rows("SELECT published_seq FROM inboxes")
        if heard == [(3,)]:
            break
        await asyncio.sleep(0.02)
    assert heard == [(3,)], "it is published without waiting for a webhook"


async def test_reading_over_rest_is_limited_to_the_tokens_user(service: Service) -> None:
    await service.broker.publish([message("m-1"), message("m-2", user="user-2")])
    for path, body, status in [
        (f"/api/conversations/{OTHERS}/read", {"up_to_seq": 1}, 404),
        (f"/api/conversations/{CONVERSATION}/read?user_id=user-2", {"up_to_seq": 1}, 403),
        (f"/api/conversations/{CONVERSATION}/read", {"up_to_seq": 1, "user_id": "user-2"}, 403),
        (f"/api/conversations/{CONVERSATION}/read", {"up_to_seq": 1, "user_id": "user-1"}, 200),
        (f"/api/conversations/{CONVERSATION}/read", {"up_to_seq": -1}, 422),
        (f"/api/conversations/{CONVERSATION}/read", {"up_to_seq": "1"}, 422),
        (f"/api/conversations/{CONVERSATION}/read", {"up_to_seq": 2**63}, 422),
        (f"/api/conversations/{CONVERSATION}/read", {}, 422),
    ]:
        found = await service.public.post(path, headers=service.as_user(), json=body)
        assert found.status_code == status, (path, body, found.text)


async def test_gateways_mark_as_read_over_the_internal_api(service: Service) -> None:
    await service.broker.publish([message("m-1"), message("m-2", created_at=at(4))])
    query = {"user_id": "user-1", "conversation_id": CONVERSATION, "up_to_seq": 2}

    assert await service.ask("/internal/read", query) == {"seq": 2}
    assert await service.ask("/internal/read", query) == {"seq": 2}
    [conversation] = (await service.get("/api/conversations")).json()
    assert conversation["unread_count"] == 0
    missing = await service.internal.post("/internal/read", json=query | {"user_id": "user-2"})
    assert (missing.status_code, missing.json()["type"]) == (404, NO_SUCH_CONVERSATION)
    nowhere = await service.internal.post("/internal/reed", json=query)
    assert nowhere.status_code == 404
    assert nowhere.json()["type"] != NO_SUCH_CONVERSATION, "a gateway must tell them apart"
    unasked = await service.internal.post("/internal/read", json=query, headers={"Authorization": "Bearer no"})
    assert unasked.status_code == 401
