"""The encrypted access tokens of all pages, for encrypting them again."""

from collections.abc import Sequence

from store.core.cursors import CiphertextPosition
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Connection, Statement

_NEXT = Statement("""
    SELECT platform, page_id, owned_from, token_ciphertext FROM accounts
    WHERE token_ciphertext IS NOT NULL
      AND (platform, page_id, owned_from) > (CAST(:platform AS text), CAST(:page_id AS text),
                                             coalesce(CAST(:owned_from AS timestamptz), '-infinity'))
    ORDER BY platform, page_id, owned_from LIMIT CAST(:limit AS bigint)
""")
# Compared with what was read: a token that was given meanwhile stays.
_REPLACE = Statement("""
    UPDATE accounts a SET token_ciphertext = n.replacement
    FROM unnest(CAST(:platforms AS text[]), CAST(:page_ids AS text[]), CAST(:owned_froms AS timestamptz[]),
                CAST(:old AS text[]), CAST(:new AS text[])) AS n (platform, page_id, owned_from, found, replacement)
    WHERE a.platform = n.platform AND a.page_id = n.page_id AND a.owned_from = n.owned_from
      AND a.token_ciphertext = n.found
""")

Found = tuple[CiphertextPosition, str]
"""Where a ciphertext is, and the ciphertext."""


async def following(database: Database, after: CiphertextPosition | None, *, limit: int) -> list[Found]:
    """Return ciphertexts in the order of their pages, starting after `after`."""
    arguments = {
        "platform": "" if after is None else after.platform,
        "page_id": "" if after is None else after.page_id,
        "owned_from": None if after is None else after.owned_from,
        "limit": limit,
    }
    async with database.reading() as connection:
        rows = await connection.execute(_NEXT, arguments)
    return [
        (CiphertextPosition(row["platform"], row["page_id"], row["owned_from"]), row["token_ciphertext"])
        for row in rows
    ]


async def replace(transaction: Connection, replaced: Sequence[tuple[Found, str]]) -> int:
    """Replace ciphertexts that are still what was found by new ones of the same token; return how many."""
    positions = [position for (position, _), _ in replaced]
    return await transaction.count(
        _REPLACE,
        {
            "platforms": [position.platform for position in positions],
            "page_ids": [position.page_id for position in positions],
            "owned_froms": [position.owned_from for position in positions],
            "old": [found for (_, found), _ in replaced],
            "new": [replacement for _, replacement in replaced],
        },
    )
