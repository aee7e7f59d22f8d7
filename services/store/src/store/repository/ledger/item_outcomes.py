"""Writes the ledger: which items a webhook brought, and what became of each.

`webhooks` holds what is expected, `item_outcomes` what happened. Both are written in the transactions that store or
park the items, so that they always agree with what is stored.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from shared.contracts import WebhookSplitV1
from store.core.facts import ItemKey
from store.core.ledger import WAITING_FOR_PAGE, ItemEntry
from store.repository.postgres.statements import Connection, Statement

# The first final outcome stays, even if the item is redelivered; only a provisional outcome is replaced.
WRITE_OUTCOMES = f"""
    INSERT INTO item_outcomes AS o (webhook_id, item_index, platform, page_id, outcome, kind, at)
    SELECT k.*, CAST(:now AS timestamptz)
    FROM unnest(CAST(:webhook_ids AS text[]), CAST(:item_indexes AS integer[]), CAST(:platforms AS text[]),
                CAST(:page_ids AS text[]), CAST(:outcomes AS text[]), CAST(:kinds AS text[])) AS k
    ON CONFLICT (webhook_id, item_index) DO UPDATE SET
        platform = EXCLUDED.platform, page_id = EXCLUDED.page_id, outcome = EXCLUDED.outcome, kind = EXCLUDED.kind,
        at = EXCLUDED.at
    WHERE o.outcome = 'parked' OR (o.outcome = 'waiting' AND o.kind = '{WAITING_FOR_PAGE}')
"""  # noqa: S608 - a constant of ours
"""Writes the outcomes in `outcome_columns` at `now`; also used as a part of another statement."""
_WRITE = Statement(WRITE_OUTCOMES)
_OUTCOME_COLUMNS = ("webhook_ids", "item_indexes", "platforms", "page_ids", "outcomes", "kinds")
_POSITIONS = "unnest(CAST(:webhook_ids AS text[]), CAST(:item_indexes AS integer[])) AS k(webhook_id, item_index)"
_STORE_PENDING = Statement(f"""
    UPDATE item_outcomes o SET outcome = 'stored' FROM {_POSITIONS}
    WHERE (o.webhook_id, o.item_index) = (k.webhook_id, k.item_index)
      AND o.outcome = 'waiting' AND o.kind <> '{WAITING_FOR_PAGE}'
""")  # noqa: S608 - constants of ours
_IGNORE_WAITING = Statement(f"""
    UPDATE item_outcomes o SET outcome = 'ignored', kind = :kind FROM {_POSITIONS}
    WHERE (o.webhook_id, o.item_index) = (k.webhook_id, k.item_index) AND o.outcome = 'waiting'
""")  # noqa: S608 - constants of ours
_FORGET = Statement(f"""
    DELETE FROM item_outcomes o USING {_POSITIONS}
    WHERE (o.webhook_id, o.item_index) = (k.webhook_id, k.item_index)
      AND (o.outcome = 'parked' OR (o.outcome = 'waiting' AND o.kind = '{WAITING_FOR_PAGE}'))
""")  # noqa: S608 - constants of ours
_REPLACE = Statement(f"""
    UPDATE item_outcomes o SET outcome = :to_outcome, kind = :to_kind FROM {_POSITIONS}
    WHERE (o.webhook_id, o.item_index) = (k.webhook_id, k.item_index)
      AND o.outcome = :from_outcome AND o.kind = :from_kind
""")  # noqa: S608 - constants of ours
_REOPEN = Statement("UPDATE webhooks SET open_since = :now WHERE webhook_id = ANY(CAST(:webhook_ids AS text[]))")
# A webhook that was parked whole has a row of its own until its manifest is known.
_MANIFEST = Statement("""
    WITH given AS (
        SELECT * FROM unnest(CAST(:webhook_ids AS text[]), CAST(:platforms AS text[]), CAST(:page_ids AS text[]),
                             CAST(:items AS integer[]), CAST(:received_ats AS timestamptz[]))
                      AS k(webhook_id, platform, page_id, items, received_at)
    ), placeholders AS (
        DELETE FROM webhooks w USING unnest(CAST(:split_ids AS text[])) AS s(webhook_id)
        WHERE w.webhook_id = s.webhook_id AND w.page_id = ''
          AND NOT EXISTS (SELECT 1 FROM given g
                          WHERE (g.webhook_id, g.platform, g.page_id) = (w.webhook_id, w.platform, ''))
    )
    INSERT INTO webhooks AS w (webhook_id, platform, page_id, items, received_at, open_since, is_parked)
    SELECT g.*, g.received_at,
           coalesce((SELECT bool_or(is_parked) FROM webhooks WHERE webhook_id = g.webhook_id), false)
    FROM given g
    ON CONFLICT (webhook_id, platform, page_id) DO UPDATE SET
        items = EXCLUDED.items, open_since = coalesce(w.open_since, EXCLUDED.open_since)
    WHERE w.items < EXCLUDED.items
""")
_PARK_WHOLE = Statement("UPDATE webhooks SET is_parked = true WHERE webhook_id = ANY(CAST(:webhook_ids AS text[]))")
_INSERT_PLACEHOLDER = Statement("""
    INSERT INTO webhooks (webhook_id, platform, page_id, items, received_at, open_since, is_parked)
    SELECT k.webhook_id, k.platform, '', 1, k.received_at, k.received_at, true
    FROM unnest(CAST(:webhook_ids AS text[]), CAST(:platforms AS text[]), CAST(:received_ats AS timestamptz[]))
         AS k(webhook_id, platform, received_at)
    WHERE NOT EXISTS (SELECT 1 FROM webhooks w WHERE w.webhook_id = k.webhook_id)
    ON CONFLICT DO NOTHING
""")
_UNPARK_WHOLE = Statement("""
    UPDATE webhooks SET is_parked = false, open_since = :now WHERE webhook_id = ANY(CAST(:webhook_ids AS text[]))
""")


async def write_outcomes(transaction: Connection, entries: Collection[ItemEntry], *, now: datetime) -> None:
    """Write outcomes of items; a final outcome that is stored already stays."""
    if entries:
        await transaction.execute(_WRITE, {**outcome_columns(entries), "now": now})


def outcome_columns(entries: Collection[ItemEntry]) -> dict[str, object]:
    """Return the arguments of `WRITE_OUTCOMES`; of several outcomes of an item, the first one wins."""
    if not entries:
        return {name: [] for name in _OUTCOME_COLUMNS}
    first: dict[ItemKey, ItemEntry] = {}
    for entry in entries:
        first.setdefault(entry.item, entry)
    columns = zip(*sorted(first.values()), strict=True)
    return {name: list(column) for name, column in zip(_OUTCOME_COLUMNS, columns, strict=True)}


async def store_pending(transaction: Connection, items: Collection[tuple[str, int]]) -> None:
    """Set the outcome of pending items to stored: their message has arrived."""
    if items:
        await transaction.execute(_STORE_PENDING, _columns(items))


async def ignore_waiting(transaction: Connection, items: Collection[tuple[str, int]], *, kind: str) -> None:
    """Set the outcome of waiting items to ignored, because of `kind`."""
    if items:
        await transaction.execute(_IGNORE_WAITING, _columns(items) | {"kind": kind})


async def reopen(transaction: Connection, items: Collection[tuple[str, int]], *, now: datetime) -> None:
    """Remove the outcome of parked or waiting items that are published again, until they arrive."""
    if items:
        await transaction.execute(_REOPEN, {"webhook_ids": _webhook_ids(items), "now": now})
        await transaction.execute(_FORGET, _columns(items))


async def replace(
    transaction: Connection, item: tuple[str, int], *, old: tuple[str, str], new: tuple[str, str]
) -> None:
    """Replace an item's (outcome, kind) by `new` if it is `old`."""
    from_outcome, from_kind = old
    to_outcome, to_kind = new
    await transaction.execute(
        _REPLACE,
        _columns([item])
        | {"from_outcome": from_outcome, "from_kind": from_kind, "to_outcome": to_outcome, "to_kind": to_kind},
    )


async def record_manifests(transaction: Connection, events: Sequence[WebhookSplitV1]) -> None:
    """Write the manifests of webhooks: how many items to expect per page."""
    rows: dict[tuple[str, str, str], tuple[int, datetime]] = {}
    for event in events:
        for page in event.pages:
            key = (event.webhook_id, page.platform, page.page_id)
            items, received_at = rows.get(key, (0, event.received_at))
            rows[key] = (max(items, page.items), received_at)
    ordered = sorted(rows)
    await transaction.execute(
        _MANIFEST,
        {
            "split_ids": sorted({event.webhook_id for event in events}),
            "webhook_ids": [webhook_id for webhook_id, _, _ in ordered],
            "platforms": [platform for _, platform, _ in ordered],
            "page_ids": [page_id for _, _, page_id in ordered],
            "items": [items for items, _ in map(rows.__getitem__, ordered)],
            "received_ats": [received_at for _, received_at in map(rows.__getitem__, ordered)],
        },
    )


async def park_webhooks(transaction: Connection, webhooks: Collection[tuple[str, str, datetime]]) -> None:
    """Mark whole webhooks, (id, platform, received_at) each, as parked, including all their items without an outcome.

    A webhook without a manifest counts as one item without a page.
    """
    ordered = sorted(webhooks)
    webhook_ids = [webhook_id for webhook_id, _, _ in ordered]
    await transaction.execute(_PARK_WHOLE, {"webhook_ids": webhook_ids})
    await transaction.execute(
        _INSERT_PLACEHOLDER,
        {
            "webhook_ids": webhook_ids,
            "platforms": [platform for _, platform, _ in ordered],
            "received_ats": [received_at for _, _, received_at in ordered],
        },
    )


async def unpark_webhook(transaction: Connection, webhook_id: str, *, now: datetime) -> None:
    """Remove the mark of a webhook that was parked whole and is published again."""
    await transaction.execute(_UNPARK_WHOLE, {"webhook_ids": [webhook_id], "now": now})


def _columns(items: Collection[tuple[str, int]]) -> dict[str, object]:
    ordered = sorted(items)
    return {
        "webhook_ids": [webhook_id for webhook_id, _ in ordered],
        "item_indexes": [item_index for _, item_index in ordered],
    }


def _webhook_ids(items: Collection[tuple[str, int]]) -> list[str]:
    return sorted({webhook_id for webhook_id, _ in items})
