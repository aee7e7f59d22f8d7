"""What an item is: one reader a kind, and `RawItem` for whatever has none.

To add a kind, add its struct to `shared.contracts` and a reader to the table of its platform (`direct`, `changes`,
`whatsapp`). A reader that finds less than it needs returns None, and the item is kept raw under its label.
"""

from datetime import datetime

import msgspec

from enricher.parsing import timestamps
from enricher.parsing.context import NOBODY, Reader, Reading, Sides
from enricher.parsing.identity import canonical, item_id
from enricher.parsing.items import SplitItem
from enricher.parsing.messenger import changes
from enricher.parsing.messenger import dispatch as messenger
from enricher.parsing.values import object_of, text_of
from enricher.parsing.vocabulary import CHANGE_FIELDS
from enricher.parsing.whatsapp import dispatch as whatsapp
from shared.contracts import Item, MessageItem, Profile, RawItem

NO_APPS: frozenset[str] = frozenset()
_NO_ALIASES: tuple[str, ...] = ()


class TypedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item that has been understood as far as it can be."""

    split: SplitItem
    id: str
    """Of every event that this item causes."""
    label: str
    """From a closed vocabulary, e.g. `messaging.message`."""
    item: Item
    participant_id: str | None
    aliases: tuple[str, ...]
    """Other ids of the customer, that the item itself tells."""
    occurred_at: datetime
    profile: Profile | None
    """What the webhook itself says of the customer."""

    @property
    def is_customers_message(self) -> bool:
        """Whether the customer wrote it: only then is there a profile to look up.

        Never true of echoes, nor of what a page writes to itself.
        """
        return (
            isinstance(self.item, MessageItem)
            and self.item.direction == "incoming"
            and self.participant_id != self.split.page_id
        )


def typed(split: SplitItem, *, received_at: datetime, own_app_ids: frozenset[str] = NO_APPS) -> TypedItem:
    """Return what `split` is. Total: no item is refused here.

    `received_at` stands in for a missing time; an echo of one of `own_app_ids` was sent by ourselves.
    """
    label, sides, reader = _dialect(split)
    body = canonical(split.body)
    identity = item_id(split, body)
    at = _time_of(split, received_at)
    item = None
    if reader is not None:
        item = reader(Reading(split=split, id=identity, body=body, sides=sides, at=at, own_app_ids=own_app_ids))
    if at is received_at and isinstance(item, MessageItem):
        item = msgspec.structs.replace(item, is_timed=False)
    is_whatsapp = split.platform == "whatsapp"
    return TypedItem(
        split=split,
        id=identity,
        label=label,
        item=item if item is not None else RawItem(label=label, body=msgspec.Raw(body)),
        participant_id=sides.participant_id,
        aliases=whatsapp.aliases_of(split, sides.participant_id) if is_whatsapp else _NO_ALIASES,
        occurred_at=at,
        profile=_profile(split, at) if split.contact is not None else None,
    )


def _dialect(split: SplitItem) -> tuple[str, Sides, Reader | None]:
    """Return label, sides and reader of the item, by the shape that it has."""
    if split.shape == "event":
        kind = messenger.kind_of(split)
        return f"{split.channel}.{kind}", messenger.sides_of(split), messenger.READERS.get(kind)
    if split.shape == "whatsapp" and split.part:
        kind = whatsapp.kind_of(split)
        return f"whatsapp.{kind}", whatsapp.sides_of(split), whatsapp.READERS.get(kind)
    if split.shape == "entry":
        return "entry", NOBODY, None
    given = split.body.get("field")
    field = given if isinstance(given, str) and given in CHANGE_FIELDS else "other"
    if split.shape == "whatsapp":
        return f"whatsapp.{field}", NOBODY, whatsapp.CHANGE_READERS.get(field)
    return f"changes.{field}", NOBODY, changes.READERS.get(field)


def _time_of(split: SplitItem, received_at: datetime) -> datetime:
    """Return when it happened: its own time, else what comes closest to it."""
    told = timestamps.from_platform(split.body.get("timestamp"))
    if told is not None:
        return told
    if split.shape == "event":
        receipt = object_of(split.body.get("read")) or object_of(split.body.get("delivery"))
        closest = [receipt.get("watermark")]
    else:
        value = object_of(split.body.get("value"))
        closest = [value.get("timestamp"), value.get("created_time")]
    return timestamps.first_of(*closest, split.entry.get("time"), fallback=received_at)


def _profile(split: SplitItem, at: datetime) -> Profile | None:
    """Return the name that a WhatsApp webhook brings: there is no look-up of it.

    It is as old as the item, whenever that comes: of two names the one said later counts.
    """
    shown = object_of((split.contact or {}).get("profile"))
    profile = Profile(name=text_of(shown.get("name")), username=text_of(shown.get("username")), fetched_at=at)
    return None if profile.is_empty else profile
