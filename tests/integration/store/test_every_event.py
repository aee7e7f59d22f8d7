"""Edits, unsends, reactions, receipts, aliases and records on a real database, in both orders."""

import asyncio
import itertools
import random
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec
import pytest

from shared.contracts import (
    AnyEvent,
    EditItem,
    InboxEnrichedV1,
    Item,
    Profile,
    RawItem,
    ReactionItem,
    ReceiptItem,
    RecordItem,
    UnsendItem,
    derive_id,
)
from shared.contracts.inbox import Attachment, Referral, ReplyTo
from shared.errors import DependencyUnavailable
from shared.messaging.outcomes import DONE
from store.core.cursors import RecordPosition
from store.core.updates import to_update
from store.repository import lists
from store.repository.inbox import loading
from store.repository.postgres.statements import Connection, Statement
from store.repository.verification import facts
from tests.integration.store.parts import Parts, at, data_of, message

_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"


def enriched(item: Item, number: int = 0, **more: Any) -> InboxEnrichedV1:
    """Return an event with `item`; the same item and number give the same event."""
    event_id = derive_id("told", msgspec.json.encode(item).decode(), str(number))
    given = {"participant_id", "conversation_id"} & more.keys()
    event = message(item=item, id=event_id, **{name: more[name] for name in more.keys() - given})
    return msgspec.structs.replace(event, webhook_id=event_id, **{name: more[name] for name in given})


def outgoing(mid: str = "m-1", second: int = 1, **more: Any) -> InboxEnrichedV1:
    return message(mid, direction="outgoing", sender_id="page-1", created_at=at(second), **more)


def edit(content: str | None = "edited", *, mid: str = "m-1", revision: int = 1, second: int = 10) -> Item:
    return EditItem(message_id=mid, revision=revision, edited_at=at(second), content=content)


def unsend(mid: str = "m-1", second: int = 20) -> Item:
    return UnsendItem(message_id=mid, unsent_at=at(second))


def receipt(status: Any, *mids: str, second: int = 10, upto: int | None = None, **more: Any) -> Item:
    watermark = None if upto is None else at(upto)
    return ReceiptItem(status=status, at=at(second), message_ids=mids, watermark=watermark, **more)


def react(emoji: str | None = "❤", second: int = 10, actor: str = "person-1") -> Item:
    return ReactionItem(message_id="m-1", actor_id=actor, emoji=emoji, reacted_at=at(second))


class CountingConnection(Connection):
    """Counts the rows it returns."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection._driver)
        self.rows = 0

    async def execute(self, statement: Statement, arguments: Mapping[str, object] | None = None) -> list[Any]:
        found = await super().execute(statement, arguments or {})
        self.rows += len(found)
        return found


async def state(parts: Parts) -> dict[str, list[dict[str, Any]]]:
    async with parts.database.reading() as connection:
        return await facts.state(connection, "user-1")


async def state_hash(parts: Parts) -> str:
    async with parts.database.reading() as connection:
        return await facts.state_hash(connection, "user-1")


async def truncate_tables(parts: Parts) -> None:
    kept = {"alembic_version", "store_identity", "audit_log", "audit_head"}
    tables = [name for (name,) in await parts.rows(_TABLES) if name not in kept]
    await parts.execute(f"TRUNCATE {', '.join(tables)}")


async def in_every_order(parts: Parts, *events: AnyEvent) -> dict[str, Any]:
    """Return message `m-1` after `events`; assert that it is the same in every order and batching."""
    found = {}
    for order in itertools.permutations(events):
        for size in (1, len(order)):
            await truncate_tables(parts)
            for start in range(0, len(order), size):
                assert await parts.inbox(order[start : start + size]) == [DONE] * size
            assert await parts.inbox(order) == [DONE] * len(order)
            found[await state_hash(parts)] = await state(parts)
    assert len(found) == 1, list(found.values())[:2]
    [known] = found.values()
    [row] = [row for row in known["messages"] if row["message_id"] == "m-1"]
    assert known["waiting_annotations"] == []
    return row


@pytest.mark.parametrize(
    ("events", "shown"),
    [
        pytest.param([enriched(edit("new"))], {"content": "new", "edited_at": at(10)}, id="edit"),
        pytest.param(
            [enriched(edit("new")), enriched(edit(None, revision=2, second=12))],
            {"content": "new", "edited_at": at(12)},
            id="edit without text",
        ),
        pytest.param([enriched(edit("new")), enriched(unsend())], {"content": None, "deleted_at": at(20)}, id="unsend"),
        pytest.param(
            [enriched(react(second=2)), enriched(react("👍", second=3)), enriched(react(None, second=4, actor="x"))],
            {"reactions": [{"actor_id": "person-1", "emoji": "👍", "at": "2026-01-02T12:00:03Z"}]},
            id="reactions",
        ),
        pytest.param(
            [message("m-1", id="f" * 32, content="again", created_at=at(3)), enriched(edit("new"))],
            {"content": "new", "created_at": at(3)},
            id="second description",
        ),
    ],
)
async def test_annotations_show_in_any_order(parts: Parts, events: list[AnyEvent], shown: dict[str, Any]) -> None:
    row = await in_every_order(parts, message("m-1", created_at=at(1)), *events)

    assert {name: row[name] for name in shown} == shown


@pytest.mark.parametrize(
    ("items", "status", "delivered", "read"),
    [
        pytest.param([receipt("delivered", "m-1", second=3)], "delivered", at(3), None, id="named"),
        pytest.param(
            [receipt("read", second=5, upto=1), receipt("delivered", second=4, upto=3)],
            "read",
            at(4),
            at(5),
            id="watermark",
        ),
        pytest.param(
            [receipt("failed", "m-1", error="blocked"), receipt("played", "m-1", second=9)],
            "played",
            at(9),
            at(9),
            id="played",
        ),
        pytest.param(
            [receipt("read", "m-2", second=8, covers_earlier=True)], "read", at(8), at(8), id="covers earlier"
        ),
    ],
)
async def test_receipts_update_the_messages_they_cover_in_any_order(
    parts: Parts, items: list[Item], status: str, delivered: Any, read: Any
) -> None:
    row = await in_every_order(parts, outgoing("m-1", 1), outgoing("m-2", 2), *map(enriched, items))

    assert (row["status"], row["delivered_at"], row["read_at"]) == (status, delivered, read)


async def test_a_message_moved_to_a_later_time_is_covered_by_a_later_watermark(parts: Parts) -> None:
    row = await in_every_order(
        parts,
        outgoing("m-1", 1),
        outgoing("m-1", 4, id="f" * 32),
        enriched(receipt("read", second=6, upto=2)),
        enriched(receipt("read", second=9, upto=7)),
    )

    assert (row["created_at"], row["read_at"]) == (at(4), at(9))


async def test_an_unsend_erases_the_text_from_the_whole_database(parts: Parts) -> None:
    whole = message(
        "m-1",
        content="canary",
        attachments=(Attachment(type="image", url="https://cdn.example/canary"),),
        reply_to=ReplyTo(message_id="m-0", story={"url": "canary"}),
        payload="canary",
        referral=Referral(title="canary"),
        error="canary",
    )
    events = [
        whole,
        enriched(edit("the canary, edited")),
        enriched(unsend()),
        enriched(edit("a late canary", revision=2)),
    ]
    for order in itertools.permutations(events):
        await truncate_tables(parts)
        for event in order:
            await parts.inbox([event])
        for (table,) in await parts.rows(_TABLES):
            query = f"SELECT t::text FROM {table} t WHERE t::text ILIKE '%canary%'"  # noqa: S608 - names of our tables
            found = await parts.rows(query)
            assert found == [], (table, found)
    assert "canary" not in str([data_of(event) for event in parts.publisher.persisted()[-1:]])


async def test_a_message_unsent_before_it_arrives_is_hidden_and_not_unread(parts: Parts) -> None:
    await parts.inbox([enriched(unsend())])
    assert parts.publisher.events == []
    await parts.inbox([message("m-1")])

    [event] = parts.publisher.persisted()
    data = data_of(event)
    assert event.kind == "new_message"
    assert (data["message"]["content"], data["message"]["deleted_at"]) == (None, "2026-01-02T12:00:20Z")
    assert (data["conversation"]["unread_count"], data["conversation"]["last_message"]["id"]) == (0, 1)


async def test_an_unsend_lowers_the_unread_count_once(parts: Parts) -> None:
    await parts.inbox([message("m-1"), message("m-2")])
    await parts.inbox([enriched(unsend()), enriched(unsend(second=21))])
    await parts.inbox([enriched(unsend())])

    assert await parts.rows("SELECT unread_count, last_seq FROM conversations") == [(1, 3)]


async def test_a_change_is_published_complete_after_a_redelivery(parts: Parts) -> None:
    await parts.inbox([message("m-1", participant=Profile(name="Ada", fetched_at=at(0)), payload="BUY")])
    parts.publisher.is_unavailable = True
    with pytest.raises(DependencyUnavailable):
        await parts.inbox([enriched(edit("new"))])
    parts.publisher.is_unavailable = False
    await parts.inbox([enriched(edit("new"))])

    [_, changed] = parts.publisher.persisted()
    data = data_of(changed)
    assert (changed.seq, changed.kind) == (2, "message_updated")
    shown = data["message"]
    assert (shown["id"], shown["seq"], shown["content"], shown["kind"]) == (1, 2, "new", "message")
    assert (shown["payload"], shown["sender_name"]) == ("BUY", "Ada")
    assert data["conversation"]["last_message"] == shown
    assert data["conversation"]["last_seq"] == 2


async def test_a_receipt_changes_a_thousand_messages_in_one_transaction(parts: Parts) -> None:
    for start in range(0, 1000, 200):
        await parts.inbox([outgoing(f"m-{n}", n) for n in range(start, start + 200)])
    read = enriched(receipt("read", second=2000, upto=998))
    assert await parts.inbox([read]) == [DONE]

    assert parts.publisher.seqs() == list(range(1, 2000))
    assert await parts.rows("SELECT status, count(*) FROM messages GROUP BY 1 ORDER BY 1") == [
        ("read", 999),
        ("sent", 1),
    ]
    assert await parts.rows("SELECT count(DISTINCT xmin::text) FROM messages WHERE status = 'read'") == [(1,)]
    await parts.inbox([enriched(receipt("read", second=2001, upto=998))])
    await parts.inbox([enriched(receipt("read", second=2001, upto=999))])
    assert parts.publisher.seqs()[-1] == 2000
    assert await parts.rows("SELECT watermark, at FROM receipts ORDER BY 1") == [
        (at(998), at(2000)),
        (at(999), at(2001)),
    ]


async def test_many_receipts_over_many_messages_read_each_message_once(parts: Parts) -> None:
    await parts.inbox([outgoing(f"m-{second}", second) for second in range(1, 201)])
    events = [enriched(receipt("delivered", second=500 + upto, upto=upto)) for upto in range(10, 201, 2)]
    updates = [to_update(event) for event in events]
    async with parts.database.transaction() as transaction:
        counting = CountingConnection(transaction)
        loaded = await loading.load(counting, updates, {"user-1": 200})
    assert len(loaded.messages) == 200
    assert counting.rows < 250

    await parts.inbox(events)
    assert len(parts.publisher.seqs()) == 400, "each of them changed once"
    assert await parts.rows(
        "SELECT delivered_at FROM messages WHERE message_id IN ('m-1', 'm-11', 'm-200') ORDER BY id"
    ) == [(at(510),), (at(512),), (at(700),)]


async def test_only_the_receipt_frontier_is_stored(parts: Parts) -> None:
    told_all = [(5, 5), (3, 9), (7, 6), (2, 4), (7, 7), (9, 6), (1, 1)]
    for seed in range(4):
        await truncate_tables(parts)
        events = [enriched(receipt("read", second=second, upto=upto)) for upto, second in told_all]
        random.Random(seed).shuffle(events)
        for start in range(0, len(events), seed + 1):
            await parts.inbox(events[start : start + seed + 1])
        kept = await parts.rows("SELECT watermark, at FROM receipts ORDER BY 1")
        assert kept == [(at(1), at(1)), (at(2), at(4)), (at(5), at(5)), (at(9), at(6))]


async def test_annotations_alone_create_no_conversation(parts: Parts) -> None:
    await parts.inbox([enriched(receipt("read", "m-9", upto=5)), enriched(react()), enriched(edit())])

    assert await parts.rows("SELECT * FROM conversations") == []
    assert await parts.rows("SELECT count(*) FROM waiting_annotations") == [(2,)]
    assert parts.publisher.events == []


async def test_a_pending_annotation_counts_as_stored_once_its_message_arrives(parts: Parts) -> None:
    reaction = enriched(react())
    await parts.inbox([reaction])
    outcomes = "SELECT outcome FROM item_outcomes WHERE webhook_id = :webhook"
    assert await parts.rows(outcomes, webhook=reaction.webhook_id) == [("waiting",)]

    await parts.inbox([message("m-1")])
    assert await parts.rows(outcomes, webhook=reaction.webhook_id) == [("stored",)]


async def test_two_ids_of_a_customer_link_their_conversations(parts: Parts) -> None:
    other = message("m-2", person="person-2")
    first = msgspec.structs.replace(message("m-1"), participant_aliases=("person-2",))
    known = msgspec.structs.replace(message("m-3"), participant_aliases=("person-2",))
    for order in itertools.permutations([first, other, known]):
        await truncate_tables(parts)
        parts.publisher.events.clear()
        for event in order:
            await parts.inbox([event])
        rows = await parts.rows("SELECT participant_id, aliases::text FROM conversations ORDER BY 1")
        assert rows == [("person-1", '["person-2"]'), ("person-2", '["person-1"]')]
        assert await parts.rows("SELECT count(*) FROM participant_links") == [(2,)]
        last = {
            data_of(event)["conversation"]["participant_id"]: data_of(event) for event in parts.publisher.persisted()
        }
        assert last["person-1"]["conversation"]["linked"] == [
            {"participant_id": "person-2", "conversation_id": other.conversation_id}
        ]
        assert last["person-2"]["conversation"]["linked"] == [
            {"participant_id": "person-1", "conversation_id": first.conversation_id}
        ]


def record(record_id: str, second: int = 0, *, kind: Any = "comment", text: str = "nice") -> InboxEnrichedV1:
    body = msgspec.Raw(msgspec.json.encode({"id": record_id, "text": text}))
    item = RecordItem(record=kind, record_id=record_id, actor_id="a", text=text, body=body)
    event = enriched(item, participant_id=None, conversation_id=None)
    return msgspec.structs.replace(event, occurred_at=at(second))


async def test_records_are_stored_once_and_listed_newest_first(parts: Parts) -> None:
    events = [record(f"r-{n % 7}", n % 7) for n in range(14)] + [record("r-0", 3, kind="mention")]
    random.Random(1).shuffle(events)
    for start in range(0, len(events), 4):
        await parts.inbox(events[start : start + 4])

    assert parts.publisher.events == []
    async with parts.database.reading() as connection:
        first = await lists.records(connection, "user-1", limit=5)
        last = first[-1]
        position = RecordPosition(last.occurred_at, last.record_id, last.platform, last.page_id, last.kind)
        rest = await lists.records(connection, "user-1", after=position, limit=5)
        mentions = await lists.records(connection, "user-1", kind="mention", platform="facebook", limit=5)
    assert [one.record_id for one in (*first, *rest)] == ["r-6", "r-5", "r-4", "r-3", "r-0", "r-2", "r-1", "r-0"]
    assert [(one.record_id, one.text, one.actor_id) for one in mentions] == [("r-0", "nice", "a")]
    assert msgspec.json.decode(mentions[0].body) == {"id": "r-0", "text": "nice"}


async def test_the_earlier_of_two_copies_of_a_record_is_stored(parts: Parts) -> None:
    for order in itertools.permutations([record("r", 1, text="one"), record("r", 2, text="two")]):
        for size in (1, 2):
            await truncate_tables(parts)
            for start in range(0, 2, size):
                await parts.inbox(order[start : start + size])
            assert await parts.rows("SELECT text FROM records") == [("one",)]


async def test_every_item_has_its_own_outcome(parts: Parts) -> None:
    raw = RawItem(label="messaging.other", body=msgspec.Raw(b"{}"))
    events = [
        message("m-1"),
        enriched(edit(None, revision=0)),
        enriched(react()),
        enriched(react(), 1),
        enriched(raw),
        record("r"),
        enriched(receipt("delivered", "m-9")),
    ]
    placed = [msgspec.structs.replace(event, webhook_id="w", item_index=n) for n, event in enumerate(events)]
    await parts.inbox(placed[:3])
    await parts.inbox(placed[2:])
    again = [msgspec.structs.replace(event, webhook_id="w2") for event in placed]
    await parts.inbox(again)

    query = "SELECT outcome, kind FROM item_outcomes WHERE webhook_id = :webhook ORDER BY item_index"
    assert await parts.rows(query, webhook="w") == [
        ("stored", "message"),
        ("ignored", "edit"),
        ("stored", "reaction"),
        ("duplicate", "reaction"),
        ("ignored", "messaging.other"),
        ("stored", "record.comment"),
        ("waiting", "receipt.delivered"),
    ]
    outcomes = [outcome for outcome, _ in await parts.rows(query, webhook="w2")]
    assert outcomes == ["duplicate", "ignored", *["duplicate"] * 5]


_COMMENT = [
    record("c-1:add", 1, text="secret words"),
    record("c-1:edited:e-1", 2, text="secret words, edited"),
    record("c-1:remove", 3, text="secret words"),
    record("c-1", 1, kind="mention", text="secret words"),
]
_OTHERS = [record("c-10:add", 1, text="kept"), record("c-2:remove", 2, kind="lead", text="kept")]


@pytest.mark.parametrize("is_batch", [True, False])
async def test_a_removed_comment_leaves_no_text_in_any_order_and_after_a_redelivery(
    parts: Parts, *, is_batch: bool
) -> None:
    states: set[str] = set()
    for order in itertools.permutations(_COMMENT):
        await parts.execute("DELETE FROM records")
        events = [*order, *_OTHERS, *_COMMENT]
        for batch in [events] if is_batch else [[event] for event in events]:
            await parts.inbox(batch)
        states.add(repr(await parts.rows("SELECT * FROM records ORDER BY kind, record_id")))

    [state] = states
    assert "secret words" not in state
    assert state.count("kept") == 4
    found = await parts.rows("SELECT record_id, text, body, actor_id FROM records WHERE text IS NULL ORDER BY 1")
    assert found == [(each, None, "{}", None) for each in ("c-1", "c-1:add", "c-1:edited:e-1", "c-1:remove")]


async def test_two_transactions_that_store_and_remove_a_comment_leave_no_text(parts: Parts) -> None:
    for number in range(20):
        added, removed = record(f"c-{number}:add", 1, text="secret words"), record(f"c-{number}:remove", 2)
        await asyncio.gather(parts.inbox([added]), parts.inbox([removed]))

    assert await parts.rows("SELECT count(*) FROM records WHERE text IS NOT NULL") == [(0,)]


@pytest.mark.parametrize("is_unsent_first", [True, False])
async def test_an_unsent_message_leaves_no_hash_of_its_texts(parts: Parts, *, is_unsent_first: bool) -> None:
    said = [message("m-1", content="4711"), enriched(edit("0815"))]
    hashes = [blake2b(text.encode(), digest_size=16).hexdigest() for text in ("4711", "0815")]
    await parts.inbox(said)
    [(whole,)] = await parts.rows("SELECT digest FROM messages")
    await parts.execute("TRUNCATE messages, inbox_log, waiting_annotations")
    for event in [enriched(unsend()), *said] if is_unsent_first else [*said, enriched(unsend())]:
        await parts.inbox([event])

    [(digest, annotations)] = await parts.rows("SELECT digest, annotations::text FROM messages")
    assert digest == whole[:16], "that of what an unsent message still shows"
    assert "edit" not in msgspec.json.decode(annotations)
    dumps = await parts.rows("SELECT m::text FROM messages m UNION ALL SELECT w::text FROM waiting_annotations w")
    assert not [one for one in (*hashes, "4711", "0815") if one in repr(dumps)]


async def test_a_row_without_a_digest_is_compared_by_its_columns(parts: Parts) -> None:
    event = message("m-1", attachments=(Attachment(type="image", url="https://cdn.example/1"),))
    await parts.inbox([event])
    await parts.execute("UPDATE messages SET digest = NULL")
    await parts.inbox([event])

    assert parts.publisher.seqs() == [1, 1]
    await parts.inbox([enriched(unsend())])
    await parts.inbox([event])
    assert await parts.rows("SELECT content, attachments::text, seq FROM messages") == [(None, "[]", 2)]


async def test_the_state_hash_does_not_depend_on_the_batch_size(parts: Parts) -> None:
    events = [message(f"m-{n}", person=f"p-{n % 3}", created_at=at(n)) for n in range(7)]
    waiting = [enriched(unsend(f"x-{n}")) for n in range(3)]
    receipts = [enriched(receipt("read", second=n, upto=n)) for n in range(3)]
    await parts.inbox([*events, *waiting, *receipts, *(record(f"r-{n}") for n in range(3))])

    async with parts.database.reading() as connection:
        hashes = {await facts.state_hash(connection, "user-1", batch_size=size) for size in (1, 2, 3, 1000)}
        known = await facts.state(connection, "user-1")
    assert len(hashes) == 1
    sizes = {section: len(facts) for section, facts in known.items() if facts}
    assert sizes == {"conversations": 3, "messages": 7, "waiting_annotations": 3, "receipts": 3, "records": 3}
    assert await state_hash(parts) in hashes
    await parts.inbox([enriched(edit(mid="m-1"))])
    assert await state_hash(parts) not in hashes
