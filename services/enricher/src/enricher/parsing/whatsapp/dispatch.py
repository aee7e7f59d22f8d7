"""Which parser reads a WhatsApp item: an element of one of a change's lists, or a whole change."""

from collections.abc import Mapping
from functools import partial

from enricher.parsing.context import ItemParser, Parties
from enricher.parsing.items import SplitItem
from enricher.parsing.vocabulary import WHATSAPP_MESSAGE_TYPES
from enricher.parsing.whatsapp import messages, records
from enricher.parsing.whatsapp.contents import CONTENT_PARSERS, message_type
from enricher.parsing.whatsapp.value import customer_id, customer_ids
from shared.contracts.inbox import Direction

CHANGE_PARSERS = records.CHANGE_PARSERS
_MESSAGE_PARSERS: Mapping[str, ItemParser] = {
    **{kind: partial(messages.parse_message, kind=kind) for kind in CONTENT_PARSERS},
    "reaction": messages.parse_reaction,
    "edit": messages.parse_edit,
    "revoke": messages.parse_revoke,
    "system": records.parse_system,
}
PARSERS: Mapping[str, ItemParser] = {
    **{f"messages.{kind}": parser for kind, parser in _MESSAGE_PARSERS.items()},
    **{f"message_echoes.{kind}": parser for kind, parser in _MESSAGE_PARSERS.items()},
    "statuses": records.parse_status,
    "calls": records.parse_call,
    "user_id_update": records.parse_user_id_update,
    "user_preferences": records.parse_preference,
    "errors": records.parse_error,
}


def kind_of(split: SplitItem) -> str:
    """Return the kind of the item, from a closed vocabulary, e.g. `messages.text` or `statuses`."""
    if split.part not in {"messages", "message_echoes"}:
        return split.part
    return f"{split.part}.{message_type(split.body, WHATSAPP_MESSAGE_TYPES)}"


def parties_of(split: SplitItem) -> Parties:
    """Return the customer and the direction. Messages sent with the phone app come as `message_echoes`."""
    direction: Direction = "outgoing" if split.part == "message_echoes" else "incoming"
    return Parties(customer_id(split.part, split.body, split.contact), direction)


def aliases_of(split: SplitItem, participant_id: str | None) -> tuple[str, ...]:
    """Return the other IDs of the customer that the item contains."""
    if participant_id is None:
        return ()
    return tuple(known for known in customer_ids(split.part, split.body, split.contact) if known != participant_id)
