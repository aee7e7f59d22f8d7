"""Writes what items bring beside the inbox: records, raw items, and the results of profile lookups."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from store.core.facts import ItemKey, RawFact, RecordFact, Update
from store.core.ledger import ItemEntry, ItemOutcome
from store.core.rows import ParticipantKey
from store.repository.inbox.pending import participant_columns
from store.repository.postgres.statements import Connection, Statement

# Rows are sorted, so that two writers of the same items cannot deadlock.
_RAW_ITEMS = Statement("""
    INSERT INTO raw_items (user_id, event_id, platform, page_id, participant_id, label, body, occurred_at, received_at)
    SELECT * FROM unnest(CAST(:user_id AS text[]), CAST(:event_id AS text[]), CAST(:platform AS text[]),
                         CAST(:page_id AS text[]), CAST(:participant_id AS text[]), CAST(:label AS text[]),
                         CAST(:body AS text[]), CAST(:occurred_at AS timestamptz[]),
                         CAST(:received_at AS timestamptz[]))
    ON CONFLICT DO NOTHING
    RETURNING user_id, event_id
""")
# Of two different versions, the earlier one wins, whichever arrived first. '{}' was erased: the same one is no news.
_RECORDS = Statement("""
    INSERT INTO records (user_id, platform, page_id, kind, record_id, participant_id, actor_id, text, body,
                         occurred_at, received_at)
    SELECT * FROM unnest(CAST(:user_id AS text[]), CAST(:platform AS text[]), CAST(:page_id AS text[]),
                         CAST(:kind AS text[]), CAST(:record_id AS text[]), CAST(:participant_id AS text[]),
                         CAST(:actor_id AS text[]), CAST(:text AS text[]), CAST(:body AS text[]),
                         CAST(:occurred_at AS timestamptz[]), CAST(:received_at AS timestamptz[]))
    ON CONFLICT (user_id, platform, page_id, kind, record_id) DO UPDATE SET
        participant_id = EXCLUDED.participant_id, actor_id = EXCLUDED.actor_id, text = EXCLUDED.text,
        body = EXCLUDED.body, occurred_at = EXCLUDED.occurred_at, received_at = EXCLUDED.received_at
    WHERE (EXCLUDED.occurred_at, EXCLUDED.body COLLATE "C")
          < (records.occurred_at, CASE records.body WHEN '{}' THEN '' ELSE records.body END COLLATE "C")
    RETURNING user_id, platform, page_id, kind, record_id
""")
_OBJECT_KINDS = ("comment", "mention", "feed", "rating")
"""Kinds whose record ids start with the id of an object that can be removed: `<object>`, `<object>:<verb>…`."""
_REMOVED = ":remove"
# So that of two transactions that store the text and the removal of one object, the later one sees the earlier one.
_LOCK_OBJECTS = Statement("""
    SELECT pg_advisory_xact_lock(lock) FROM (
        SELECT DISTINCT hashtextextended(concat_ws(' ', 'record', u, p, i, o), 0) AS lock
        FROM unnest(CAST(:user_id AS text[]), CAST(:platform AS text[]), CAST(:page_id AS text[]),
                    CAST(:object_id AS text[])) AS k(u, p, i, o)
        ORDER BY 1
    ) AS sorted
""")
# What remains is that there was something, and when.
_ERASE_REMOVED = Statement("""
    UPDATE records r SET text = NULL, body = '{}', actor_id = NULL, participant_id = NULL
    FROM (
        SELECT DISTINCT * FROM unnest(CAST(:user_id AS text[]), CAST(:platform AS text[]), CAST(:page_id AS text[]),
                                      CAST(:object_id AS text[])) AS u(user_id, platform, page_id, object_id)
    ) AS k
    WHERE (r.user_id, r.platform, r.page_id) = (k.user_id, k.platform, k.page_id) AND r.kind = ANY(:kinds)
      AND (r.record_id = k.object_id OR (r.record_id >= k.object_id || ':' AND r.record_id < k.object_id || ';'))
      AND r.body <> '{}'
      AND EXISTS (
          SELECT FROM records x
          WHERE (x.user_id, x.platform, x.page_id) = (k.user_id, k.platform, k.page_id) AND x.kind = ANY(:kinds)
            AND x.record_id = k.object_id || :removed
      )
""")
_END_LOOKUPS = Statement("""
    DELETE FROM profile_lookups p
    USING unnest(CAST(:user_id AS text[]), CAST(:platform AS text[]), CAST(:participant_id AS text[]))
          AS k(user_id, platform, participant_id)
    WHERE (p.user_id, p.platform, p.participant_id) = (k.user_id, k.platform, k.participant_id)
""")
_POSTPONE_LOOKUPS = Statement("""
    INSERT INTO profile_lookups (user_id, platform, participant_id, page_id, due_at)
    SELECT * FROM unnest(CAST(:user_id AS text[]), CAST(:platform AS text[]), CAST(:participant_id AS text[]),
                         CAST(:page_id AS text[]), CAST(:due_at AS timestamptz[]))
    ON CONFLICT (user_id, platform, participant_id) DO UPDATE SET
        due_at = EXCLUDED.due_at, leased_until = NULL
""")


async def store_items(transaction: Connection, updates: Sequence[Update]) -> dict[ItemKey, ItemEntry]:
    """Store records and items of unknown types; return the outcome of each."""
    outcomes: dict[ItemKey, ItemEntry] = {}
    records = [(update, update.record) for update in updates if update.record is not None]
    if records:
        new_keys = await _store_records(transaction, records)
        _add_outcomes(
            outcomes, [(update, _record_key(update, record)) for update, record in records], new_keys, "stored"
        )
    raws = [(update, update.raw) for update in updates if update.raw is not None]
    if raws:
        new_keys = await _store_raw(transaction, raws)
        _add_outcomes(
            outcomes, [(update, (update.user_id, update.cause.id)) for update, _ in raws], new_keys, "ignored"
        )
    return outcomes


def _add_outcomes(
    outcomes: dict[ItemKey, ItemEntry],
    updates: Iterable[tuple[Update, tuple[str, ...]]],
    new_keys: set[tuple[str, ...]],
    outcome: ItemOutcome,
) -> None:
    """Add the outcome of each item: of several with the same key, only the first can be new."""
    for update, key in updates:
        item = update.item
        if item is None or item in outcomes:
            continue
        mine = outcome if key in new_keys else "duplicate"
        new_keys.discard(key)
        outcomes[item] = ItemEntry(*item, update.platform, update.page_id, mine, update.kind)


def _record_key(update: Update, record: RecordFact) -> tuple[str, ...]:
    return (update.user_id, update.platform, update.page_id, record.kind, record.record_id)


async def _store_records(transaction: Connection, records: Sequence[tuple[Update, RecordFact]]) -> set[tuple[str, ...]]:
    """Return the keys of records that were new or changed."""
    first: dict[tuple[str, ...], tuple[Update, RecordFact]] = {}
    for update, record in records:
        key = _record_key(update, record)
        known = first.get(key)
        if known is None or _version(update, record) < _version(*known):
            first[key] = (update, record)
    kept = [first[key] for key in sorted(first)]
    objects = _objects(kept)
    if objects["object_id"]:
        await transaction.execute(_LOCK_OBJECTS, objects)
    rows = await transaction.execute(
        _RECORDS,
        {
            "user_id": [update.user_id for update, _ in kept],
            "platform": [update.platform for update, _ in kept],
            "page_id": [update.page_id for update, _ in kept],
            "kind": [record.kind for _, record in kept],
            "record_id": [record.record_id for _, record in kept],
            "participant_id": [update.participant_id for update, _ in kept],
            "actor_id": [record.actor_id for _, record in kept],
            "text": [record.text for _, record in kept],
            "body": [record.body for _, record in kept],
            "occurred_at": [update.cause.occurred_at for update, _ in kept],
            "received_at": [update.cause.received_at for update, _ in kept],
        },
    )
    if objects["object_id"]:
        await transaction.execute(_ERASE_REMOVED, {**objects, "kinds": list(_OBJECT_KINDS), "removed": _REMOVED})
    return {tuple(row) for row in rows}


def _objects(records: Sequence[tuple[Update, RecordFact]]) -> dict[str, list[str]]:
    """Return the columns of the objects that the records are about; not those that cannot be removed."""
    found = [(update, record) for update, record in records if record.kind in _OBJECT_KINDS]
    return {
        "user_id": [update.user_id for update, _ in found],
        "platform": [update.platform for update, _ in found],
        "page_id": [update.page_id for update, _ in found],
        "object_id": [record.record_id.partition(":")[0] for _, record in found],
    }


def _version(update: Update, record: RecordFact) -> tuple[datetime, str]:
    return (update.cause.occurred_at, record.body)


async def _store_raw(transaction: Connection, raws: Sequence[tuple[Update, RawFact]]) -> set[tuple[str, ...]]:
    """Return the keys of raw items that were new."""
    by_key = {(update.user_id, update.cause.id): (update, raw) for update, raw in reversed(raws)}
    kept = [by_key[key] for key in sorted(by_key)]
    rows = await transaction.execute(
        _RAW_ITEMS,
        {
            "user_id": [update.user_id for update, _ in kept],
            "event_id": [update.cause.id for update, _ in kept],
            "platform": [update.platform for update, _ in kept],
            "page_id": [update.page_id for update, _ in kept],
            "participant_id": [update.participant_id for update, _ in kept],
            "label": [raw.label for _, raw in kept],
            "body": [raw.body for _, raw in kept],
            "occurred_at": [update.cause.occurred_at for update, _ in kept],
            "received_at": [update.cause.received_at for update, _ in kept],
        },
    )
    return {tuple(row) for row in rows}


async def finish_lookups(transaction: Connection, updates: Sequence[Update]) -> None:
    """Delete finished profile lookups, and reschedule those to repeat; of several results, the last one wins."""
    ended = {
        ParticipantKey(a.user_id, a.platform, a.participant_id): (a.page_id, a.lookup_result.retry_at)
        for a in updates
        if a.lookup_result is not None and a.participant_id is not None
    }
    finished = sorted(key for key, (_, retry_at) in ended.items() if retry_at is None)
    again = sorted((key, page_id, retry_at) for key, (page_id, retry_at) in ended.items() if retry_at is not None)
    if finished:
        await transaction.execute(_END_LOOKUPS, participant_columns(finished))
    if again:
        await transaction.execute(
            _POSTPONE_LOOKUPS,
            participant_columns([key for key, _, _ in again])
            | {"page_id": [page_id for _, page_id, _ in again], "due_at": [retry_at for _, _, retry_at in again]},
        )
