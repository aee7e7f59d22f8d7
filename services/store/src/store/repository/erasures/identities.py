"""The memory of erased people and messages, as keyed digests."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from store.core.erased import IdentityDigests
from store.core.facts import ItemKey, Update
from store.core.ledger import ERASED, ItemEntry
from store.repository.postgres.statements import Connection, Statement

_REMEMBER = Statement("""
    INSERT INTO erased_identities AS e (user_id, digest, erased_at)
    SELECT DISTINCT CAST(:user_id AS text), digest, CAST(:now AS timestamptz)
    FROM unnest(CAST(:digests AS bytea[])) AS k(digest)
    ON CONFLICT (user_id, digest) DO UPDATE SET erased_at = greatest(e.erased_at, EXCLUDED.erased_at)
""")
_ERASED = Statement("""
    SELECT e.user_id, e.digest, e.erased_at
    FROM (SELECT DISTINCT * FROM unnest(CAST(:user_ids AS text[]), CAST(:digests AS bytea[])) AS u(user_id, digest)) k
    JOIN erased_identities e USING (user_id, digest)
""")
_CONVERSATIONS = Statement("""
    SELECT c.user_id, c.conversation_id
    FROM unnest(CAST(:user_ids AS text[]), CAST(:conversation_ids AS text[])) AS k(user_id, conversation_id)
    JOIN conversations c USING (user_id, conversation_id)
""")


async def remember(transaction: Connection, user_id: str, digests: Iterable[bytes], *, now: datetime) -> None:
    """Remember that the user's people or messages with these digests were erased."""
    await transaction.execute(_REMEMBER, {"user_id": user_id, "digests": list(digests), "now": now})


async def erased(connection: Connection, digests: Iterable[tuple[str, bytes]]) -> Mapping[tuple[str, bytes], datetime]:
    """Return when what was erased, of these (user_id, digest)."""
    keys = list(digests)
    if not keys:
        return {}
    rows = await connection.execute(
        _ERASED, {"user_ids": [user for user, _ in keys], "digests": [digest for _, digest in keys]}
    )
    return {(row["user_id"], bytes(row["digest"])): row["erased_at"] for row in rows}


async def without_erased(
    transaction: Connection, updates: Sequence[Update], users: set[str], digests: IdentityDigests
) -> tuple[list[Update], dict[ItemKey, ItemEntry]]:
    """Drop the updates that are about erased people or messages.

    Args:
        transaction: holds the locks of the users' counter rows, so that no erasure begins meanwhile.
        updates: the updates.
        users: those whose updates may be about erased people.
        digests: makes the digests.

    Returns:
        The other updates, and the outcomes of the dropped items.
    """
    keys = {
        (update.user_id, digest)
        for update in updates
        if update.user_id in users
        for some in digests.of(update)
        for digest in some
    }
    known = await erased(transaction, keys)
    if not known:
        return list(updates), {}
    kept = [update for update in updates if not digests.is_erased(update, known)]
    late = {update.cause.id for update in kept if digests.needs_conversation(update, known)}
    if late:
        conversations = await _conversations(transaction, kept)
        kept = [
            update
            for update in kept
            if update.cause.id not in late or (update.user_id, update.conversation_id) in conversations
        ]
    left = {update.cause.id for update in kept}
    dropped = [update for update in updates if update.cause.id not in left]
    return kept, {
        update.item: ItemEntry(*update.item, update.platform, update.page_id, "ignored", ERASED)
        for update in dropped
        if update.item is not None
    }


async def _conversations(transaction: Connection, updates: Sequence[Update]) -> set[tuple[str, str | None]]:
    """Return the (user_id, conversation_id) that exist, or that a message of `updates` begins."""
    rows = await transaction.execute(
        _CONVERSATIONS,
        {
            "user_ids": [update.user_id for update in updates],
            "conversation_ids": [update.conversation_id for update in updates],
        },
    )
    begun = {(update.user_id, update.conversation_id) for update in updates if update.message is not None}
    return begun | {(row["user_id"], row["conversation_id"]) for row in rows}


async def erased_people(
    connection: Connection, people: Iterable[tuple[str, str, str]], digests: IdentityDigests
) -> dict[tuple[str, str, str], datetime]:
    """Return when people were erased, by (user_id, platform, participant_id); others are left out."""
    by_person = {person: digests.person(*person) for person in people}
    known = await erased(connection, {(person[0], digest) for person, some in by_person.items() for digest in some})
    times = {
        person: [time for digest in some if (time := known.get((person[0], digest))) is not None]
        for person, some in by_person.items()
    }
    return {person: max(found) for person, found in times.items() if found}
