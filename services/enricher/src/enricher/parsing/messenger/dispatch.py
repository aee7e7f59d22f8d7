"""Which parser reads a Messenger or Instagram item: `{"sender", "recipient", "timestamp", "<kind>": {…}}`."""

from collections.abc import Mapping

from enricher.parsing.context import ItemParser, Parties
from enricher.parsing.items import SplitItem
from enricher.parsing.messenger import annotations, messages, records
from enricher.parsing.values import flag_of, id_of, object_of
from enricher.parsing.vocabulary import EVENT_KINDS

PARSERS: Mapping[str, ItemParser] = {
    "message": messages.parse_message,
    "message_echo": messages.parse_message,
    "message_deleted": annotations.parse_unsend,
    "message_edit": annotations.parse_edit,
    "reaction": annotations.parse_reaction,
    "read": annotations.parse_read,
    "delivery": annotations.parse_delivery,
    "postback": messages.parse_postback,
    **records.PARSERS,
}


def kind_of(split: SplitItem) -> str:
    """Return the kind of the item, from a closed vocabulary."""
    body = split.body
    given = body.get("message")
    if given is None:
        kind = next((name for name in EVENT_KINDS if body.get(name) is not None), "other")
        return kind.replace("-", "_")
    message = object_of(given)
    if flag_of(message.get("is_deleted")):
        return "message_deleted"
    return "message_echo" if flag_of(message.get("is_echo")) else "message"


def parties_of(split: SplitItem) -> Parties:
    """Return the customer and the direction of the item.

    In an echo the page is the sender, but not every source of webhooks swaps the two. So the business is whichever of
    them has the page's ID, and the echo flag decides only if neither or both have.
    """
    sender = id_of(object_of(split.body.get("sender")).get("id"))
    recipient = id_of(object_of(split.body.get("recipient")).get("id"))
    is_echo = flag_of(object_of(split.body.get("message")).get("is_echo"))
    is_unambiguous = (sender == split.page_id) != (recipient == split.page_id)
    business_sent = sender == split.page_id if is_unambiguous else is_echo
    return Parties(recipient if business_sent else sender, "outgoing" if business_sent or is_echo else "incoming")
