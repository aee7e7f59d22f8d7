"""Writes what a merge decided: one statement for the usual case, one more for each rare kind of change.

A handful of statements a batch whatever its size: arguments travel as arrays (`unnest`).
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from store.core.annotations import NO_ANNOTATIONS
from store.core.rows import Changes, ConversationRow, LogEntry, MessageRow
from store.repository import ledger, receipts, said_writing
from store.repository.statements import Connection, Statement

_json = msgspec.json.Encoder()

# The outcomes of the items are a part of it: a statement of their own costs a batch of one message a tenth of its time.
_WRITE = Statement(f"""
    WITH new_messages AS (
        INSERT INTO messages (user_id, id, seq, platform, page_id, kind, message_id, conversation_id, direction,
                              sender_id, content, created_at, status, attachments, reply_to, payload, referral,
                              sent_via, error, digest)
        SELECT m.user_id, m.id, m.id, m.platform, m.page_id, m.kind, m.message_id, m.conversation_id, m.direction,
               m.sender_id, m.content, m.created_at, m.status, coalesce(m.attachments::jsonb, '[]'), m.reply_to::jsonb,
               m.payload, m.referral::jsonb, m.sent_via, m.error, m.digest
        FROM unnest(CAST(:m_user_id AS text[]), CAST(:m_id AS bigint[]), CAST(:m_platform AS text[]),
                    CAST(:m_page_id AS text[]), CAST(:m_kind AS text[]), CAST(:m_message_id AS text[]),
                    CAST(:m_conversation_id AS text[]), CAST(:m_direction AS text[]), CAST(:m_sender_id AS text[]),
                    CAST(:m_content AS text[]), CAST(:m_created_at AS timestamptz[]), CAST(:m_status AS text[]),
                    CAST(:m_attachments AS text[]), CAST(:m_reply_to AS text[]), CAST(:m_payload AS text[]),
                    CAST(:m_referral AS text[]), CAST(:m_sent_via AS text[]), CAST(:m_error AS text[]),
                    CAST(:m_digest AS bytea[]))
             AS m(user_id, id, platform, page_id, kind, message_id, conversation_id, direction, sender_id, content,
                  created_at, status, attachments, reply_to, payload, referral, sent_via, error, digest)
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
        {ledger.WRITE_OUTCOMES}
    )
    UPDATE inboxes i SET last_seq = n.last_seq
    FROM unnest(CAST(:u_user_id AS text[]), CAST(:u_last_seq AS bigint[])) AS n(user_id, last_seq)
    WHERE i.user_id = n.user_id
""")  # noqa: S608 - a constant of ours
_CHANGE_MESSAGES = Statement("""
    UPDATE messages m SET
        seq = n.seq, sender_id = n.sender_id, content = n.content, created_at = n.created_at, status = n.status,
        attachments = coalesce(n.attachments::jsonb, '[]'), reply_to = n.reply_to::jsonb, payload = n.payload,
        referral = n.referral::jsonb, sent_via = n.sent_via, error = n.error, digest = n.digest,
        reactions = coalesce(n.reactions::jsonb, '[]'), edited_at = n.edited_at, deleted_at = n.deleted_at,
        delivered_at = n.delivered_at, read_at = n.read_at, annotations = n.annotations::jsonb
    FROM unnest(CAST(:m_user_id AS text[]), CAST(:m_id AS bigint[]), CAST(:m_seq AS bigint[]),
                CAST(:m_sender_id AS text[]), CAST(:m_content AS text[]), CAST(:m_created_at AS timestamptz[]),
                CAST(:m_status AS text[]), CAST(:m_attachments AS text[]), CAST(:m_reply_to AS text[]),
                CAST(:m_payload AS text[]), CAST(:m_referral AS text[]), CAST(:m_sent_via AS text[]),
                CAST(:m_error AS text[]), CAST(:m_digest AS bytea[]), CAST(:m_reactions AS text[]),
                CAST(:m_edited_at AS timestamptz[]), CAST(:m_deleted_at AS timestamptz[]),
                CAST(:m_delivered_at AS timestamptz[]), CAST(:m_read_at AS timestamptz[]),
                CAST(:m_annotations AS text[]))
         AS n(user_id, id, seq, sender_id, content, created_at, status, attachments, reply_to, payload, referral,
              sent_via, error, digest, reactions, edited_at, deleted_at, delivered_at, read_at, annotations)
    WHERE m.user_id = n.user_id AND m.id = n.id
""")

_message_columns = {
    "m_user_id": attrgetter("key.user_id"),
    "m_id": attrgetter("id"),
    "m_platform": attrgetter("key.platform"),
    "m_page_id": attrgetter("key.page_id"),
    "m_kind": attrgetter("key.kind"),
    "m_message_id": attrgetter("key.message_id"),
    "m_conversation_id": attrgetter("conversation_id"),
    "m_direction": attrgetter("direction"),
    "m_sender_id": attrgetter("sender_id"),
    "m_content": attrgetter("content"),
    "m_created_at": attrgetter("created_at"),
    "m_status": attrgetter("status"),
    "m_payload": attrgetter("payload"),
    "m_sent_via": attrgetter("sent_via"),
    "m_error": attrgetter("error"),
    "m_digest": attrgetter("digest"),
}
_changed_columns = {
    "m_seq": attrgetter("seq"),
    "m_edited_at": attrgetter("edited_at"),
    "m_deleted_at": attrgetter("deleted_at"),
    "m_delivered_at": attrgetter("delivered_at"),
    "m_read_at": attrgetter("read_at"),
}
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
    """Return an argument for `unnest`, which fills up with NULL: columns without a value cost nothing that way."""
    column = list(values)
    return column if column.count(None) < len(column) else []


async def write(transaction: Connection, changes: Changes, *, now: datetime) -> None:
    """Write `changes`. The counter rows must be locked in this transaction."""
    outcomes = changes.outcomes.values()
    if changes.log or changes.conversations:
        await transaction.execute(
            _WRITE,
            _messages(changes.new_messages)
            | _conversations(changes.conversations)
            | _columns(changes.log, _log_columns)
            | ledger.outcome_columns(outcomes)
            | {"u_user_id": list(changes.last_seqs), "u_last_seq": list(changes.last_seqs.values()), "now": now},
        )
    else:
        await ledger.write_outcomes(transaction, outcomes, now=now)
    # A new message about which more is known gets the rest of its columns here.
    changed = [*changes.changed_messages, *(row for row in changes.new_messages if not row.is_plain)]
    if changed:
        await transaction.execute(_CHANGE_MESSAGES, _changed(changed))
    if changes.pending_profiles or changes.claimed_profiles:
        await said_writing.write_profiles(transaction, changes)
    if changes.pending_annotations or changes.claimed_annotations:
        await said_writing.write_annotations(transaction, changes, now=now)
    if changes.receipts:
        await receipts.keep(transaction, changes.receipts)
    if changes.links:
        await said_writing.write_links(transaction, changes.links)
    await ledger.settle(transaction, changes.resolved_items)


async def write_log(transaction: Connection, entries: Sequence[LogEntry], *, now: datetime) -> None:
    """Write log entries that come with no message; their numbers follow on the users' last ones, which are locked."""
    tops = {user: max(e.seq for e in mine) for user, mine in itertools.groupby(entries, attrgetter("user_id"))}
    await write(transaction, Changes(log=list(entries), last_seqs=tops), now=now)


def _messages(rows: Sequence[MessageRow]) -> dict[str, list[Any]]:
    return _columns(rows, _message_columns) | {
        "m_attachments": _column(_text(row.attachments) if row.attachments else None for row in rows),
        "m_reply_to": _column(None if row.reply_to is None else _text(row.reply_to) for row in rows),
        "m_referral": _column(None if row.referral is None else _text(row.referral) for row in rows),
    }


def _changed(rows: Sequence[MessageRow]) -> dict[str, list[Any]]:
    return (
        _messages(rows)
        | _columns(rows, _changed_columns)
        | {
            "m_reactions": _column(_text(row.reactions) if row.reactions else None for row in rows),
            "m_annotations": _column(
                None if row.annotations == NO_ANNOTATIONS else _text(row.annotations) for row in rows
            ),
        }
    )


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
