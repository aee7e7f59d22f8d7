"""What is kept beside the inbox: parked items and look-ups to be made."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from shared.contracts import ItemParkedV1, Profile, ProfileRequestedV1
from shared.contracts.internal import KnownParticipant, Lookup, ParticipantKey
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
    ON CONFLICT (id) DO NOTHING
""")
_PARKED = Statement("""
    SELECT id, handler, reason, attempts, event_type, content_type, original, parked_at, replayed_at FROM parked_items
    WHERE (NOT CAST(:unreplayed_only AS boolean) OR replayed_at IS NULL)
      AND (CAST(:ids AS text[]) IS NULL OR id = ANY(CAST(:ids AS text[])))
    ORDER BY parked_at DESC, id LIMIT CAST(:most AS bigint)
""")
_REPLAYED = Statement("UPDATE parked_items SET replayed_at = :now WHERE id = ANY(CAST(:ids AS text[]))")
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


class ParkedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was given up."""

    id: str
    handler: str
    reason: str
    attempts: int
    event_type: str
    content_type: str
    original: bytes
    parked_at: datetime
    replayed_at: datetime | None


async def park(transaction: Connection, events: Sequence[ItemParkedV1], *, now: datetime) -> None:
    """Keep events that were given up; those that are kept already stay as they are."""
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
    database: Database, *, ids: Sequence[str] | None = None, unreplayed_only: bool = False, most: int
) -> list[ParkedItem]:
    """Return parked items, the latest first; only those of `ids` where they are given."""
    async with database.reading() as connection:
        rows = await connection.execute(
            _PARKED,
            {"ids": None if ids is None else list(ids), "unreplayed_only": unreplayed_only, "most": most},
        )
        return [ParkedItem(**dict(row)) for row in rows]


async def mark_replayed(database: Database, ids: Sequence[str], *, now: datetime) -> None:
    """Note that parked items were published again."""
    async with database.transaction() as transaction:
        await transaction.execute(_REPLAYED, {"ids": list(ids), "now": now})


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
