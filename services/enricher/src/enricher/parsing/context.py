"""What item parsers receive and return, on every platform."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from enricher.parsing.items import SplitItem
from shared.contracts import Item
from shared.contracts.inbox import Direction


class Parties(msgspec.Struct, frozen=True):
    """The customer of an item, and the direction that the item went."""

    participant_id: str | None
    direction: Direction


NO_PARTIES = Parties(None, "incoming")


class ParseContext(msgspec.Struct, frozen=True, kw_only=True):
    """An item and what every parser needs to know about it."""

    split: SplitItem
    id: str
    """ID of the item. Also the ID of a message that the platform gave none."""
    body: bytes
    """The item as canonical JSON."""
    parties: Parties
    at: datetime
    """When it happened."""
    own_app_ids: frozenset[str]
    """IDs of the apps whose messages are our own."""

    @property
    def sender_id(self) -> str:
        """The customer if the item is incoming, else the business."""
        return (self.parties.direction == "incoming" and self.parties.participant_id) or self.split.page_id


ItemParser = Callable[[ParseContext], Item | None]
"""Returns None if the item lacks what its kind requires. The item is then stored raw."""
