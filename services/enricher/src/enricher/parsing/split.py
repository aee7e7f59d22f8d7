"""Splits a webhook's body into items, each with its page and without the other items.

    {"object", "entry": [{"id", "time", "messaging" | "standby": [item] | "changes": [{"field", "value"}]}]}

An item that cannot be split becomes a `BadItem`. It does not affect the other items.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from enricher.parsing.decode import decode_body
from enricher.parsing.errors import UnreadableBody
from enricher.parsing.items import BadItem, Split, SplitItem
from enricher.parsing.values import elements_of, flag_of, id_of, object_of
from enricher.parsing.vocabulary import EVENT_KINDS
from enricher.parsing.whatsapp.value import ChangePart, change_parts, minimal_change
from shared.contracts import Channel, Platform, WebhookReceivedV1, WebhookReleasedV1

Webhook = WebhookReceivedV1 | WebhookReleasedV1
MAX_ITEMS = 10_000
"""Items in one body. The platforms promise at most a thousand updates."""

_PLATFORMS: dict[str, Platform] = {
    "page": "facebook",
    "instagram": "instagram",
    "whatsapp_business_account": "whatsapp",
}
_OBJECTS = {platform: name for name, platform in _PLATFORMS.items()}
_PAGE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
"""Page IDs become part of URLs of the Graph API and the store."""
_CHANNELS: tuple[Channel, ...] = ("messaging", "standby", "changes")
_MESSAGING_FIELD_PREFIXES = ("messag", "standby")
"""Prefixes of the fields that subscribe to messaging items."""
_ENTRY_FRAME = frozenset({"id", "time", "uid", *_CHANNELS})
"""Fields of an entry that are not content by themselves."""


def split_webhook(webhook: Webhook) -> list[Split]:
    """Return the items of `webhook` in order.

    Raises:
        UnreadableBody: the body cannot be split.
    """
    if isinstance(webhook, WebhookReleasedV1):
        return split_entry(webhook.platform, webhook.entry, webhook.item_index)
    return split_body(webhook.platform, webhook.body)


def split_body(platform: Platform, body: bytes) -> list[Split]:
    """Return the items of `body` in order.

    Args:
        platform: whose webhook URL received it. A known `object` in the body takes precedence.
        body: JSON.

    Raises:
        UnreadableBody: `body` is not JSON, is neither an object nor a list of objects, is nested too deep, has no
            entries or has more than `MAX_ITEMS` items.
    """
    value = decode_body(body)
    if isinstance(value, dict):
        reason = _unsplittable_reason(value)
        if reason is not None:
            raise UnreadableBody(reason)
        return _collect(_split_object(platform, value, 0))
    if not isinstance(value, list):
        raise UnreadableBody("neither an object nor a list of objects")
    if not value:
        raise UnreadableBody("an empty list")
    return _collect(_split_list(platform, value))


def split_entry(platform: Platform, entry: bytes, index: int) -> list[Split]:
    """Return the only item of an entry made by `minimal_entry`, with the given index.

    Raises:
        UnreadableBody: `entry` is not JSON or is nested too deep.
    """
    return list(_split_entry(platform, _OBJECTS[platform], decode_body(entry), index))


def minimal_entry(item: SplitItem) -> bytes:
    """Return the JSON of an entry that contains `item` only. `split_entry` returns the same item from it."""
    if item.shape == "entry":
        return msgspec.json.encode(item.entry)
    element = item.body
    if item.change is not None and item.part:
        element = minimal_change(item.change, ChangePart(item.part, item.body, item.contact, item.errors))
    elif item.change is not None and item.shape == "event":
        element = {"field": item.change.get("field"), "value": item.body}
    return msgspec.json.encode(_entry_with(item.entry, item.channel, element))


def minimal_body(item: SplitItem) -> bytes:
    """Return the JSON of a webhook's body that contains `item` only."""
    return msgspec.json.encode({"object": _OBJECTS[item.platform], "entry": [msgspec.Raw(minimal_entry(item))]})


def _unsplittable_reason(body: Any) -> str | None:
    """Return why `body` cannot be split, or None if it can. With a known `object` an empty list of entries is valid."""
    if not isinstance(body, dict):
        return "an element of a list body is not an object"
    entries = body.get("entry")
    has_entries = isinstance(entries, dict | list) and (bool(entries) or body.get("object") in _OBJECTS.values())
    return None if has_entries else "an object without entries"


def _collect(splits: Iterator[Split]) -> list[Split]:
    found: list[Split] = []
    for split in splits:
        found.append(split)
        if len(found) > MAX_ITEMS:
            raise UnreadableBody(f"more than {MAX_ITEMS} items in one body")
    return found


def _split_list(platform: Platform, bodies: list[Any]) -> Iterator[Split]:
    index = 0
    for body in bodies:
        reason = _unsplittable_reason(body)
        if reason is not None:
            yield BadItem(index=index, reason=reason, body=msgspec.json.encode([body]))
            index += 1
            continue
        for split in _split_object(platform, body, index):
            yield split
            index += 1


def _split_object(platform: Platform, body: dict[str, Any], index: int) -> Iterator[Split]:
    name = body.get("object")
    platform = _PLATFORMS.get(name, platform) if isinstance(name, str) else platform
    for entry in elements_of(body.get("entry")):
        for split in _split_entry(platform, name, entry, index):
            yield split
            index += 1


def _split_entry(platform: Platform, name: Any, entry: Any, index: int) -> Iterator[Split]:
    if not isinstance(entry, dict):
        yield _bad_item(index, "an entry is not an object", name, entry)
        return
    start = index
    for channel in _CHANNELS:
        for raw in elements_of(entry.get(channel)):
            for split in _split_element(platform, channel, entry, raw, index):
                if isinstance(split, SplitItem):
                    yield split
                else:
                    yield _bad_item(index, split.reason, name, _entry_with(entry, channel, split.element))
                index += 1
    if index == start and not _ENTRY_FRAME.issuperset(entry):
        yield _unknown_entry(platform, name, entry, index)


class _InvalidElement(msgspec.Struct, frozen=True):
    """An element of a channel that is not an item of any page."""

    reason: str
    element: Any


def _split_element(
    platform: Platform, channel: Channel, entry: dict[str, Any], raw: Any, index: int
) -> Iterator[SplitItem | _InvalidElement]:
    if not isinstance(raw, dict):
        yield _InvalidElement(f"an item of {channel} is not an object", raw)
        return
    if platform == "whatsapp" and channel == "changes":
        yield from _split_whatsapp_change(entry, raw, index)
        return
    change = raw if channel == "changes" else None
    event = raw if change is None else object_of(change.get("value"))
    is_event = change is None or _is_messaging_shaped(change, event)
    page_id = _page_of(entry, event) if is_event else _page_id(entry.get("id"))
    if page_id is None:
        yield _InvalidElement("the item names no page", raw)
        return
    yield SplitItem(
        platform=platform,
        page_id=page_id,
        channel=channel,
        index=index,
        shape="event" if is_event else "change",
        body=event if is_event else raw,
        entry=entry,
        change=change,
    )


def _split_whatsapp_change(
    entry: dict[str, Any], change: dict[str, Any], index: int
) -> Iterator[SplitItem | _InvalidElement]:
    metadata = object_of(object_of(change.get("value")).get("metadata"))
    page_id = _page_id(metadata.get("phone_number_id")) or _page_id(entry.get("id"))
    for offset, part in enumerate(change_parts(change)):
        if page_id is None or not isinstance(part.item, dict):
            reason = (
                "the change names no phone number" if page_id is None else f"an item of {part.name} is not an object"
            )
            yield _InvalidElement(reason, minimal_change(change, part) if part.name else change)
            continue
        yield SplitItem(
            platform="whatsapp",
            page_id=page_id,
            channel="changes",
            index=index + offset,
            shape="whatsapp",
            body=part.item,
            entry=entry,
            change=change,
            part=part.name,
            contact=part.contact,
            errors=part.errors,
        )


def _unknown_entry(platform: Platform, name: Any, entry: dict[str, Any], index: int) -> Split:
    page_id = _page_id(entry.get("id"))
    if page_id is None:
        return _bad_item(index, "an entry names no page", name, entry)
    return SplitItem(
        platform=platform, page_id=page_id, channel="changes", index=index, shape="entry", body=entry, entry=entry
    )


def _entry_with(entry: dict[str, Any], channel: Channel, element: Any) -> dict[str, Any]:
    """Return `entry` with `element` as its only content."""
    return {**{name: entry[name] for name in ("id", "time") if name in entry}, channel: [element]}


def _is_messaging_shaped(change: dict[str, Any], value: dict[str, Any]) -> bool:
    """Whether a change contains a messaging item.

    The dashboard's test button and Instagram Login send messaging items in changes, and receipts without sender and
    recipient.
    """
    has_sender, has_recipient = isinstance(value.get("sender"), dict), isinstance(value.get("recipient"), dict)
    if has_sender and has_recipient:
        return True
    field = change.get("field")
    is_messaging_field = isinstance(field, str) and field.startswith(_MESSAGING_FIELD_PREFIXES)
    if not (has_sender or has_recipient or is_messaging_field):
        return False
    return any(isinstance(value.get(kind), dict) for kind in EVENT_KINDS)


def _page_of(entry: dict[str, Any], event: dict[str, Any]) -> str | None:
    """Return the entry's ID. If it is missing or 0, as in test webhooks, return the item's business side."""
    entry_id = _page_id(entry.get("id"))
    if entry_id is not None and entry_id != "0":
        return entry_id
    is_echo = flag_of(object_of(event.get("message")).get("is_echo")) or "message_echo" in event
    business = object_of(event.get("sender" if is_echo else "recipient"))
    return _page_id(business.get("id")) or entry_id


def _page_id(value: Any) -> str | None:
    found = id_of(value)
    return found if found is not None and _PAGE_ID.fullmatch(found) else None


def _bad_item(index: int, reason: str, name: Any, entry: Any) -> BadItem:
    return BadItem(index=index, reason=reason, body=msgspec.json.encode({"object": name, "entry": [entry]}))
