"""What an item is: one reader a kind, and `RawItem` for whatever has none yet.

To add a kind, add its struct to `shared.contracts` and a reader to the table of its platform (`direct`, `whatsapp`). A
reader that finds less than it needs returns None, and the item is kept raw under its label.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from enricher.core import direct, times, whatsapp
from enricher.core.identity import canonical, item_id
from enricher.core.reading import NOBODY, Reader, Reading, Sides
from enricher.core.splitting import SplitItem
from enricher.core.values import object_of, text_of
from shared.contracts import Item, MessageItem, Profile, RawItem

_MESSAGES = (MessageItem,)
"""Kinds that somebody wrote: only they may cause a profile look-up."""
_CHANGE_FIELDS = frozenset(
    {
        "messages",
        "comments",
        "live_comments",
        "mentions",
        "mention",
        "story_insights",
        "feed",
        "leadgen",
        "ratings",
        "history",
        "smb_app_state_sync",
        "account_update",
        "phone_number_quality_update",
        "message_template_status_update",
        "user_id_update",
        "group_participants_update",
    }
)


class TypedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item that has been understood as far as it can be."""

    split: SplitItem
    id: str
    """Of every event that this item causes."""
    label: str
    """From a closed vocabulary, e.g. `messaging.message`."""
    item: Item
    participant_id: str | None
    occurred_at: datetime
    profile: Profile | None
    """What the webhook itself says of the customer."""

    @property
    def is_customers_message(self) -> bool:
        """Whether the customer wrote it. Never true of echoes, nor of what a page writes to itself."""
        return (
            isinstance(self.item, _MESSAGES)
            and self.item.direction == "incoming"
            and self.participant_id != self.split.page_id
        )


def typed(split: SplitItem, *, received_at: datetime) -> TypedItem:
    """Return what `split` is. Total: no item is refused here. `received_at` stands in for a missing time."""
    label, sides, reader = _dialect(split)
    body = canonical(split.body)
    identity = item_id(split, body)
    at = times.first_of(split.body.get("timestamp"), split.entry.get("time"), fallback=received_at)
    item = reader(Reading(split=split, id=identity, sides=sides, at=at)) if reader else None
    return TypedItem(
        split=split,
        id=identity,
        label=label,
        item=item if item is not None else RawItem(label=label, body=msgspec.Raw(body)),
        participant_id=sides.participant_id,
        occurred_at=at,
        profile=_profile(split.contact, received_at) if split.contact is not None else None,
    )


def _dialect(split: SplitItem) -> tuple[str, Sides, Reader | None]:
    """Return label, sides and reader of the item, by the shape that it has."""
    if split.shape == "event":
        kind = direct.kind_of(split)
        return f"{split.channel}.{kind}", direct.sides_of(split), direct.READERS.get(kind)
    if split.shape == "whatsapp" and split.part:
        kind = whatsapp.kind_of(split)
        return f"whatsapp.{kind}", whatsapp.sides_of(split), whatsapp.READERS.get(kind)
    if split.shape == "entry":
        return "entry", NOBODY, None
    field = split.body.get("field")
    known = field if isinstance(field, str) and field in _CHANGE_FIELDS else "other"
    return f"{'whatsapp' if split.shape == 'whatsapp' else 'changes'}.{known}", NOBODY, None


def _profile(contact: Mapping[str, Any], received_at: datetime) -> Profile | None:
    """Return the name that a WhatsApp webhook brings: there is no look-up of it."""
    shown = object_of(contact.get("profile"))
    profile = Profile(
        name=text_of(shown.get("name")),
        username=text_of(shown.get("username")),
        fetched_at=received_at,
    )
    return None if profile.is_empty else profile
