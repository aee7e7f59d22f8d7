"""Receipts for everything up to a time."""

from msgspec.structs import replace

from store.core.facts import Arrival
from store.core.merge.state import News, Overlay
from store.core.rows import Receipt


def receive(overlay: Overlay, arrival: Arrival, receipt: Receipt) -> News:
    """Apply a receipt to what it covers, and keep it for what comes later, unless another one tells more."""
    known_at = overlay.coverage(receipt.thread, receipt.upto).of(receipt.status)
    if known_at is not None and known_at <= receipt.at:
        return News.NONE
    overlay.put_receipt(receipt)
    for row in overlay.sent_in(receipt.thread):
        known_at = row.coverage.of(receipt.status)
        if row.created_at <= receipt.upto and (known_at is None or known_at > receipt.at):
            overlay.change_message(arrival, row, replace(row, coverage=row.coverage.with_receipt(receipt)))
    return News.STORED
