"""Items of a webhook, as they came."""

from typing import Any, Literal

import msgspec

from shared.contracts import Channel, Platform

Shape = Literal["event", "change", "whatsapp", "entry"]


class SplitItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item, as it came."""

    platform: Platform
    page_id: str
    """The business side: page, Instagram account or WhatsApp phone number id."""
    channel: Channel
    index: int
    """Position in its webhook, bad items counted."""
    shape: Shape
    """`event`: messaging-shaped, wherever it stood. `change`: anything else of a page's or account's changes.
    `whatsapp`: an element of, or a whole, WhatsApp change. `entry`: an entry with nothing known inside."""
    body: dict[str, Any]
    entry: dict[str, Any]
    """The entry that it stood in: its neighbours are in there too."""
    change: dict[str, Any] | None = None
    """The change that it stood in."""
    part: str = ""
    """WhatsApp: the list that it stood in, e.g. `statuses`; empty for a whole change."""
    contact: dict[str, Any] | None = None
    """WhatsApp: what the webhook says of the customer."""
    errors: tuple[Any, ...] = ()
    """WhatsApp: what the platform says went wrong with this item, beside it."""


class BadItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item that cannot be given to anybody."""

    index: int
    reason: str
    body: bytes
    """A webhook's body that holds this item alone."""


Split = SplitItem | BadItem
