"""The items of a webhook, before they are parsed."""

from typing import Any, Literal

import msgspec

from shared.contracts import Channel, Platform

Shape = Literal["event", "change", "whatsapp", "entry"]
"""What an item looks like.

- `event`: has a sender and a recipient, wherever in the webhook it was found.
- `change`: any other change of a Facebook page or an Instagram account.
- `whatsapp`: one element of a WhatsApp change, or a whole change that has no known elements.
- `entry`: a whole entry in which nothing is known.
"""


class SplitItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item as the platform sent it."""

    platform: Platform
    page_id: str
    """The business: a Facebook page, an Instagram account or a WhatsApp phone number ID."""
    channel: Channel
    index: int
    """Position in the webhook. Bad items count too."""
    shape: Shape
    body: dict[str, Any]
    entry: dict[str, Any]
    """The entry that contains the item, with the other items in it."""
    change: dict[str, Any] | None = None
    """The change that contains the item."""
    part: str = ""
    """WhatsApp: the list that contains the item, e.g. `statuses`. Empty for a whole change."""
    contact: dict[str, Any] | None = None
    """WhatsApp: the customer's entry in the change's `contacts`."""
    errors: tuple[Any, ...] = ()
    """WhatsApp: the change's `errors`, if this is its only item."""


class BadItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item that cannot be assigned to a page."""

    index: int
    reason: str
    body: bytes
    """A webhook body that contains this item only."""


Split = SplitItem | BadItem
