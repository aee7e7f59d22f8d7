"""The facts of a user as comparable, readable lines."""

import json

from store.repository.verification.facts import state, state_hash
from tests.convergence.store import Store

# Columns that no user sees and the canonical state omits, but that decide the effect of later items.
_REGISTERS = """
    SELECT concat_ws(' ', 'description', platform, page_id, kind, message_id, created_at, digest::text)
    FROM messages WHERE user_id = :user
    UNION ALL
    SELECT concat_ws(' ', 'profile', platform, participant_id, profile_fetched_at)
    FROM conversations WHERE user_id = :user
"""


async def facts_of(store: Store, user_id: str) -> list[str]:
    """Return the user's canonical state, its hash and the hidden columns, one fact per line."""
    async with store.database.reading() as connection:
        hashed = await state_hash(connection, user_id)
        found = await state(connection, user_id)
    lines = [
        f"{section} {json.dumps(fact, default=str, ensure_ascii=False)}"
        for section, facts in found.items()
        for fact in facts
    ]
    registers = await store.rows(_REGISTERS, user=user_id)
    return [*lines, *sorted(register for (register,) in registers), f"hash {hashed}"]
