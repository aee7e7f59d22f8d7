"""What is kept beside the inbox: parked items and look-ups to be made."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from shared.contracts import ItemParkedV1, Profile, ProfileRequestedV1
from shared.contracts.internal import KnownParticipant, Lookup, ParticipantKey
from store.core.cursors import ParkedPosition
from store.repository.database import Database
from store.repository.statements import Connection, Statement

_PARK = Statement("""
    INSERT INTO parked_items (id, handler, reason, attempts, event_type, content_type, original, occurred_at,
                              received_at, parked_at)
    SELECT p.*, CAST(:now AS timestamptz)
    FROM unnest(CAST(:ids AS text[]), CAST(:handlers AS text[]), CAST(:reasons AS text[]),
                CAST(:attempts AS integer[]), CAST(:event_types AS text[]), CAST(:content_types AS text[]),
                CAST(:originals AS bytea[]), CAST(:occurred_ats AS timestamptz[]),
                CAST(:received_ats AS timestamptz[])) AS p
    ON CONFLICT (id) DO UPDATE SET
        reason = EXCLUDED.reason, attempts = EXCLUDED.attempts, parked_at = EXCLUDED.parked_at, replayed_at = NULL
    WHERE parked_items.replayed_at IS NOT NULL
""")
_PARKED = Statement("""
    SELECT id, handler, reason, attempts, event_type, parked_at, replayed_at FROM parked_items
    WHERE (NOT CAST(:unreplayed_only AS boolean) OR replayed_at IS NULL)
      AND (parked_at, id) < (coalesce(CAST(:after_at AS timestamptz), 'infinity'), CAST(:after_id AS text))
    ORDER BY parked_at DESC, id DESC LIMIT CAST(:most AS bigint)
""")
_WHOLE = Statement("""
    SELECT id, handler, reason, attempts, event_type, content_type, original, parked_at, replayed_at FROM parked_items
    WHERE id = ANY(CAST(:ids AS text[]))
""")
_REPLAYED = Statement("UPDATE parked_items SET replayed_at = :now WHERE id = ANY(CAST(:ids AS text[]))")
_NOT_REPLAYED = Statement("UPDATE parked_items SET replayed_at = NULL WHERE id = :id AND replayed_at = :marked_at")
_REQUEST = Statement("""
    INSERT INTO profile_lookups (user_id, platform, participant_id, page_id, due_at)
    SELECT k.*, CAST(:now AS timestamptz)
    FROM unnest(CAST(:user_ids AS text[]), CAST(:platforms AS text[]), CAST(:participant_ids AS text[]),
                CAST(:page_ids AS text[])) AS k
    ON CONFLICT (user_id, platform, participant_id) DO NOTHING
""")
_CLAIM = Statement("""
    UPDATE profile_lookups p SET leased_until = :leased_until, attempts = p.attempts + 1
    FROM (
        SELECT user_id, platform, participant_id FROM profile_lookups
        WHERE due_at <= :now AND (leased_until IS NULL OR leased_until < :now)
        ORDER BY due_at LIMIT CAST(:most AS bigint) FOR UPDATE SKIP LOCKED
    ) AS due
    WHERE (p.user_id, p.platform, p.participant_id) = (due.user_id, due.platform, due.participant_id)
    RETURNING p.user_id, p.platform, p.page_id, p.participant_id, p.attempts - 1
""")
_PARTICIPANTS = Statement("""
    SELECT c.user_id, c.platform, c.participant_id, c.participant_name, c.participant_username,
           c.participant_profile_pic, c.profile_fetched_at
    FROM (SELECT DISTINCT u, p, i FROM unnest(CAST(:user_ids AS text[]), CAST(:platforms AS text[]),
                                              CAST(:participant_ids AS text[])) AS k(u, p, i)) AS k
    JOIN conversations c ON c.user_id = k.u AND c.platform = k.p AND c.participant_id = k.i
    WHERE c.profile_fetched_at IS NOT NULL
""")


class ParkedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was given up, without itself."""

    id: str
    handler: str
    reason: str
    attempts: int
    event_type: str
    parked_at: datetime
    replayed_at: datetime | None


class ParkedItem(ParkedEntry, frozen=True, kw_only=True):
    """An event that was given up, whole."""

    content_type: str
    original: bytes


async def park(transaction: Connection, events: Sequence[ItemParkedV1], *, now: datetime) -> None:
    """Keep events that were given up.

    Those that are kept already stay as they are, unless they were replayed: then they have failed once more.
    """
    events = list({event.id: event for event in sorted(events, key=lambda event: event.id)}.values())
    await transaction.execute(
        _PARK,
        {
            "ids": [event.id for event in events],
            "handlers": [event.handler for event in events],
            # A reason quotes what was wrong, which may be the very thing that Postgres cannot hold (a NUL).
            "reasons": [event.reason.replace("\0", "\N{REPLACEMENT CHARACTER}") for event in events],
            "attempts": [event.attempts for event in events],
            "event_types": [event.event_type for event in events],
            "content_types": [event.content_type for event in events],
            "originals": [event.original for event in events],
            "occurred_ats": [event.occurred_at for event in events],
            "received_ats": [event.received_at for event in events],
            "now": now,
        },
    )


async def parked(
    database: Database, *, unreplayed_only: bool = False, after: ParkedPosition | None = None, most: int
) -> list[ParkedEntry]:
    """Return what was given up, the latest first, `after` where a page ended."""
    arguments = {
        "unreplayed_only": unreplayed_only,
        "after_at": None if after is None else after.parked_at,
        "after_id": "" if after is None else after.id,
        "most": most,
    }
    async with database.reading() as connection:
        return [ParkedEntry(**dict(row)) for row in await connection.execute(_PARKED, arguments)]


async def parked_whole(database: Database, ids: Sequence[str]) -> list[ParkedItem]:
    """Return those of `ids` that are parked, with their events."""
    async with database.reading() as connection:
        return [ParkedItem(**dict(row)) for row in await connection.execute(_WHOLE, {"ids": list(ids)})]


async def mark_replayed(database: Database, ids: Sequence[str], *, now: datetime) -> None:
    """Note that parked items are published again: before they are, since they may be parked again at once."""
    async with database.transaction() as transaction:
        await transaction.execute(_REPLAYED, {"ids": list(ids), "now": now})


async def unmark_replayed(database: Database, item_id: str, *, marked_at: datetime) -> None:
    """Note that a parked item could not be published after all."""
    async with database.transaction() as transaction:
        await transaction.execute(_NOT_REPLAYED, {"id": item_id, "marked_at": marked_at})


async def request_lookups(transaction: Connection, events: Sequence[ProfileRequestedV1], *, now: datetime) -> None:
    """Note that profiles are to be fetched; a look-up that is noted already keeps its time."""
    wanted = sorted({(e.user_id, e.platform, e.participant_id): e.page_id for e in events}.items())
    await transaction.execute(
        _REQUEST,
        {
            "user_ids": [key[0] for key, _ in wanted],
            "platforms": [key[1] for key, _ in wanted],
            "participant_ids": [key[2] for key, _ in wanted],
            "page_ids": [page_id for _, page_id in wanted],
            "now": now,
        },
    )


async def claim_lookups(database: Database, *, now: datetime, lease: timedelta, most: int) -> list[Lookup]:
    """Take due look-ups; nobody else gets them during `lease`."""
    async with database.transaction() as transaction:
        rows = await transaction.execute(_CLAIM, {"now": now, "leased_until": now + lease, "most": most})
        return [
            Lookup(
                user_id=user_id,
                platform=platform,
                page_id=page_id,
                participant_id=participant_id,
                attempts=attempts,
            )
            for user_id, platform, page_id, participant_id, attempts in rows
        ]


async def known_participants(connection: Connection, keys: Sequence[ParticipantKey]) -> list[KnownParticipant]:
    """Return those of `keys` whose profile is known."""
    rows = await connection.execute(
        _PARTICIPANTS,
        {
            "user_ids": [key.user_id for key in keys],
            "platforms": [key.platform for key in keys],
            "participant_ids": [key.participant_id for key in keys],
        },
    )
    return [
        KnownParticipant(
            user_id=user_id,
            platform=platform,
            participant_id=participant_id,
            profile=Profile(name=name, username=username, profile_pic=pic, fetched_at=fetched_at),
        )
        for user_id, platform, participant_id, name, username, pic, fetched_at in rows
    ]
