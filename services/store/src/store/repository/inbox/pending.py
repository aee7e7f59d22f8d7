"""Writes what is pending, annotations and profiles without their message or conversation, and links of participants."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec

from shared.contracts import Profile
from store.core.facts import MessageKey
from store.core.rows import Changes, ParticipantKey, PendingAnnotations
from store.repository.inbox.message_rows import format_item
from store.repository.postgres.statements import Connection, Statement

_json = msgspec.json.Encoder()

_STORE_PROFILES = Statement("""
    INSERT INTO waiting_profiles (user_id, platform, participant_id, name, username, profile_pic, fetched_at)
    SELECT * FROM unnest(CAST(:user_id AS text[]), CAST(:platform AS text[]), CAST(:participant_id AS text[]),
                         CAST(:name AS text[]), CAST(:username AS text[]), CAST(:pic AS text[]),
                         CAST(:fetched_at AS timestamptz[]))
    ON CONFLICT (user_id, platform, participant_id) DO UPDATE SET
        name = EXCLUDED.name, username = EXCLUDED.username, profile_pic = EXCLUDED.profile_pic,
        fetched_at = EXCLUDED.fetched_at
""")
_DELETE_PROFILES = Statement("""
    DELETE FROM waiting_profiles w
    USING unnest(CAST(:user_id AS text[]), CAST(:platform AS text[]), CAST(:participant_id AS text[]))
          AS k(user_id, platform, participant_id)
    WHERE (w.user_id, w.platform, w.participant_id) = (k.user_id, k.platform, k.participant_id)
""")
_STORE_ANNOTATIONS = Statement("""
    INSERT INTO waiting_annotations (user_id, platform, page_id, message_id, annotations, items, participant_id,
                                     updated_at)
    SELECT k.user_id, k.platform, k.page_id, k.message_id, k.annotations::jsonb,
           ARRAY(SELECT jsonb_array_elements_text(k.items::jsonb)), k.participant_id, CAST(:now AS timestamptz)
    FROM unnest(CAST(:user_id AS text[]), CAST(:platform AS text[]), CAST(:page_id AS text[]),
                CAST(:message_id AS text[]), CAST(:annotations AS text[]), CAST(:items AS text[]),
                CAST(:participant_id AS text[]))
         AS k(user_id, platform, page_id, message_id, annotations, items, participant_id)
    ON CONFLICT (user_id, platform, page_id, message_id) DO UPDATE SET
        annotations = EXCLUDED.annotations, items = EXCLUDED.items, participant_id = EXCLUDED.participant_id,
        updated_at = EXCLUDED.updated_at
""")
_DELETE_ANNOTATIONS = Statement("""
    DELETE FROM waiting_annotations w
    USING unnest(CAST(:user_id AS text[]), CAST(:platform AS text[]), CAST(:page_id AS text[]),
                 CAST(:message_id AS text[])) AS k(user_id, platform, page_id, message_id)
    WHERE (w.user_id, w.platform, w.page_id, w.message_id) = (k.user_id, k.platform, k.page_id, k.message_id)
""")
_LINK = Statement("""
    INSERT INTO participant_links (user_id, platform, participant_id, alias)
    SELECT * FROM unnest(CAST(:user_id AS text[]), CAST(:platform AS text[]), CAST(:participant_id AS text[]),
                         CAST(:alias AS text[]))
    ON CONFLICT DO NOTHING
""")


async def write_profiles(transaction: Connection, changes: Changes) -> None:
    """Store profiles without a conversation, and delete those whose conversation exists now."""
    if changes.pending_profiles:
        await _store_profiles(transaction, changes.pending_profiles)
    if changes.claimed_profiles:
        await transaction.execute(_DELETE_PROFILES, participant_columns(changes.claimed_profiles))


async def write_annotations(transaction: Connection, changes: Changes, *, now: datetime) -> None:
    """Store annotations without a message, and delete those whose message has arrived."""
    if changes.pending_annotations:
        await _store_annotations(transaction, changes.pending_annotations, now=now)
    if changes.claimed_annotations:
        await transaction.execute(_DELETE_ANNOTATIONS, _messages(changes.claimed_annotations))


async def write_links(transaction: Connection, links: Sequence[tuple[ParticipantKey, str]]) -> None:
    """Store which IDs belong to the same participant."""
    await transaction.execute(
        _LINK, participant_columns([key for key, _ in links]) | {"alias": [alias for _, alias in links]}
    )


def participant_columns(keys: Collection[ParticipantKey]) -> dict[str, list[str]]:
    """Return keys as arguments of a statement."""
    return {
        "user_id": [key.user_id for key in keys],
        "platform": [key.platform for key in keys],
        "participant_id": [key.participant_id for key in keys],
    }


def _messages(keys: Collection[MessageKey]) -> dict[str, list[str]]:
    return {
        "user_id": [key.user_id for key in keys],
        "platform": [key.platform for key in keys],
        "page_id": [key.page_id for key in keys],
        "message_id": [key.message_id for key in keys],
    }


async def _store_annotations(
    transaction: Connection, waiting: Mapping[MessageKey, PendingAnnotations], *, now: datetime
) -> None:
    stored = waiting.values()
    await transaction.execute(
        _STORE_ANNOTATIONS,
        {
            **_messages(waiting),
            "annotations": [_json.encode(each.annotations).decode() for each in stored],
            "items": [_json.encode(list(map(format_item, each.items))).decode() for each in stored],
            "participant_id": [each.participant_id for each in stored],
            "now": now,
        },
    )


async def _store_profiles(transaction: Connection, profiles: Mapping[ParticipantKey, Profile]) -> None:
    await transaction.execute(
        _STORE_PROFILES,
        participant_columns(profiles)
        | {
            "name": [profile.name for profile in profiles.values()],
            "username": [profile.username for profile in profiles.values()],
            "pic": [profile.profile_pic for profile in profiles.values()],
            "fetched_at": [profile.fetched_at for profile in profiles.values()],
        },
    )
