"""A webhook's body to items, each with the page that it belongs to and nothing of its neighbours.

    {"object", "entry": [{"id", "time", "messaging" | "standby": [item] | "changes": [{"field", "value"}]}]}

A bad item becomes a `BadItem` and costs nobody else anything.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from enricher.errors import UnreadableBody
from enricher.parsing.decode import decode
from enricher.parsing.items import BadItem, Split, SplitItem
from enricher.parsing.values import flag_of, id_of, items_of, object_of
from enricher.parsing.vocabulary import EVENT_KINDS
from enricher.parsing.whatsapp.value import minimal_change, parts
from shared.contracts import Channel, Platform, WebhookReceivedV1, WebhookReleasedV1

Webhook = WebhookReceivedV1 | WebhookReleasedV1
MAX_ITEMS = 10_000
"""In one body; the platforms promise at most a thousand updates."""

_PLATFORMS: dict[str, Platform] = {
    "page": "facebook",
    "instagram": "instagram",
    "whatsapp_business_account": "whatsapp",
}
_OBJECTS = {platform: name for name, platform in _PLATFORMS.items()}
_PAGE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
"""It becomes part of paths of the Graph API and of the store."""
_CHANNELS: tuple[Channel, ...] = ("messaging", "standby", "changes")
_MESSAGING_FIELDS = ("messag", "standby")
"""How the fields begin that messaging items are subscribed to by."""
_ENTRY_FRAME = frozenset({"id", "time", "uid", *_CHANNELS})


def split_webhook(webhook: Webhook) -> list[Split]:
    """Return the items of `webhook`, in order.

    Raises:
        UnreadableBody: it cannot be split.
    """
    if isinstance(webhook, WebhookReleasedV1):
        return split_entry(webhook.platform, webhook.entry, webhook.item_index)
    return split_body(webhook.platform, webhook.body)


def split_body(platform: Platform, body: bytes) -> list[Split]:
    """Return every item of `body`, in order. `platform` is where it was posted to; the body's own `object` comes first.

    Raises:
        UnreadableBody: not JSON, not an object or a list of them, too deep, too many items, or nothing to split.
    """
    value = decode(body)
    if isinstance(value, dict):
        problem = _problem_of(value)
        if problem is not None:
            raise UnreadableBody(problem)
        return _bounded(_of_object(platform, value, 0))
    if not isinstance(value, list):
        raise UnreadableBody("neither an object nor a list of objects")
    if not value:
        raise UnreadableBody("an empty list")
    return _bounded(_of_list(platform, value))


def split_entry(platform: Platform, entry: bytes, index: int) -> list[Split]:
    """Return the item of an entry that holds it alone, as `minimal_entry` made it; it keeps `index`.

    Raises:
        UnreadableBody: not JSON, or nested too deep.
    """
    return list(_of_entry(platform, _OBJECTS[platform], decode(entry), index))


def minimal_entry(item: SplitItem) -> bytes:
    """Return JSON of an entry that holds `item` alone: split again, it gives the same item."""
    if item.shape == "entry":
        return msgspec.json.encode(item.entry)
    inner = item.body
    if item.change is not None and item.part:
        inner = minimal_change(item.change, item.part, item.body, item.contact, item.errors)
    elif item.change is not None and item.shape == "event":
        inner = {"field": item.change.get("field"), "value": item.body}
    return msgspec.json.encode(_entry_of(item.entry, item.channel, inner))


def _problem_of(body: Any) -> str | None:
    """Return why there is nothing to split in `body`. An empty list of entries is fine where the object is known."""
    if not isinstance(body, dict):
        return "an element of a list body that is no object"
    entries = body.get("entry")
    has_entries = isinstance(entries, dict | list) and (bool(entries) or body.get("object") in _OBJECTS.values())
    return None if has_entries else "an object without entries"


def _bounded(splits: Iterator[Split]) -> list[Split]:
    found: list[Split] = []
    for split in splits:
        found.append(split)
        if len(found) > MAX_ITEMS:
            raise UnreadableBody(f"more than {MAX_ITEMS} items in one body")
    return found


def _of_list(platform: Platform, bodies: list[Any]) -> Iterator[Split]:
    index = 0
    for body in bodies:
        problem = _problem_of(body)
        if problem is not None:
            yield BadItem(index=index, reason=problem, body=msgspec.json.encode([body]))
            index += 1
            continue
        for split in _of_object(platform, body, index):
            yield split
            index += 1


def _of_object(platform: Platform, body: dict[str, Any], index: int) -> Iterator[Split]:
    name = body.get("object")
    platform = _PLATFORMS.get(name, platform) if isinstance(name, str) else platform
    for entry in items_of(body.get("entry")):
        for split in _of_entry(platform, name, entry, index):
            yield split
            index += 1


def _of_entry(platform: Platform, name: Any, entry: Any, index: int) -> Iterator[Split]:
    if not isinstance(entry, dict):
        yield _bad(index, "an entry that is no object", name, entry)
        return
    start = index
    for channel in _CHANNELS:
        for raw in items_of(entry.get(channel)):
            for split in _of_element(platform, channel, entry, raw, index):
                if isinstance(split, SplitItem):
                    yield split
                else:
                    yield _bad(index, split.reason, name, _entry_of(entry, channel, split.element))
                index += 1
    if index == start and not _ENTRY_FRAME.issuperset(entry):
        yield _of_unknown_entry(platform, name, entry, index)


class _Refused(msgspec.Struct, frozen=True):
    """An element of a channel that is no item of anybody."""

    reason: str
    element: Any


def _of_element(
    platform: Platform, channel: Channel, entry: dict[str, Any], raw: Any, index: int
) -> Iterator[SplitItem | _Refused]:
    if not isinstance(raw, dict):
        yield _Refused(f"an item of {channel} that is no object", raw)
        return
    if platform == "whatsapp" and channel == "changes":
        yield from _of_whatsapp_change(entry, raw, index)
        return
    change = raw if channel == "changes" else None
    event = raw if change is None else object_of(change.get("value"))
    is_event = change is None or _is_messaging_shaped(change, event)
    page_id = _page_of(entry, event) if is_event else _page_id(entry.get("id"))
    if page_id is None:
        yield _Refused("nothing says which page it belongs to", raw)
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


def _of_whatsapp_change(entry: dict[str, Any], change: dict[str, Any], index: int) -> Iterator[SplitItem | _Refused]:
    metadata = object_of(object_of(change.get("value")).get("metadata"))
    page_id = _page_id(metadata.get("phone_number_id")) or _page_id(entry.get("id"))
    for offset, (part, body, contact, errors) in enumerate(parts(change)):
        if page_id is None or not isinstance(body, dict):
            reason = (
                "nothing says which phone number it belongs to" if page_id is None else f"a part of {part}: no object"
            )
            yield _Refused(reason, minimal_change(change, part, body, contact, errors) if part else change)
            continue
        yield SplitItem(
            platform="whatsapp",
            page_id=page_id,
            channel="changes",
            index=index + offset,
            shape="whatsapp",
            body=body,
            entry=entry,
            change=change,
            part=part,
            contact=contact,
            errors=errors,
        )


def _of_unknown_entry(platform: Platform, name: Any, entry: dict[str, Any], index: int) -> Split:
    page_id = _page_id(entry.get("id"))
    if page_id is None:
        return _bad(index, "an entry of no page", name, entry)
    return SplitItem(
        platform=platform, page_id=page_id, channel="changes", index=index, shape="entry", body=entry, entry=entry
    )


def _entry_of(entry: dict[str, Any], channel: Channel, element: Any) -> dict[str, Any]:
    """Return `entry` with nothing inside but `element`."""
    return {**{name: entry[name] for name in ("id", "time") if name in entry}, channel: [element]}


def _is_messaging_shaped(change: dict[str, Any], value: dict[str, Any]) -> bool:
    """The dashboard's test button and Instagram Login put messaging items into changes, receipts without any side."""
    sides = isinstance(value.get("sender"), dict) + isinstance(value.get("recipient"), dict)
    field = change.get("field")
    if sides == len(("sender", "recipient")):
        return True
    if not sides and not (isinstance(field, str) and field.startswith(_MESSAGING_FIELDS)):
        return False
    return any(isinstance(value.get(kind), dict) for kind in EVENT_KINDS)


def _page_of(entry: dict[str, Any], event: dict[str, Any]) -> str | None:
    """Return the entry's id, or the item's business side where the entry says 0 or nothing, as test webhooks do."""
    named = _page_id(entry.get("id"))
    if named is not None and named != "0":
        return named
    is_echo = flag_of(object_of(event.get("message")).get("is_echo")) or "message_echo" in event
    side = object_of(event.get("sender" if is_echo else "recipient"))
    return _page_id(side.get("id")) or named


def _page_id(value: Any) -> str | None:
    found = id_of(value)
    return found if found is not None and _PAGE_ID.fullmatch(found) else None


def _bad(index: int, reason: str, name: Any, entry: Any) -> BadItem:
    return BadItem(index=index, reason=reason, body=msgspec.json.encode({"object": name, "entry": [entry]}))
