"""The `value` of a WhatsApp change: which items it holds, and what it says of the customer of each.

{"messaging_product", "metadata": {"phone_number_id"}, "contacts": [{"profile": {"name"}, "wa_id", "user_id"}],
 "messages" | "message_echoes" | "statuses" | "calls": [item]}
"""

from collections.abc import Iterator
from typing import Any

from enricher.core.values import id_of, items_of, object_of

PARTS = ("messages", "message_echoes", "statuses", "calls")
"""Lists whose elements are items of their own. A change without any of them is one item."""

_CUSTOMER_FIELDS = {
    "messages": ("from", "from_user_id"),
    "message_echoes": ("to", "to_user_id"),
    "statuses": ("recipient_id", "recipient_user_id"),
    "calls": ("from", "from_user_id"),
}


def parts(change: dict[str, Any]) -> Iterator[tuple[str, Any, dict[str, Any] | None]]:
    """Yield (list it stood in, item, contact) of every item; ("", the change itself, None) when there are none.

    An item may be anything at all: whoever asks sorts out what is no object.
    """
    value = object_of(change.get("value"))
    contacts = [contact for contact in items_of(value.get("contacts")) if isinstance(contact, dict)]
    found = [(part, item) for part in PARTS for item in items_of(value.get(part))]
    if not found:
        yield "", change, None
    for part, item in found:
        customer = _ids(item, part)
        contact = next((known for known in contacts if customer & _contact_ids(known)), None)
        if contact is None and len(contacts) == len(found) == 1:
            # Some numbers are written in two ways (Brazil, Mexico); who hides the phone may have no `from`.
            contact = contacts[0]
        yield part, item, contact


def minimal_change(change: dict[str, Any], part: str, item: Any, contact: dict[str, Any] | None) -> dict[str, Any]:
    """Return `change` with nothing inside but `item` and its contact."""
    value = object_of(change.get("value"))
    frame = {name: value[name] for name in ("messaging_product", "metadata") if name in value}
    people = {} if contact is None else {"contacts": [contact]}
    return {"field": change.get("field"), "value": {**frame, **people, part: [item]}}


def customer_of(part: str, item: dict[str, Any], contact: dict[str, Any] | None) -> str | None:
    """Return the customer's id: the phone if present, else the business-scoped user id."""
    known = contact or {}
    fields = _CUSTOMER_FIELDS.get(part, ())
    ids = (*(item.get(field) for field in fields), *((known.get("wa_id"), known.get("user_id")) if fields else ()))
    return next((found for found in map(id_of, ids) if found is not None), None)


def _ids(item: Any, part: str) -> set[str]:
    known = object_of(item)
    return {found for field in _CUSTOMER_FIELDS[part] if (found := id_of(known.get(field))) is not None}


def _contact_ids(contact: dict[str, Any]) -> set[str]:
    return {found for name in ("wa_id", "user_id") if (found := id_of(contact.get(name))) is not None}
