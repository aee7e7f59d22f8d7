"""Parses an item: one parser per kind. An item that no parser accepts becomes a `RawItem`.

To add a kind, add its struct to `shared.contracts` and a parser to the table of its platform (`messenger.dispatch`,
`messenger.changes`, `whatsapp.dispatch`).
"""

from datetime import datetime

import msgspec

from enricher.parsing.context import NO_PARTIES, ItemParser, ParseContext, Parties
from enricher.parsing.identity import canonical_json, item_id
from enricher.parsing.items import SplitItem
from enricher.parsing.messenger import changes
from enricher.parsing.messenger import dispatch as messenger
from enricher.parsing.timestamps import first_timestamp, parse_timestamp
from enricher.parsing.values import object_of, text_of
from enricher.parsing.vocabulary import CHANGE_FIELDS
from enricher.parsing.whatsapp import dispatch as whatsapp
from shared.contracts import Item, MessageItem, Profile, RawItem

NO_APPS: frozenset[str] = frozenset()
_NO_ALIASES: tuple[str, ...] = ()


class ParsedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item and everything that it says."""

    split: SplitItem
    id: str
    """The events that the item causes derive their IDs from it."""
    label: str
    """What the item looks like, from a closed vocabulary, e.g. `messaging.message`."""
    item: Item
    participant_id: str | None
    aliases: tuple[str, ...]
    """Other IDs of the customer in the item."""
    occurred_at: datetime
    profile: Profile | None
    """The customer's profile, if the webhook contains it."""

    @property
    def is_customers_message(self) -> bool:
        """Whether the customer wrote it, so that a profile lookup makes sense.

        False for echoes and for messages of a page to itself.
        """
        return (
            isinstance(self.item, MessageItem)
            and self.item.direction == "incoming"
            and self.participant_id != self.split.page_id
        )


class _Classification(msgspec.Struct, frozen=True):
    """What is known about an item before it is parsed."""

    label: str
    parties: Parties
    parser: ItemParser | None


def parse_item(split: SplitItem, *, received_at: datetime, own_app_ids: frozenset[str] = NO_APPS) -> ParsedItem:
    """Return the parsed item. Never fails: an item that cannot be parsed becomes a `RawItem`.

    Args:
        split: the item.
        received_at: the item's time if it has none of its own.
        own_app_ids: IDs of the apps whose echoes are our own messages.
    """
    classified = _classify(split)
    body = canonical_json(split.body)
    identity = item_id(split, body)
    at = _occurred_at(split, received_at)
    item = None
    if classified.parser is not None:
        context = ParseContext(
            split=split, id=identity, body=body, parties=classified.parties, at=at, own_app_ids=own_app_ids
        )
        item = classified.parser(context)
    if at is received_at and isinstance(item, MessageItem):
        item = msgspec.structs.replace(item, is_timed=False)
    participant_id = classified.parties.participant_id
    return ParsedItem(
        split=split,
        id=identity,
        label=classified.label,
        item=item if item is not None else RawItem(label=classified.label, body=msgspec.Raw(body)),
        participant_id=participant_id,
        aliases=whatsapp.aliases_of(split, participant_id) if split.platform == "whatsapp" else _NO_ALIASES,
        occurred_at=at,
        profile=_profile(split, at) if split.contact is not None else None,
    )


def _classify(split: SplitItem) -> _Classification:
    """Return label, parties and parser of the item. Its shape decides which table to look in."""
    if split.shape == "event":
        kind = messenger.kind_of(split)
        return _Classification(f"{split.channel}.{kind}", messenger.parties_of(split), messenger.PARSERS.get(kind))
    if split.shape == "whatsapp" and split.part:
        kind = whatsapp.kind_of(split)
        return _Classification(f"whatsapp.{kind}", whatsapp.parties_of(split), whatsapp.PARSERS.get(kind))
    if split.shape == "entry":
        return _Classification("entry", NO_PARTIES, None)
    given = split.body.get("field")
    field = given if isinstance(given, str) and given in CHANGE_FIELDS else "other"
    if split.shape == "whatsapp":
        return _Classification(f"whatsapp.{field}", NO_PARTIES, whatsapp.CHANGE_PARSERS.get(field))
    return _Classification(f"changes.{field}", NO_PARTIES, changes.PARSERS.get(field))


def _occurred_at(split: SplitItem, received_at: datetime) -> datetime:
    """Return the item's own time, else its watermark or the change's time, the entry's time, or `received_at`."""
    own = parse_timestamp(split.body.get("timestamp"))
    if own is not None:
        return own
    if split.shape == "event":
        receipt = object_of(split.body.get("read")) or object_of(split.body.get("delivery"))
        candidates = [receipt.get("watermark")]
    else:
        value = object_of(split.body.get("value"))
        candidates = [value.get("timestamp"), value.get("created_time")]
    return first_timestamp(*candidates, split.entry.get("time"), fallback=received_at)


def _profile(split: SplitItem, at: datetime) -> Profile | None:
    """Return the profile in a WhatsApp webhook. WhatsApp profiles cannot be looked up.

    Its `fetched_at` is the item's time, so that of two names the later one wins, whatever order they arrive in.
    """
    given = object_of((split.contact or {}).get("profile"))
    profile = Profile(name=text_of(given.get("name")), username=text_of(given.get("username")), fetched_at=at)
    return None if profile.is_empty else profile
