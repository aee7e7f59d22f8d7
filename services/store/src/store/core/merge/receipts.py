"""Merging watermark receipts."""

from msgspec.structs import replace

from store.core.facts import Update
from store.core.merge.state import Effect, MergeState
from store.core.rows import Receipt


def apply_receipt(state: MergeState, update: Update, receipt: Receipt) -> Effect:
    """Apply a receipt to the messages that it covers, and store it for later ones; a redundant one has no effect."""
    known_at = state.coverage(receipt.thread, receipt.upto).time_of(receipt.status)
    if known_at is not None and known_at <= receipt.at:
        return Effect.NONE
    state.put_receipt(receipt)
    for row in state.outgoing_messages(receipt.thread):
        known_at = row.coverage.time_of(receipt.status)
        if row.created_at <= receipt.upto and (known_at is None or known_at > receipt.at):
            state.change_message(update, row, replace(row, coverage=row.coverage.with_receipt(receipt)))
    return Effect.STORED
