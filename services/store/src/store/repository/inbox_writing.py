"""Writes what a merge decided: one statement for the usual case, one more for each rare kind of change."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from shared.contracts import Profile
from shared.contracts.inbox import Attachment
from store.core.facts import Arrival
from store.core.rows import Changes, ConversationRow, LogEntry, MessageRow, ParticipantKey
from store.repository.statements import Connection, Statement

_json = msgspec.json.Encoder()

_WRITE = Statement("""
    WITH new_messages AS (
        INSERT INTO messages (user_id, id, seq, platform, page_id, kind, message_id, conversation_id, direction,
                              sender_id, content, created_at, status, attachments, reply_to)
        SELECT m.user_id, m.id, m.id, m.platform, m.page_id, m.kind, m.message_id, m.conversation_id, m.direction,
               m.sender_id, m.content, m.created_at, m.status, m.attachments::jsonb, m.reply_to::jsonb
        FROM unnest(CAST(:m_user_id AS text[]), CAST(:m_id AS bigint[]), CAST(:m_platform AS text[]),
                    CAST(:m_page_id AS text[]), CAST(:m_kind AS text[]), CAST(:m_message_id AS text[]),
                    CAST(:m_conversation_id AS text[]), CAST(:m_direction AS text[]), CAST(:m_sender_id AS text[]),
                    CAST(:m_content AS text[]), CAST(:m_created_at AS timestamptz[]), CAST(:m_status AS text[]),
                    CAST(:m_attachments AS text[]), CAST(:m_reply_to AS text[]))
             AS m(user_id, id, platform, page_id, kind, message_id, conversation_id, direction, sender_id, content,
                  created_at, status, attachments, reply_to)
    ), upserted_conversations AS (
        INSERT INTO conversations (user_id, conversation_id, platform, participant_id, participant_name,
                                   participant_username, participant_profile_pic, profile_fetched_at, last_message_id,
                                   last_message_at, unread_count, read_seq, last_seq, created_at)
        SELECT * FROM unnest(CAST(:c_user_id AS text[]), CAST(:c_conversation_id AS text[]),
                             CAST(:c_platform AS text[]), CAST(:c_participant_id AS text[]), CAST(:c_name AS text[]),
                             CAST(:c_username AS text[]), CAST(:c_pic AS text[]), CAST(:c_fetched_at AS timestamptz[]),
                             CAST(:c_last_message_id AS bigint[]), CAST(:c_last_message_at AS timestamptz[]),
                             CAST(:c_unread_count AS bigint[]), CAST(:c_read_seq AS bigint[]),
                             CAST(:c_last_seq AS bigint[]), CAST(:c_created_at AS timestamptz[]))
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
            created_at = EXCLUDED.created_at
    ), logged AS (
        INSERT INTO inbox_log (user_id, seq, kind, message_id, conversation_id, platform, page_id, cause_id,
                               occurred_at, received_at, at)
        SELECT l.*, CAST(:now AS timestamptz)
        FROM unnest(CAST(:l_user_id AS text[]), CAST(:l_seq AS bigint[]), CAST(:l_kind AS text[]),
                    CAST(:l_message_id AS bigint[]), CAST(:l_conversation_id AS text[]),
                    CAST(:l_platform AS text[]), CAST(:l_page_id AS text[]), CAST(:l_cause_id AS text[]),
                    CAST(:l_occurred_at AS timestamptz[]), CAST(:l_received_at AS timestamptz[])) AS l
    )
    UPDATE inboxes i SET last_seq = n.last_seq
    FROM unnest(CAST(:u_user_id AS text[]), CAST(:u_last_seq AS bigint[])) AS n(user_id, last_seq)
    WHERE i.user_id = n.user_id
""")
_CHANGE_MESSAGES = Statement("""
    UPDATE messages m SET seq = n.seq, sender_id = n.sender_id, content = n.content, created_at = n.created_at,
                          attachments = n.attachments::jsonb, reply_to = n.reply_to::jsonb
    FROM unnest(CAST(:user_id AS text[]), CAST(:id AS bigint[]), CAST(:seq AS bigint[]), CAST(:sender_id AS text[]),
                CAST(:content AS text[]), CAST(:created_at AS timestamptz[]), CAST(:attachments AS text[]),
                CAST(:reply_to AS text[]))
         AS n(user_id, id, seq, sender_id, content, created_at, attachments, reply_to)
    WHERE m.user_id = n.user_id AND m.id = n.id
""")
_KEEP_PROFILES = Statement("""
    INSERT INTO waiting_profiles (user_id, platform, participant_id, name, username, profile_pic, fetched_at)
    SELECT * FROM unnest(CAST(:user_id AS text[]), CAST(:platform AS text[]), CAST(:participant_id AS text[]),
                         CAST(:name AS text[]), CAST(:username AS text[]), CAST(:pic AS text[]),
                         CAST(:fetched_at AS timestamptz[]))
    ON CONFLICT (user_id, platform, participant_id) DO UPDATE SET
        name = EXCLUDED.name, username = EXCLUDED.username, profile_pic = EXCLUDED.profile_pic,
        fetched_at = EXCLUDED.fetched_at
""")
_CLAIM_PROFILES = Statement("""
    DELETE FROM waiting_profiles w
    USING unnest(CAST(:user_id AS text[]), CAST(:platform AS text[]), CAST(:participant_id AS text[]))
          AS k(user_id, platform, participant_id)
    WHERE (w.user_id, w.platform, w.participant_id) = (k.user_id, k.platform, k.participant_id)
""")
_RAW_ITEMS = Statement("""
    INSERT INTO raw_items (user_id, event_id, platform, page_id, participant_id, label, body, occurred_at, received_at)
    SELECT * FROM unnest(CAST(:user_id AS text[]), CAST(:event_id AS text[]), CAST(:platform AS text[]),
                         CAST(:page_id AS text[]), CAST(:participant_id AS text[]), CAST(:label AS text[]),
                         CAST(:body AS text[]), CAST(:occurred_at AS timestamptz[]),
                         CAST(:received_at AS timestamptz[]))
    ON CONFLICT DO NOTHING
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
    return {name: list(map(getter, rows)) for name, getter in getters.items()}


async def write(transaction: Connection, changes: Changes, *, now: datetime) -> None:
    """Write `changes`. The counter rows must be locked in this transaction."""
    if changes.log or changes.conversations:
        await transaction.execute(
            _WRITE,
            _messages(changes.new_messages)
            | _conversations(changes.conversations)
            | _columns(changes.log, _log_columns)
            | {"u_user_id": list(changes.last_seqs), "u_last_seq": list(changes.last_seqs.values()), "now": now},
        )
    if changes.changed_messages:
        await _change_messages(transaction, changes.changed_messages)
    if changes.waiting_profiles:
        await _keep_profiles(transaction, changes.waiting_profiles)
    if changes.claimed_profiles:
        await transaction.execute(_CLAIM_PROFILES, _participants(changes.claimed_profiles))


async def write_log(transaction: Connection, entries: Sequence[LogEntry], *, now: datetime) -> None:
    """Write log entries that come with no message; their numbers follow on the users' last ones, which are locked."""
    tops = {user: max(e.seq for e in mine) for user, mine in itertools.groupby(entries, attrgetter("user_id"))}
    nothing = Changes(
        new_messages=[],
        changed_messages=[],
        conversations=[],
        waiting_profiles={},
        claimed_profiles=[],
        log=list(entries),
        last_seqs=tops,
        refused={},
    )
    await write(transaction, nothing, now=now)


async def keep_raw_items(transaction: Connection, arrivals: Sequence[Arrival]) -> None:
    """Keep items of no known type as they came; those that are kept already stay as they are."""
    kept = [(arrival, arrival.raw) for arrival in arrivals if arrival.raw is not None]
    if not kept:
        return
    await transaction.execute(
        _RAW_ITEMS,
        {
            "user_id": [a.user_id for a, _ in kept],
            "event_id": [a.cause.id for a, _ in kept],
            "platform": [a.platform for a, _ in kept],
            "page_id": [a.page_id for a, _ in kept],
            "participant_id": [a.participant_id for a, _ in kept],
            "label": [raw.label for _, raw in kept],
            "body": [raw.body for _, raw in kept],
            "occurred_at": [a.cause.occurred_at for a, _ in kept],
            "received_at": [a.cause.received_at for a, _ in kept],
        },
    )


async def end_lookups(transaction: Connection, arrivals: Sequence[Arrival]) -> None:
    """Delete the look-ups that have ended, and put off those that are to be made again; of several the last counts."""
    ended = {
        ParticipantKey(a.user_id, a.platform, a.participant_id): (a.page_id, a.lookup_end.retry_at)
        for a in arrivals
        if a.lookup_end is not None and a.participant_id is not None
    }
    over = sorted(key for key, (_, retry_at) in ended.items() if retry_at is None)
    again = sorted((key, page_id, retry_at) for key, (page_id, retry_at) in ended.items() if retry_at is not None)
    if over:
        await transaction.execute(_END_LOOKUPS, _participants(over))
    if again:
        await transaction.execute(
            _POSTPONE_LOOKUPS,
            _participants([key for key, _, _ in again])
            | {"page_id": [page_id for _, page_id, _ in again], "due_at": [retry_at for _, _, retry_at in again]},
        )


def _messages(rows: Sequence[MessageRow]) -> dict[str, list[Any]]:
    return _columns(rows, _message_columns) | {
        "m_attachments": [_attachments_text(row.attachments) for row in rows],
        "m_reply_to": [None if row.reply_to is None else _json.encode(row.reply_to).decode() for row in rows],
    }


def _attachments_text(attachments: tuple[Attachment, ...]) -> str:
    return _json.encode(attachments).decode() if attachments else "[]"


def _conversations(rows: Sequence[ConversationRow]) -> dict[str, list[Any]]:
    profiles = [row.profile for row in rows]
    return _columns(rows, _conversation_columns) | {
        "c_name": [None if profile is None else profile.name for profile in profiles],
        "c_username": [None if profile is None else profile.username for profile in profiles],
        "c_pic": [None if profile is None else profile.profile_pic for profile in profiles],
        "c_fetched_at": [None if profile is None else profile.fetched_at for profile in profiles],
    }


async def _change_messages(transaction: Connection, rows: Sequence[MessageRow]) -> None:
    columns = _messages(rows)
    wanted = ("user_id", "id", "sender_id", "content", "created_at", "attachments", "reply_to")
    await transaction.execute(
        _CHANGE_MESSAGES, {name: columns[f"m_{name}"] for name in wanted} | {"seq": [row.seq for row in rows]}
    )


def _participants(keys: Sequence[ParticipantKey]) -> dict[str, list[Any]]:
    return {
        "user_id": [key.user_id for key in keys],
        "platform": [key.platform for key in keys],
        "participant_id": [key.participant_id for key in keys],
    }


async def _keep_profiles(transaction: Connection, profiles: dict[ParticipantKey, Profile]) -> None:
    await transaction.execute(
        _KEEP_PROFILES,
        _participants(list(profiles))
        | {
            "name": [profile.name for profile in profiles.values()],
            "username": [profile.username for profile in profiles.values()],
            "pic": [profile.profile_pic for profile in profiles.values()],
            "fetched_at": [profile.fetched_at for profile in profiles.values()],
        },
    )
