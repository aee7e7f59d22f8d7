"""Writes what a merge decided: one statement for the usual case, one more for each rare kind of change.

A handful of statements a batch whatever its size: arguments travel as arrays (`unnest`).
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from store.core.rows import Changes, ConversationRow, LogEntry
from store.repository.inbox import pending, receipts
from store.repository.inbox.message_columns import CHANGED, INSERTED
from store.repository.ledger import item_outcomes
from store.repository.postgres.statements import Connection, Statement

_json = msgspec.json.Encoder()

# Outcomes of items are part of this statement: a separate one would take a batch of one message 10% more time.
_WRITE = Statement(f"""
    WITH new_messages AS (
        INSERT INTO messages ({INSERTED.names}) SELECT {INSERTED.values("m")} FROM {INSERTED.unnested("m")}
    ), upserted_conversations AS (
        INSERT INTO conversations (user_id, conversation_id, platform, participant_id, participant_name,
                                   participant_username, participant_profile_pic, profile_fetched_at, last_message_id,
                                   last_message_at, unread_count, read_seq, last_seq, created_at, aliases)
        SELECT c.user_id, c.conversation_id, c.platform, c.participant_id, c.name, c.username, c.pic, c.fetched_at,
               c.last_message_id, c.last_message_at, c.unread_count, c.read_seq, c.last_seq, c.created_at,
               coalesce(c.aliases::jsonb, '[]')
        FROM unnest(CAST(:c_user_id AS text[]), CAST(:c_conversation_id AS text[]), CAST(:c_platform AS text[]),
                    CAST(:c_participant_id AS text[]), CAST(:c_name AS text[]), CAST(:c_username AS text[]),
                    CAST(:c_pic AS text[]), CAST(:c_fetched_at AS timestamptz[]), CAST(:c_last_message_id AS bigint[]),
                    CAST(:c_last_message_at AS timestamptz[]), CAST(:c_unread_count AS bigint[]),
                    CAST(:c_read_seq AS bigint[]), CAST(:c_last_seq AS bigint[]), CAST(:c_created_at AS timestamptz[]),
                    CAST(:c_aliases AS text[]))
             AS c(user_id, conversation_id, platform, participant_id, name, username, pic, fetched_at, last_message_id,
                  last_message_at, unread_count, read_seq, last_seq, created_at, aliases)
        ON CONFLICT (user_id, conversation_id) DO UPDATE SET
            participant_name = EXCLUDED.participant_name,
            participant_username = EXCLUDED.participant_username,
            participant_profile_pic = EXCLUDED.participant_profile_pic,
            profile_fetched_at = EXCLUDED.profile_fetched_at,
            last_message_id = EXCLUDED.last_message_id,
            last_message_at = EXCLUDED.last_message_at,
            unread_count = EXCLUDED.unread_count,
            read_seq = EXCLUDED.read_seq,
            last_seq = EXCLUDED.last_seq,
            created_at = EXCLUDED.created_at,
            aliases = EXCLUDED.aliases
    ), logged AS (
        INSERT INTO inbox_log (user_id, seq, kind, message_id, conversation_id, platform, page_id, cause_id,
                               occurred_at, received_at, at)
        SELECT l.*, CAST(:now AS timestamptz)
        FROM unnest(CAST(:l_user_id AS text[]), CAST(:l_seq AS bigint[]), CAST(:l_kind AS text[]),
                    CAST(:l_message_id AS bigint[]), CAST(:l_conversation_id AS text[]),
                    CAST(:l_platform AS text[]), CAST(:l_page_id AS text[]), CAST(:l_cause_id AS text[]),
                    CAST(:l_occurred_at AS timestamptz[]), CAST(:l_received_at AS timestamptz[])) AS l
    ), outcomes AS (
        {item_outcomes.WRITE_OUTCOMES}
    )
    UPDATE inboxes i SET last_seq = n.last_seq
    FROM unnest(CAST(:u_user_id AS text[]), CAST(:u_last_seq AS bigint[])) AS n(user_id, last_seq)
    WHERE i.user_id = n.user_id
""")  # noqa: S608 - a constant of ours
_CHANGE_MESSAGES = Statement(f"""
    UPDATE messages m SET {CHANGED.assignments("n")} FROM {CHANGED.unnested("n")}
    WHERE m.user_id = n.user_id AND m.id = n.id
""")  # noqa: S608 - a constant of ours

_conversation_columns = {
    "c_user_id": attrgetter("key.user_id"),
    "c_conversation_id": attrgetter("key.conversation_id"),
    "c_platform": attrgetter("platform"),
    "c_participant_id": attrgetter("participant_id"),
    "c_last_message_id": attrgetter("last_message_id"),
    "c_last_message_at": attrgetter("last_message.created_at"),
    "c_unread_count": attrgetter("unread_count"),
    "c_read_seq": attrgetter("read_seq"),
    "c_last_seq": attrgetter("last_seq"),
    "c_created_at": attrgetter("created_at"),
}
_log_columns = {
    "l_user_id": attrgetter("user_id"),
    "l_seq": attrgetter("seq"),
    "l_kind": attrgetter("kind"),
    "l_message_id": attrgetter("message_id"),
    "l_conversation_id": attrgetter("conversation_id"),
    "l_platform": attrgetter("platform"),
    "l_page_id": attrgetter("page_id"),
    "l_cause_id": attrgetter("cause.id"),
    "l_occurred_at": attrgetter("cause.occurred_at"),
    "l_received_at": attrgetter("cause.received_at"),
}


def _columns(rows: Sequence[Any], getters: Mapping[str, Callable[[Any], Any]]) -> dict[str, list[Any]]:
    return {name: _column(map(getter, rows)) for name, getter in getters.items()}


def _column(values: Iterable[Any]) -> list[Any]:
    """Return an argument for `unnest`, which pads with NULL: a column without values costs nothing that way."""
    column = list(values)
    return column if column.count(None) < len(column) else []


async def write(transaction: Connection, changes: Changes, *, now: datetime) -> None:
    """Write `changes`. The transaction must hold the users' counter rows."""
    outcomes = changes.outcomes.values()
    if changes.log or changes.conversations:
        await transaction.execute(
            _WRITE,
            INSERTED.arguments(changes.new_messages)
            | _conversations(changes.conversations)
            | _columns(changes.log, _log_columns)
            | item_outcomes.outcome_columns(outcomes)
            | {"u_user_id": list(changes.last_seqs), "u_last_seq": list(changes.last_seqs.values()), "now": now},
        )
    else:
        await item_outcomes.write_outcomes(transaction, outcomes, now=now)
    if changes.changed_messages:
        await transaction.execute(_CHANGE_MESSAGES, CHANGED.arguments(changes.changed_messages))
    if changes.pending_profiles or changes.claimed_profiles:
        await pending.write_profiles(transaction, changes)
    if changes.pending_annotations or changes.claimed_annotations:
        await pending.write_annotations(transaction, changes, now=now)
    if changes.receipts:
        await receipts.store(transaction, changes.receipts)
    if changes.links:
        await pending.write_links(transaction, changes.links)
    await item_outcomes.store_pending(transaction, changes.resolved_items)


async def write_log(transaction: Connection, entries: Sequence[LogEntry], *, now: datetime) -> None:
    """Write log entries without messages, and the users' last seq. The users' counter rows must be locked."""
    tops = {user: max(e.seq for e in mine) for user, mine in itertools.groupby(entries, attrgetter("user_id"))}
    await write(transaction, Changes(log=list(entries), last_seqs=tops), now=now)


def _conversations(rows: Sequence[ConversationRow]) -> dict[str, list[Any]]:
    profiles = [row.profile for row in rows]
    return _columns(rows, _conversation_columns) | {
        "c_name": _column(None if profile is None else profile.name for profile in profiles),
        "c_username": _column(None if profile is None else profile.username for profile in profiles),
        "c_pic": _column(None if profile is None else profile.profile_pic for profile in profiles),
        "c_fetched_at": _column(None if profile is None else profile.fetched_at for profile in profiles),
        "c_aliases": _column(_text(row.aliases) if row.aliases else None for row in rows),
    }


def _text(value: object) -> str:
    return _json.encode(value).decode()
