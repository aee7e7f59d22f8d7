"""Items of webhooks, and webhook bodies in the platforms' own shapes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.contracts import Platform

Json = dict[str, Any]

NOON = 1_767_355_200
"""Unix seconds of the first moment of every history."""
LOOKUP = "lookup"
"""Used as the channel of a profile lookup's result."""
OBJECTS: Mapping[Platform, str] = {
    "facebook": "page",
    "instagram": "instagram",
    "whatsapp": "whatsapp_business_account",
}


@dataclass(frozen=True)
class Page:
    """A page, an Instagram account, or a number with its WhatsApp account."""

    platform: Platform
    id: str
    entry_id: str
    owner: int
    """Index of the user who owns it."""


@dataclass(frozen=True)
class Piece:
    """One item, with the time that its sender gave it.

    Only the item matters: the time of its webhook (`entry.time`), the other items in it and the time of arrival may
    differ between two deliveries of the same item. Changes (comments, feed) are the exception: most have only the time
    of their entry, so such an entry belongs to its item and is repeated with it.
    """

    page: Page
    channel: str
    element: Json
    second: float
    """Seconds after `NOON`; a history is sorted by it."""

    def __repr__(self) -> str:
        return f"{self.page.platform}/{self.page.id}@{self.second:g} {self.channel} {json.dumps(self.element)}"


def milliseconds(second: float) -> int:
    return NOON * 1000 + round(second * 1000)


def direct(
    page: Page, customer: str, second: float, *, outgoing: bool = False, channel: str = "messaging", **kind: Any
) -> Piece:
    """Return an item of Messenger or Instagram; `outgoing` swaps the sides, as for echoes."""
    sides = (page.id, customer) if outgoing else (customer, page.id)
    element = {"sender": {"id": sides[0]}, "recipient": {"id": sides[1]}, "timestamp": milliseconds(second), **kind}
    return Piece(page, channel, element, second)


def change(page: Page, second: float, field: str, value: Json) -> Piece:
    return Piece(page, "changes", {"field": field, "value": value}, second)


def whatsapp_time(second: int) -> str:
    return str(NOON + second)


def whatsapp(page: Page, part: str, item: Json, *, contact: Json | None = None) -> Piece:
    """Return an item of a WhatsApp list (`messages`, `statuses`, `message_echoes`), in a change of its own."""
    people = {} if contact is None else {"contacts": [contact]}
    field = "smb_message_echoes" if part == "message_echoes" else "messages"
    return change(page, int(item["timestamp"]) - NOON, field, {**frame(page), **people, part: [item]})


def lookup(page: Page, customer: str, second: float, name: str | None) -> Piece:
    """Return the result of a profile lookup, which is no item of a webhook, with or without a name."""
    return Piece(page, LOOKUP, {"customer": customer, "name": name}, second)


def frame(page: Page) -> Json:
    """Return the fields of a WhatsApp value about the business."""
    return {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550001111", "phone_number_id": page.id},
    }


def bodies_of(pieces: Sequence[Piece], *, entry_second: int) -> list[tuple[Platform, bytes]]:
    """Return webhooks with `pieces`: one per platform, with neighbours of one page in one entry.

    `entry_second` is the time of the entries, which does not affect the items.
    """
    entries: dict[Platform, list[Json]] = {}
    before: Piece | None = None
    for piece in pieces:
        of_platform = entries.setdefault(piece.page.platform, [])
        alone = piece.channel == "changes" and not _lists_of(piece.element)
        if before is not None and (before.page, before.channel) == (piece.page, piece.channel) and not alone:
            _join(of_platform[-1][piece.channel], piece.element)
        else:
            time = milliseconds(piece.second if alone else entry_second)
            of_platform.append({"id": piece.page.entry_id, "time": time, piece.channel: []})
            _join(of_platform[-1][piece.channel], piece.element)
        before = None if alone else piece
    return [
        (platform, json.dumps({"object": OBJECTS[platform], "entry": inside}).encode())
        for platform, inside in entries.items()
    ]


def _join(elements: list[Json], element: Json) -> None:
    """Append `element`; WhatsApp items share one change where each still finds its own contact and no other."""
    last = elements[-1] if elements else {}
    lists = _lists_of(element)
    if not lists or last.get("field") != element["field"]:
        elements.append({**element, "value": {**element["value"]}} if "value" in element else element)
        return
    value, mine = last["value"], element["value"].get("contacts", [])
    others = value.get("contacts", [])
    strangers = not {*_ids(mine)} & {*_ids(others)}
    if bool(mine) != bool(others) or not (strangers or mine == others):
        elements.append({**element, "value": {**element["value"]}})
        return
    if mine and strangers:
        value["contacts"] = [*others, *mine]
    for name, items in lists.items():
        value[name] = [*value.get(name, []), *items]


def _lists_of(element: Json) -> dict[str, list[Json]]:
    """Return the lists of a change whose items have their own time."""
    return {
        name: value
        for name, value in element.get("value", {}).items()
        if isinstance(value, list) and "timestamp" in value[0]
    }


def _ids(contacts: Sequence[Json]) -> list[str]:
    return [contact[name] for contact in contacts for name in ("wa_id", "user_id") if name in contact]
