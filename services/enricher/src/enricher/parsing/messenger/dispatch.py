"""Messenger and Instagram items: `{"sender", "recipient", "timestamp", "<kind>": {…}}`."""

from collections.abc import Mapping

from enricher.parsing.context import Reader, Sides
from enricher.parsing.items import SplitItem
from enricher.parsing.messenger import annotations, messages, records
from enricher.parsing.values import flag_of, id_of, object_of
from enricher.parsing.vocabulary import EVENT_KINDS

READERS: Mapping[str, Reader] = {
    "message": messages.message,
    "message_echo": messages.message,
    "message_deleted": annotations.unsend,
    "message_edit": annotations.edit,
    "reaction": annotations.reaction,
    "read": annotations.read,
    "delivery": annotations.delivery,
    "postback": messages.postback,
    **records.READERS,
}


def kind_of(split: SplitItem) -> str:
    """Return which kind the item is, from a closed vocabulary."""
    body = split.body
    given = body.get("message")
    if given is None:
        kind = next((name for name in EVENT_KINDS if body.get(name) is not None), "other")
        return kind.replace("-", "_")
    message = object_of(given)
    if flag_of(message.get("is_deleted")):
        return "message_deleted"
    return "message_echo" if flag_of(message.get("is_echo")) else "message"


def sides_of(split: SplitItem) -> Sides:
    """Return customer and direction.

    An echo has them swapped, though not every source of webhooks does that: the business is whichever of the two is the
    page, and only where this settles nothing the echo flag tells.
    """
    sender = id_of(object_of(split.body.get("sender")).get("id"))
    recipient = id_of(object_of(split.body.get("recipient")).get("id"))
    is_echo = flag_of(object_of(split.body.get("message")).get("is_echo"))
    is_settled = (sender == split.page_id) != (recipient == split.page_id)
    business_sent = sender == split.page_id if is_settled else is_echo
    return Sides(recipient if business_sent else sender, "outgoing" if business_sent or is_echo else "incoming")
