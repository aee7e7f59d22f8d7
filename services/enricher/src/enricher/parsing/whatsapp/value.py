"""The `value` of a WhatsApp change: its items, and what it says about the customer of each.

{"messaging_product", "metadata": {"phone_number_id"}, "contacts": [{"profile": {"name"}, "wa_id", "user_id"}],
 "messages" | "message_echoes" | "statuses" | "calls" | "user_id_update" | "user_preferences": [item],
 "errors": [error]}
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from enricher.parsing.values import elements_of, id_of, object_of

PARTS = ("messages", "message_echoes", "statuses", "calls", "user_id_update", "user_preferences")
"""Lists whose elements are items. A change without any of them is one item."""
_ERRORS = "errors"

_CUSTOMER_FIELDS = {
    "messages": ("from", "from_user_id"),
    "message_echoes": ("to", "to_user_id"),
    "statuses": ("recipient_id", "recipient_user_id"),
    "calls": ("from", "from_user_id"),
    "user_id_update": ("wa_id", "user_id"),
    "user_preferences": ("wa_id", "user_id"),
}
"""Fields with the customer's phone number and business-scoped user ID."""
_CUSTOMER_FIELDS_OF_OUTGOING_CALLS = ("to", "to_user_id")


class ChangePart(NamedTuple):
    """One item of a change."""

    name: str
    """The list that contains it. Empty for the change itself."""
    item: Any
    """Any JSON value. The caller rejects what is not an object."""
    contact: dict[str, Any] | None
    """The customer's entry in `contacts`."""
    errors: tuple[Any, ...] = ()
    """The change's `errors`, if this is its only item."""


class _CustomerIds(NamedTuple):
    phone: str | None
    user_id: str | None


def change_parts(change: dict[str, Any]) -> Iterator[ChangePart]:
    """Yield every item of a change. Errors belong to the only other item, else each is an item of its own."""
    value = object_of(change.get("value"))
    contacts = [contact for contact in elements_of(value.get("contacts")) if isinstance(contact, dict)]
    errors = elements_of(value.get(_ERRORS)) if _ERRORS in value else []
    found = [(part, item) for part in PARTS for item in elements_of(value.get(part))]
    if not found and not errors:
        yield ChangePart("", change, None)
    for part, item in found:
        customer = {known for known in _ids_in_item(part, object_of(item)) if known is not None}
        contact = next((known for known in contacts if customer & contact_ids(known).keys()), None)
        if contact is None and len(contacts) == len(found) == 1 and (part == "messages" or not customer):
            # Some numbers have two spellings (Brazil, Mexico), and a customer who hides the phone may have no `from`.
            # Not for what the business sent: there the only contact may be the business itself.
            contact = contacts[0]
        yield ChangePart(part, item, contact, tuple(errors) if len(found) == 1 else ())
    if len(found) != 1:
        yield from (ChangePart(_ERRORS, error, None) for error in errors)


def minimal_change(change: dict[str, Any], part: ChangePart) -> dict[str, Any]:
    """Return `change` with `part`, its contact and its errors only."""
    value = object_of(change.get("value"))
    frame = {name: value[name] for name in ("messaging_product", "metadata") if name in value}
    contacts = {} if part.contact is None else {"contacts": [part.contact]}
    errors = {_ERRORS: list(part.errors)} if part.errors else {}
    return {"field": change.get("field"), "value": {**frame, **contacts, **errors, part.name: [part.item]}}


def customer_id(part: str, item: dict[str, Any], contact: dict[str, Any] | None) -> str | None:
    """Return the customer's ID: the phone number if there is one, else the business-scoped user ID."""
    if part not in _CUSTOMER_FIELDS:
        return None
    phone, user_id = _ids_in_item(part, item)
    if phone is not None:
        return phone
    known = contact or {}
    contact_phone, contact_user_id = id_of(known.get("wa_id")), id_of(known.get("user_id"))
    if user_id is not None:
        return contact_phone or user_id if user_id == contact_user_id else user_id
    return contact_phone or contact_user_id


def customer_ids(part: str, item: dict[str, Any], contact: dict[str, Any] | None) -> tuple[str, ...]:
    """Return all distinct IDs of the customer in this item, older ones first."""
    if part not in _CUSTOMER_FIELDS:
        return ()
    candidates = (*_ids_in_item(part, item), *_changed_ids(part, item))
    ids = dict.fromkeys(known for known in candidates if known is not None)
    if contact is not None:
        of_contact = contact_ids(contact)
        if part == "messages" or not ids or ids.keys() & of_contact.keys():
            ids |= of_contact
    return tuple(ids)


def contact_ids(contact: dict[str, Any]) -> dict[str, None]:
    """Return the IDs of an entry of `contacts`, in order."""
    ids = map(id_of, (contact.get("wa_id"), contact.get("user_id")))
    return dict.fromkeys(known for known in ids if known is not None)


def _ids_in_item(part: str, item: dict[str, Any]) -> _CustomerIds:
    """Return the IDs that the item itself gives its customer."""
    phone, user_id = _CUSTOMER_FIELDS[part]
    if part == "calls" and item.get("direction") == "BUSINESS_INITIATED":
        phone, user_id = _CUSTOMER_FIELDS_OF_OUTGOING_CALLS
    given = item.get(user_id)
    return _CustomerIds(id_of(item.get(phone)), id_of(given.get("current") if isinstance(given, dict) else given))


def _changed_ids(part: str, item: dict[str, Any]) -> tuple[str | None, ...]:
    """Return the former and new IDs of a customer whose ID has changed."""
    if part == "user_id_update":
        return (id_of(object_of(item.get("user_id")).get("previous")),)
    system = item.get("system") if part == "messages" else None
    if not isinstance(system, dict):
        return ()
    return tuple(id_of(system.get(name)) for name in ("wa_id", "new_wa_id", "user_id"))
