from datetime import timedelta

import msgspec

from shared.contracts import Profile
from shared.messaging.outcomes import DONE
from store.repository import parked, profile_lookups
from store.repository.inbox import event_log
from tests.builders import item_parked, profile_requested
from tests.integration.store.parts import Parts, at, message, now


async def test_a_parked_item_is_stored_once_and_complete(parts: Parts) -> None:
    item = item_parked(reason="what was wrong: \0")
    assert await parts.records([item, item, profile_requested()]) == [DONE] * 3
    assert await parts.records([item]) == [DONE]

    [kept] = await parked.get_items(parts.database, [item.id])
    assert (kept.id, kept.original, kept.reason) == (
        item.id,
        item.original,
        "what was wrong: \N{REPLACEMENT CHARACTER}",
    )
    await parked.mark_replayed(parts.database, [kept.id], now=now())
    assert await parked.list_items(parts.database, unreplayed_only=True, limit=10) == []


async def test_a_lookup_is_claimed_once_and_again_after_its_lease(parts: Parts) -> None:
    await parts.records([profile_requested(), profile_requested(id="1" * 32), profile_requested(participant_id="p-2")])
    later = now() + timedelta(seconds=1)
    lease = timedelta(seconds=60)

    first = await profile_lookups.claim_lookups(parts.database, now=later, lease=lease, limit=1)
    second = await profile_lookups.claim_lookups(parts.database, now=later, lease=lease, limit=10)
    assert {lookup.participant_id for lookup in (*first, *second)} == {"person-1", "p-2"}
    assert await profile_lookups.claim_lookups(parts.database, now=later, lease=lease, limit=10) == []

    again = await profile_lookups.claim_lookups(parts.database, now=later + 2 * lease, lease=lease, limit=10)
    assert [lookup.attempts for lookup in again] == [1, 1]


async def test_pruning_raises_the_floor(parts: Parts) -> None:
    for number in range(4):
        await parts.inbox([message(f"m-{number}", participant=Profile(name="Ada", fetched_at=at(0)))])
    await parts.execute("UPDATE inbox_log SET at = now() - interval '8 days' WHERE seq <= 2")
    await parts.apply_retention()

    assert await parts.rows("SELECT seq FROM inbox_log ORDER BY seq") == [(3,), (4,)]
    assert await parts.rows("SELECT last_seq, floor_seq FROM inboxes") == [(4, 2)]


async def test_pruning_continues_until_every_old_row_is_gone(parts: Parts) -> None:
    await parts.execute("INSERT INTO inboxes SELECT 'user-' || u, 30, 30, 0 FROM generate_series(1, 120) u")
    await parts.execute(
        "INSERT INTO inbox_log SELECT 'user-' || u, s, 'new_message', s, NULL, NULL, NULL, 'cause', now(), now(),"
        " now() - interval '8 days' + s * interval '1 second' FROM generate_series(1, 120) u, generate_series(1, 30) s"
    )
    before = now() - timedelta(days=7)
    assert await event_log.prune(parts.database, before=before, limit=2_000) == 2_000
    assert await parts.rows("SELECT count(*) FROM inbox_log") == [(1_600,)]
    assert await parts.rows(
        "SELECT count(*) FROM inbox_log l JOIN inboxes i USING (user_id) WHERE l.seq <= i.floor_seq"
    ) == [(0,)]

    await parts.apply_retention()
    assert await parts.rows("SELECT count(*) FROM inbox_log") == [(0,)]
    assert await parts.rows("SELECT DISTINCT floor_seq FROM inboxes") == [(30,)]


async def test_an_item_parked_again_after_its_replay_counts_as_not_replayed(parts: Parts) -> None:
    item = item_parked(reason="first")
    await parts.records([item])
    await parts.records([msgspec.structs.replace(item, reason="came again")])
    await parked.mark_replayed(parts.database, [item.id], now=now())
    await parts.records([msgspec.structs.replace(item, reason="failed again", attempts=9)])

    [entry] = await parked.list_items(parts.database, unreplayed_only=True, limit=10)
    assert (entry.reason, entry.attempts) == ("failed again", 9)
