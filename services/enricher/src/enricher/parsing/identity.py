"""Ids that are the same for every redelivery, on every replica."""

from typing import Any

import msgspec

from enricher.parsing.items import SplitItem
from shared.contracts import derive_id

_encoder = msgspec.json.Encoder(order="deterministic")


def canonical(body: dict[str, Any]) -> bytes:
    """Return the one JSON form of `body`: no spaces, keys sorted."""
    return _encoder.encode(body)


def item_id(split: SplitItem, canonical_body: bytes) -> str:
    """Return the id of the events that this item causes.

    What it says takes part, and where it stood (platform, page, channel); not which webhook brought it, nor with what.
    """
    return derive_id("item", split.platform, split.page_id, split.channel, canonical_body)
