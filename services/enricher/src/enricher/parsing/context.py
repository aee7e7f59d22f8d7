"""What readers of items are given and return, whatever the platform."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from enricher.parsing.items import SplitItem
from shared.contracts import Item
from shared.contracts.inbox import Direction


class Sides(msgspec.Struct, frozen=True):
    """Who is the customer of an item, and which way it went."""

    participant_id: str | None
    direction: Direction


NOBODY = Sides(None, "incoming")


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """An item with what all readers need to know of it."""

    split: SplitItem
    id: str
    """Of the item: stands in where the platform gave a message no id."""
    body: bytes
    """The item, canonical JSON."""
    sides: Sides
    at: datetime
    own_app_ids: frozenset[str]
    """Apps whose messages are our own."""

    @property
    def sender_id(self) -> str:
        """Who sent it: the business for what went out."""
        return (self.sides.direction == "incoming" and self.sides.participant_id) or self.split.page_id


Reader = Callable[[Reading], Item | None]
"""Returns None when the item lacks what its kind needs: it is then kept raw."""
