"""IDs that are the same for every redelivery and on every replica."""

from typing import Any

import msgspec

from enricher.parsing.items import SplitItem
from shared.contracts import derive_id

_encoder = msgspec.json.Encoder(order="deterministic")


def canonical_json(body: dict[str, Any]) -> bytes:
    """Return the canonical JSON of `body`: sorted keys, no spaces."""
    return _encoder.encode(body)


def item_id(split: SplitItem, canonical_body: bytes) -> str:
    """Return the ID of the events that the item causes.

    It depends on the item's content, platform, page and channel. It does not depend on the webhook that delivered the
    item, nor on the other items of that webhook.
    """
    return derive_id("item", split.platform, split.page_id, split.channel, canonical_body)
