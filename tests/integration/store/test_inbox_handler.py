import asyncio
import random
from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.contracts import AnyEvent, InboxPersistedV1, Profile, RawItem, UnsendItem, conversation_id, decode, encode
from shared.contracts.inbox import Attachment, ReplyTo
from shared.errors import DependencyUnavailable, PermanentError
from shared.messaging.error_policy import apply_error_policy
from shared.messaging.outcomes import DONE, Park
from store.repository.postgres.database import Database
from tests.builders import inbox_enriched, profile_resolved
from tests.integration.store.parts import Parts, at, data_of, message


async def test_a_message_is_stored_and_published_complete(parts: Parts) -> None:
    picture = Attachment(type="image", url="https://cdn.example/1", expires_at=at(60))
    event = message(
        "m-1",
        participant=Profile(name="Ada", username="ada", fetched_at=at(0)),
        attachments=(picture,),
        reply_to=ReplyTo(message_id="m-0", story={"id": "s", "n": 1.5}),
        created_at=at(1),
    )
    assert await parts.inbox([event]) == [DONE]

    [published] = parts.publisher.persisted()
    assert (published.seq, published.kind, published.traceparent) == (1, "new_message", event.traceparent)
    assert [hop.service for hop in published.hops] == ["ingest", "enricher", "store"]
    data = data_of(published)
    told = data["message"]
    assert (told["id"], told["seq"], told["sender_name"], told["status"]) == (1, 1, "Ada", None)
    assert told["attachments"][0]["url"] == "https://cdn.example/1"
    assert told["reply_to"] == {"message_id": "m-0", "story": {"id": "s", "n": 1.5}}
    conversation = data["conversation"]
    assert conversation["conversation_id"] == data["conversation_id"] == event.conversation_id
    assert (conversation["participant_name"], conversation["unread_count"], conversation["last_seq"]) == ("Ada", 1, 1)
    assert conversation["last_message"] == told
    assert isinstance(decode("application/json", encode(published)), InboxPersistedV1)


async def test_each_user_of_a_batch_has_their_own_seqs(parts: Parts) -> None:
    events = [message(f"m-{i}", user=f"user-{i % 3}", person=f"p-{i % 7}", created_at=at(i)) for i in range(60)]
    random.Random(1).shuffle(events)
    await parts.inbox(events)

    for user in ("user-0", "user-1", "user-2"):
        assert parts.publisher.seqs(user) == list(range(1, 21))
    rows = await parts.rows("SELECT user_id, last_seq FROM inboxes ORDER BY user_id")
    assert rows == [("user-0", 20), ("user-1", 20), ("user-2", 20)]


async def test_a_redelivered_event_is_published_again_and_stored_once(parts: Parts) -> None:
    parts.publisher.is_unavailable = True
    with pytest.raises(DependencyUnavailable):
        await parts.inbox([message("m-1"), message("m-2")])
    parts.publisher.is_unavailable = False
    assert await parts.inbox([message("m-2"), message("m-3"), message("m-1")]) == [DONE] * 3

    assert parts.publisher.seqs() == [1, 2, 3]
    assert await parts.rows("SELECT count(*) FROM messages") == [(3,)]


async def test_the_same_event_twice_in_a_batch_is_published_once(parts: Parts) -> None:
    assert await parts.inbox([message("m-1"), message("m-1")]) == [DONE, DONE]
    assert parts.publisher.seqs() == [1]


async def test_concurrent_workers_leave_no_holes_and_no_duplicates(parts: Parts, database_url: str) -> None:
    others = [Database(database_url, pool_size=3, command_timeout_seconds=20) for _ in range(3)]
    workers = [parts, *(Parts(database) for database in others)]
    events = [message(f"m-{i}", user=f"user-{i % 4}", person=f"p-{i % 5}", created_at=at(i)) for i in range(160)]

    async def work(worker: Parts, seed: int) -> None:
        mine = random.Random(seed).sample(events, len(events))
        for start in range(0, len(mine), 20):
            await worker.inbox(mine[start : start + 20])

    await asyncio.gather(*(work(worker, seed) for seed, worker in enumerate(workers)))

    assert await parts.rows("SELECT count(*), count(DISTINCT (user_id, message_id)) FROM messages") == [(160, 160)]
    for user in range(4):
        log = await parts.rows("SELECT seq FROM inbox_log WHERE user_id = :user ORDER BY seq", user=f"user-{user}")
        assert [seq for (seq,) in log] == list(range(1, 41))
        published = {seq for worker in workers for seq in worker.publisher.seqs(f"user-{user}")}
        assert published == set(range(1, 41))
    for database in others:
        await database.close()


async def test_order_and_batching_do_not_change_the_rows(parts: Parts) -> None:
    people = [Profile(name=name, fetched_at=at(second)) for name, second in (("Ada", 1), ("Augusta", 2))]
    history: list[AnyEvent] = [
        message("m-1", created_at=at(3), participant=people[0]),
        message("m-2", created_at=at(3), direction="outgoing", sender_id="page-1"),
        message("m-3", created_at=at(1), participant=people[1]),
        message("m-1", id="f" * 32, created_at=at(4), content="said again", participant=people[0]),
        profile_resolved(id="e" * 32, profile=people[1]),
    ]
    found = set()
    for seed in range(8):
        mine = history * 2
        random.Random(seed).shuffle(mine)
        while mine:
            size = seed % 3 + 1
            await parts.inbox(mine[:size])
            mine = mine[size:]
        rows = await parts.rows(
            "SELECT m.message_id, m.content, m.created_at, c.participant_name, c.unread_count, c.last_message_at,"
            " c.created_at, l.message_id FROM messages m JOIN conversations c USING (user_id, conversation_id)"
            " JOIN messages l ON l.user_id = c.user_id AND l.id = c.last_message_id ORDER BY m.message_id"
        )
        found.add(tuple(rows))
        await parts.execute("TRUNCATE messages, conversations, inbox_log, inboxes, waiting_profiles")
    assert len(found) == 1


async def test_a_profile_updates_the_conversation_and_ends_its_lookup(parts: Parts) -> None:
    await parts.inbox([message("m-1")])
    await parts.execute(
        "INSERT INTO profile_lookups (user_id, platform, participant_id, page_id, due_at)"
        " VALUES ('user-1', 'facebook', 'person-1', 'page-1', now())"
    )
    await parts.inbox([profile_resolved(id="a" * 32)])

    [_, changed] = parts.publisher.persisted()
    assert changed.kind == "conversation_updated"
    conversation = data_of(changed)["conversation"]
    assert (conversation["participant_name"], conversation["last_seq"]) == ("Ada Lovelace", 2)
    assert conversation["last_message"]["sender_name"] == "Ada Lovelace"
    assert await parts.rows("SELECT * FROM profile_lookups") == []


async def test_a_lookup_without_a_profile_is_deferred(parts: Parts) -> None:
    await parts.inbox([profile_resolved(profile=None, retry_at=at(3600))])
    assert await parts.rows("SELECT due_at, page_id FROM profile_lookups") == [(at(3600), "page-1")]


async def test_an_early_profile_waits_for_its_conversation(parts: Parts) -> None:
    await parts.inbox([profile_resolved(id="a" * 32)])
    await parts.inbox([message("m-1")])

    [event] = parts.publisher.persisted()
    assert data_of(event)["message"]["sender_name"] == "Ada Lovelace"
    assert await parts.rows("SELECT * FROM waiting_profiles") == []


async def test_an_item_of_an_unknown_type_is_stored_raw(parts: Parts) -> None:
    raw = RawItem(label="messaging.reaction", body=b'{"reaction":{"emoji":"\\u0000"}}')  # type: ignore[arg-type]  # Raw is bytes
    event = inbox_enriched(item=raw, participant=None)
    assert await parts.inbox([event]) == [DONE]
    assert await parts.inbox([event]) == [DONE]

    assert parts.publisher.events == []
    assert await parts.rows("SELECT label, body FROM raw_items") == [
        ("messaging.reaction", '{"reaction":{"emoji":"\\u0000"}}')
    ]


async def test_two_participants_with_the_same_conversation_id_are_never_merged(parts: Parts) -> None:
    shared_id = conversation_id("facebook", "user-1", "person-1")
    impostor = message("m-2", person="person-2")
    impostor = inbox_enriched(
        id="b" * 32, participant_id="person-2", conversation_id=shared_id, item=impostor.item, participant=None
    )
    assert await parts.inbox([message("m-1")]) == [DONE]
    [outcome, fine] = await parts.inbox([impostor, message("m-3")])

    assert isinstance(outcome, Park)
    assert fine == DONE
    assert await parts.rows("SELECT message_id FROM messages ORDER BY id") == [("m-1",), ("m-3",)]


_AHEAD = timezone(timedelta(hours=14))


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(message("bad", content="\0"), id="NUL in text"),
        pytest.param(message(random.Random(1).randbytes(4000).hex()), id="too long for an index"),
        pytest.param(message("bad", attachments=(Attachment(type="image", title="\0"),)), id="NUL in JSON"),
        pytest.param(message("bad", created_at=at(0).replace(tzinfo=None)), id="a time without a zone"),
        pytest.param(message("bad", created_at=datetime.max.replace(tzinfo=UTC)), id="infinity in asyncpg"),
        pytest.param(
            message("bad", item=UnsendItem(message_id="m", unsent_at=datetime.min.replace(tzinfo=_AHEAD))),
            id="before the earliest time",
        ),
        pytest.param(
            message("bad", created_at=datetime.max.replace(tzinfo=timezone(-timedelta(hours=14)))),
            id="after the latest time",
        ),
    ],
)
async def test_only_the_event_that_postgres_refuses_is_parked(parts: Parts, bad: object) -> None:
    batch = [message("m-1"), bad, message("m-2"), message("m-3")]
    with pytest.raises(PermanentError):
        await parts.inbox([bad])  # type: ignore[list-item]  # one of the events above
    outcomes = await apply_error_policy(parts.inbox, batch)  # type: ignore[arg-type]  # as above

    assert [type(outcome) for outcome in outcomes] == [type(DONE), Park, type(DONE), type(DONE)]
    assert parts.publisher.seqs() == [1, 2, 3]


async def test_the_scan_publishes_stored_but_unpublished_changes(parts: Parts) -> None:
    parts.publisher.is_unavailable = True
    with pytest.raises(DependencyUnavailable):
        await parts.inbox([message(f"m-{i}") for i in range(5)])
    parts.publisher.is_unavailable = False
    assert await parts.outbox.run_once() == 0, "a handler may be about to publish it"

    await parts.execute("UPDATE inbox_log SET at = at - interval '1 minute'")
    assert await parts.outbox.run_once() == 5
    assert parts.publisher.seqs() == [1, 2, 3, 4, 5]
    assert await parts.outbox.run_once() == 0


async def test_publishing_advances_the_watermark(parts: Parts) -> None:
    await parts.inbox([message("m-1"), message("m-2", user="user-2")])
    await parts.inbox([message("m-3")])
    await parts.outbox.flush_watermarks()

    assert await parts.rows("SELECT user_id, published_seq FROM inboxes ORDER BY user_id") == [
        ("user-1", 2),
        ("user-2", 1),
    ]


async def test_watermarks_of_two_replicas_never_cover_a_hole(parts: Parts, database: Database) -> None:
    other = Parts(database)
    await parts.inbox([message("m-1")])
    await other.inbox([message("m-2")])
    await other.outbox.flush_watermarks()
    assert await parts.rows("SELECT published_seq FROM inboxes") == [(0,)]

    await parts.outbox.flush_watermarks()
    await other.outbox.flush_watermarks()
    assert await parts.rows("SELECT published_seq FROM inboxes") == [(2,)]
