"""The `value` of a WhatsApp change: which items it holds, and what it says of the customer of each.

{"messaging_product", "metadata": {"phone_number_id"}, "contacts": [{"profile": {"name"}, "wa_id", "user_id"}],
 "messages" | "message_echoes" | "statuses" | "calls" | "user_id_update" | "user_preferences": [item],
 "errors": [error]}
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from enricher.parsing.values import id_of, items_of, object_of

PARTS = ("messages", "message_echoes", "statuses", "calls", "user_id_update", "user_preferences")
"""Lists whose elements are items of their own. A change without any of them is one item."""
_ERRORS = "errors"

_CUSTOMER_FIELDS = {
    "messages": ("from", "from_user_id"),
    "message_echoes": ("to", "to_user_id"),
    "statuses": ("recipient_id", "recipient_user_id"),
    "calls": ("from", "from_user_id"),
    "user_id_update": ("wa_id", "user_id"),
    "user_preferences": ("wa_id", "user_id"),
}
"""Phone and business-scoped user id."""
_FIELDS_OF_CALLS_BY_THE_BUSINESS = ("to", "to_user_id")


class Part(NamedTuple):
    """One item of a change."""

    name: str
    """Of the list that it stood in; empty for the change itself."""
    item: Any
    """Anything at all: whoever asks sorts out what is no object."""
    contact: dict[str, Any] | None
    errors: tuple[Any, ...] = ()
    """What stood beside the only item of a change."""


def parts(change: dict[str, Any]) -> Iterator[Part]:
    """Yield every item. Errors are about the only other item, or else items of their own."""
    value = object_of(change.get("value"))
    contacts = [contact for contact in items_of(value.get("contacts")) if isinstance(contact, dict)]
    errors = items_of(value.get(_ERRORS)) if _ERRORS in value else []
    found = [(part, item) for part in PARTS for item in items_of(value.get(part))]
    if not found and not errors:
        yield Part("", change, None)
    for part, item in found:
        customer = _ids(item, part)
        contact = next((known for known in contacts if customer & contact_ids(known).keys()), None)
        if contact is None and len(contacts) == len(found) == 1 and (part == "messages" or not customer):
            # Some numbers are written in two ways (Brazil, Mexico); who hides the phone may have no `from`.
            # Beside what the business sent may stand the business itself.
            contact = contacts[0]
        yield Part(part, item, contact, tuple(errors) if len(found) == 1 else ())
    if len(found) != 1:
        yield from (Part(_ERRORS, error, None) for error in errors)


def minimal_change(
    change: dict[str, Any], part: str, item: Any, contact: dict[str, Any] | None, errors: tuple[Any, ...]
) -> dict[str, Any]:
    """Return `change` with nothing inside but `item`, its contact and its errors."""
    value = object_of(change.get("value"))
    frame = {name: value[name] for name in ("messaging_product", "metadata") if name in value}
    people = {} if contact is None else {"contacts": [contact]}
    beside = {_ERRORS: list(errors)} if errors else {}
    return {"field": change.get("field"), "value": {**frame, **people, **beside, part: [item]}}


def customer_of(part: str, item: dict[str, Any], contact: dict[str, Any] | None) -> str | None:
    """Return the customer's id: the phone if present, else the business-scoped user id."""
    if part not in _CUSTOMER_FIELDS:
        return None
    phone, user = _named(item, part)
    if phone is not None:
        return phone
    known = contact or {}
    wa_id, user_id = id_of(known.get("wa_id")), id_of(known.get("user_id"))
    if user is not None:
        return wa_id or user if user == user_id else user
    return wa_id or user_id


def ids_of(part: str, item: dict[str, Any], contact: dict[str, Any] | None) -> tuple[str, ...]:
    """Return every id that the customer is known by here, new ones after old ones; none twice."""
    if part not in _CUSTOMER_FIELDS:
        return ()
    named = dict.fromkeys(found for found in (*_named(item, part), *_renamed(item, part)) if found is not None)
    if contact is not None:
        of_contact = contact_ids(contact)
        if part == "messages" or not named or named.keys() & of_contact.keys():
            named |= of_contact
    return tuple(named)


def contact_ids(contact: dict[str, Any]) -> dict[str, None]:
    """Return the ids of a contact, in order."""
    ids = map(id_of, (contact.get("wa_id"), contact.get("user_id")))
    return dict.fromkeys(found for found in ids if found is not None)


def _named(item: dict[str, Any], part: str) -> tuple[str | None, str | None]:
    """Return phone and user id that the item names its customer by."""
    phone, user = _CUSTOMER_FIELDS[part]
    if part == "calls" and item.get("direction") == "BUSINESS_INITIATED":
        phone, user = _FIELDS_OF_CALLS_BY_THE_BUSINESS
    given = item.get(user)
    return id_of(item.get(phone)), id_of(given.get("current") if isinstance(given, dict) else given)


def _renamed(item: dict[str, Any], part: str) -> tuple[str | None, ...]:
    """Return further ids of the customer: former and new ones."""
    if part == "user_id_update":
        return (id_of(object_of(item.get("user_id")).get("previous")),)
    system = item.get("system") if part == "messages" else None
    if not isinstance(system, dict):
        return ()
    return tuple(id_of(system.get(name)) for name in ("wa_id", "new_wa_id", "user_id"))


def _ids(item: Any, part: str) -> set[str]:
    return {found for found in _named(object_of(item), part) if found is not None}
