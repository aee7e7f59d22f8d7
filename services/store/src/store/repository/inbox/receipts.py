"""Watermark receipts: which of them cover a message, and which messages a new one affects.

Stored is a Pareto frontier: within a thread and status, a later watermark always has a later time. The earliest receipt
that covers a message is therefore the one with the smallest watermark from there on, found by one probe of the index.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from store.core.facts import MessageKey
from store.core.rows import Coverage, MessageRow, Receipt, Thread
from store.repository.inbox.message_columns import MESSAGE_ROW, message_row
from store.repository.postgres.statements import Connection, Statement

_OF_THREAD = """
    r.user_id = k.user_id AND r.platform = k.platform AND r.page_id = k.page_id AND r.participant_id = k.participant_id
"""
_COVERAGE = Statement(f"""
    SELECT k.user_id, k.platform, k.page_id, k.participant_id, k.upto, delivered.at, read.at
    FROM unnest(CAST(:user_ids AS text[]), CAST(:platforms AS text[]), CAST(:page_ids AS text[]),
                CAST(:participant_ids AS text[]), CAST(:uptos AS timestamptz[]))
         AS k(user_id, platform, page_id, participant_id, upto)
    LEFT JOIN LATERAL (
        SELECT r.at FROM receipts r WHERE {_OF_THREAD} AND r.status = 'delivered' AND r.watermark >= k.upto
        ORDER BY r.watermark LIMIT 1
    ) delivered ON true
    LEFT JOIN LATERAL (
        SELECT r.at FROM receipts r WHERE {_OF_THREAD} AND r.status = 'read' AND r.watermark >= k.upto
        ORDER BY r.watermark LIMIT 1
    ) read ON true
    WHERE delivered.at IS NOT NULL OR read.at IS NOT NULL
""")  # noqa: S608 - a constant of ours
# Messages up to the greatest watermark with no later time have this status already. Watermarks in between are skipped,
# and deleted when the receipt is stored, so that each of them is read only once.
_AFFECTED = Statement(f"""
    SELECT {MESSAGE_ROW.selected("m")}
    FROM unnest(CAST(:user_ids AS text[]), CAST(:platforms AS text[]), CAST(:page_ids AS text[]),
                CAST(:participant_ids AS text[]), CAST(:statuses AS text[]), CAST(:uptos AS timestamptz[]),
                CAST(:ats AS timestamptz[]), CAST(:conversation_ids AS text[]))
         AS k(user_id, platform, page_id, participant_id, status, upto, at, conversation_id)
    LEFT JOIN LATERAL (
        SELECT r.watermark FROM receipts r
        WHERE {_OF_THREAD} AND r.status = k.status AND r.watermark < k.upto AND r.at <= k.at
        ORDER BY r.watermark DESC LIMIT 1
    ) s ON true
    CROSS JOIN LATERAL (
        SELECT * FROM messages
        WHERE user_id = k.user_id AND conversation_id = k.conversation_id
          AND created_at > coalesce(s.watermark, '-infinity') AND created_at <= k.upto
          AND platform = k.platform AND page_id = k.page_id AND direction = 'outgoing'
          AND (delivered_at IS NULL OR delivered_at > k.at
               OR (k.status = 'read' AND (read_at IS NULL OR read_at > k.at)))
        OFFSET 0
    ) m
""")  # noqa: S608 - a constant of ours
_NEW = """
    unnest(CAST(:user_ids AS text[]), CAST(:platforms AS text[]), CAST(:page_ids AS text[]),
           CAST(:participant_ids AS text[]), CAST(:statuses AS text[]), CAST(:uptos AS timestamptz[]),
           CAST(:ats AS timestamptz[]))
    AS k(user_id, platform, page_id, participant_id, status, upto, at)
"""
# On the frontier, redundant receipts are adjacent: from the new one down to the first with an earlier time. Nothing
# beyond that is read, however long the frontier is.
_DELETE_REDUNDANT = Statement(f"""
    DELETE FROM receipts r USING {_NEW}
    WHERE {_OF_THREAD} AND r.status = k.status AND r.watermark <= k.upto AND r.watermark > coalesce((
        SELECT e.watermark FROM receipts e
        WHERE e.user_id = k.user_id AND e.platform = k.platform AND e.page_id = k.page_id
          AND e.participant_id = k.participant_id AND e.status = k.status AND e.watermark <= k.upto AND e.at < k.at
        ORDER BY e.watermark DESC LIMIT 1
    ), '-infinity')
""")  # noqa: S608 - constants of ours
_STORE = Statement(f"""
    INSERT INTO receipts (user_id, platform, page_id, participant_id, status, watermark, at) SELECT * FROM {_NEW}
""")  # noqa: S608 - a constant of ours


async def coverage(
    transaction: Connection, moments: Collection[tuple[Thread, datetime]]
) -> dict[tuple[Thread, datetime], Coverage]:
    """Return the coverage of messages by their thread and time; those without any are left out."""
    if not moments:
        return {}
    threads = [thread for thread, _ in moments]
    rows = await transaction.execute(_COVERAGE, _columns(threads) | {"uptos": [upto for _, upto in moments]})
    return {
        (Thread(user, platform, page, participant), upto): Coverage(delivered_at, read_at)
        for user, platform, page, participant, upto, delivered_at, read_at in rows
    }


async def affected_messages(
    transaction: Connection, receipts: Iterable[tuple[Receipt, str]]
) -> dict[MessageKey, MessageRow]:
    """Return the messages that `receipts` change; each receipt comes with the ID of its conversation."""
    given = list(receipts)
    if not given:
        return {}
    rows = await transaction.execute(
        _AFFECTED,
        _receipts([receipt for receipt, _ in given])
        | {"conversation_ids": [conversation_id for _, conversation_id in given]},
    )
    return {row.key: row for row in map(message_row, rows)}


async def store(transaction: Connection, receipts: Sequence[Receipt]) -> None:
    """Store receipts in place of those that they make redundant; none of them is redundant itself."""
    if receipts:
        await transaction.execute(_DELETE_REDUNDANT, _receipts(receipts))
        await transaction.execute(_STORE, _receipts(receipts))


def _receipts(receipts: Sequence[Receipt]) -> dict[str, list[object]]:
    return _columns([receipt.thread for receipt in receipts]) | {
        "statuses": [receipt.status for receipt in receipts],
        "uptos": [receipt.upto for receipt in receipts],
        "ats": [receipt.at for receipt in receipts],
    }


def _columns(threads: Sequence[Thread]) -> dict[str, list[object]]:
    return {
        "user_ids": [thread.user_id for thread in threads],
        "platforms": [thread.platform for thread in threads],
        "page_ids": [thread.page_id for thread in threads],
        "participant_ids": [thread.participant_id for thread in threads],
    }
