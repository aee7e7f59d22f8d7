"""A person who was erased is nowhere, and stays nowhere whatever is delivered again."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from shared.contracts import (
    AnyEvent,
    EditItem,
    InboxEnrichedV1,
    Profile,
    ProfileRequestedV1,
    RawItem,
    ReactionItem,
    ReceiptItem,
    RecordItem,
    UnsendItem,
    WebhookUnclaimedV1,
    conversation_id,
    encode,
)
from shared.contracts.parking import parked_item
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Statement
from tests.builders import profile_resolved
from tests.integration.store.parts import Parts, Service, at, message, now, problem

Start = Callable[..., AbstractAsyncContextManager[Service]]

PERSON = "7001990011223344"
WORD = "quixotic"
PATH = f"/api/people/facebook/{PERSON}"
CONVERSATION = conversation_id("facebook", "user-1", PERSON)
_TEXTS = Statement("""
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND data_type IN ('text', 'json', 'jsonb', 'bytea', 'ARRAY', 'character varying')
    ORDER BY 1, 2
""")


async def places_of(database: Database, needles: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return (table, column, needle) wherever a needle stands in the database, in whichever column."""
    found = []
    async with database.reading() as connection:
        for table, column in await connection.execute(_TEXTS):
            for needle in needles:
                # Bytes as text: everything that is ASCII stands there as it is.
                query = f"""
                    SELECT count(*) FROM "{table}"
                    WHERE position(CAST(:needle AS text) IN CASE WHEN pg_typeof("{column}") = 'bytea'::regtype
                          THEN encode(CAST(CAST("{column}" AS text) AS bytea), 'escape')
                          ELSE CAST("{column}" AS text) END) > 0
                """  # noqa: S608 - names from the catalogue of the test's own database
                if await connection.scalar(Statement(query), {"needle": needle}):
                    found.append((table, column, needle))
    return found


def other(item: Any, **changes: Any) -> InboxEnrichedV1:
    """Return an event of the person with an item that is no message."""
    return message("unused", person=PERSON, item=item, **changes)


def said(mid: str, text: str | None = None, **changes: Any) -> InboxEnrichedV1:
    return message(mid, person=PERSON, content=text or f"{WORD} {mid}", **changes)


def everything() -> list[AnyEvent]:
    """Return one event of each sort that holds something of the person, and a message of somebody else."""
    profile = Profile(name=f"Don {WORD}", username=f"{WORD}99", profile_pic=f"https://x/{WORD}", fetched_at=at(1))
    body = msgspec.Raw(b'{"from":{"id":"' + PERSON.encode() + b'"},"text":"' + WORD.encode() + b'"}')
    broken = other(RawItem(label="x", body=msgspec.Raw(b"{}")), id="broken")
    original = encode(said("parked-1", id="parked-event"))
    entry = b'{"messaging":[{"sender":{"id":"' + PERSON.encode() + b'"},"text":"' + WORD.encode() + b'"}]}'
    return [
        message("mid-other", person="somebody-else", content="hello", created_at=at(1), id="other"),
        said("mid-1", id="one", created_at=at(1), participant=profile),
        said("mid-2", id="two", created_at=at(2), direction="outgoing", sender_id="page-1"),
        other(ReactionItem(message_id="mid-1", actor_id=PERSON, emoji="x", reacted_at=at(3)), id="reaction"),
        other(EditItem(message_id="mid-1", content=f"{WORD} edited", revision=1, edited_at=at(4)), id="edit"),
        other(EditItem(message_id="mid-late", content=f"{WORD} early", revision=1, edited_at=at(4)), id="early-edit"),
        other(ReceiptItem(status="read", at=at(5), watermark=at(5), message_ids=()), id="read"),
        other(
            RecordItem(record="comment", record_id="c-1", actor_id=PERSON, text=WORD, body=body),
            id="comment",
            participant=profile,
        ),
        other(RawItem(label="unknown", body=body), id="raw"),
        broken,
        parked_item(
            original,
            said("parked-1", id="parked-event"),
            content_type="application/json",
            handler="store.inbox.v1",
            reason=f"it says {WORD}",
            attempts=1,
            received_at=at(6),
        ),
        WebhookUnclaimedV1(
            id="unclaimed",
            occurred_at=at(6),
            received_at=at(6),
            webhook_id="w-unclaimed",
            item_index=0,
            platform="facebook",
            page_id="page-1",
            channel="messaging",
            entry=entry,
        ),
        ProfileRequestedV1(
            id="requested",
            occurred_at=at(6),
            received_at=at(6),
            user_id="user-1",
            platform="facebook",
            page_id="page-1",
            participant_id=PERSON,
        ),
    ]


async def deliver(service: Service, events: Sequence[AnyEvent]) -> None:
    for event in events:
        await service.broker.publish([event])


async def erase(service: Service, headers: dict[str, str], **parameters: str) -> dict[str, Any]:
    """Erase the person and return the erasure once it is done."""
    answer = await service.public.delete(PATH, headers=headers, params=parameters)
    assert answer.status_code == 202, answer.text
    location = answer.headers["location"]
    async with asyncio.timeout(60):
        while True:
            status = await service.public.get(location, headers=headers)
            assert status.status_code == 200, status.text
            if status.json()["status"] == "done":
                return dict(status.json())
            await asyncio.sleep(0.05)


def kinds(events: httpx.Response) -> list[str]:
    return [frame["type"] for frame in events.json()]


async def test_an_erased_person_is_in_no_table_also_after_a_replay_and_a_restart(start: Start, parts: Parts) -> None:
    needles = [PERSON, WORD, "mid-1", "mid-2"]
    async with start() as service:
        await deliver(service, everything())
        before = {table for table, _, _ in await places_of(parts.database, needles)}
        assert {"messages", "conversations", "waiting_annotations", "receipts", "records", "raw_items"} <= before
        assert {"parked_items", "waiting_webhooks", "profile_lookups"} <= before

        done = await erase(service, service.admin)

        assert await places_of(parts.database, needles) == []
        assert done["messages"] == 2
        assert "participant_id" not in done
        left = await service.get("/api/conversations")
        assert [each["participant_id"] for each in left.json()] == ["somebody-else"]

        await deliver(service, [each for each in everything() if not isinstance(each, WebhookUnclaimedV1)][1:])
        assert {needle for _, _, needle in await places_of(parts.database, needles)} == set()
    async with start() as service:
        late = at(100)
        await deliver(
            service,
            [
                other(EditItem(message_id="mid-1", content=f"{WORD} late", revision=2, edited_at=late), id="late-1"),
                other(ReactionItem(message_id="mid-1", actor_id=PERSON, emoji="y", reacted_at=late), id="late-2"),
                other(UnsendItem(message_id="mid-2", unsent_at=late), id="late-3"),
                other(ReceiptItem(status="read", at=late, watermark=late, message_ids=("mid-2",)), id="late-4"),
                profile_resolved(user_id="user-1", participant_id=PERSON),
            ],
        )
        assert await places_of(parts.database, needles) == []
        assert (await service.get(f"/api/conversations/{CONVERSATION}/messages")).status_code == 404


async def test_a_late_edit_after_the_erasure_of_an_erased_message_stays_out(start: Start, parts: Parts) -> None:
    async with start() as service:
        await deliver(service, [said("mid-1", id="one", created_at=at(1))])
        await erase(service, service.as_user())
        later = now() + timedelta(hours=1)
        edit = EditItem(message_id="mid-1", content=f"{WORD} anew", revision=3, edited_at=later)
        await deliver(service, [msgspec.structs.replace(other(edit, id="later-edit"), occurred_at=later)])
        assert await places_of(parts.database, [PERSON, WORD, "mid-1"]) == []


async def test_a_person_who_writes_after_the_erasure_starts_a_new_conversation(start: Start) -> None:
    async with start() as service:
        await deliver(service, [said("mid-1", id="one", created_at=at(1))])
        await erase(service, service.as_user())
        later = now() + timedelta(hours=1)
        again = msgspec.structs.replace(said("mid-9", id="nine", created_at=later), occurred_at=later)
        await deliver(service, [again, said("mid-1", id="one", created_at=at(1))])

        [conversation] = (await service.get("/api/conversations")).json()
        assert (conversation["conversation_id"], conversation["unread_count"]) == (CONVERSATION, 1)
        messages = (await service.get(f"/api/conversations/{CONVERSATION}/messages")).json()
        assert [each["message_id"] for each in messages] == ["mid-9"]
        events = await service.get("/api/events", after=0)
        assert [frame["seq"] for frame in events.json()] == [1, 2, 3]
        assert kinds(events) == ["conversation_removed", "conversation_removed", "new_message"]


async def test_the_log_keeps_every_seq_and_tells_of_the_removal(start: Start) -> None:
    async with start() as service:
        await deliver(service, everything()[:3])
        await erase(service, service.as_user())

        events = await service.get("/api/events", after=0)
        assert [frame["seq"] for frame in events.json()] == [1, 2, 3, 4]
        assert kinds(events) == ["new_message", *["conversation_removed"] * 3]
        assert events.json()[-1]["data"] == {"conversation_id": CONVERSATION}


async def test_another_tenant_keeps_the_same_person(start: Start) -> None:
    async with start() as service:
        await deliver(service, [said("mid-1", id="one"), said("mid-1", id="theirs", user="user-2", page="page-2")])
        await erase(service, service.as_user())
        assert (await service.get("/api/conversations")).json() == []
        assert len((await service.get("/api/conversations", "user-2")).json()) == 1

        await erase(service, service.admin)
        assert (await service.get("/api/conversations", "user-2")).json() == []


async def test_an_erasure_is_seen_by_its_tenant_only(start: Start) -> None:
    async with start() as service:
        done = await erase(service, service.as_user())
        path = f"/api/erasures/{done['id']}"
        assert problem(await service.get(path, "user-2")) == (404, "not-found")
        assert (await service.public.get(path, headers=service.admin)).status_code == 200
        assert problem(await service.public.delete(PATH)) == (401, "unauthorized")
        other_user = await service.public.delete(PATH, headers=service.as_user(), params={"user_id": "user-2"})
        assert problem(other_user) == (403, "forbidden")


async def test_the_ledger_balances_after_an_erasure(start: Start, parts: Parts) -> None:
    async with start() as service:
        await deliver(service, everything())

        async def outcomes() -> int:
            [(count,)] = await parts.rows("SELECT count(*) FROM item_outcomes")
            return int(count)

        before = await outcomes()
        await erase(service, service.admin)
        assert await outcomes() == before
        waiting = await parts.rows("SELECT count(*) FROM item_outcomes WHERE outcome = 'waiting'")
        assert waiting == [(0,)]


@pytest.mark.parametrize("path", ["/api/people/fax/1", "/api/people/facebook/%20"])
async def test_a_person_who_cannot_exist_is_refused(service: Service, path: str) -> None:
    assert problem(await service.public.delete(path, headers=service.admin)) == (422, "invalid-request")
