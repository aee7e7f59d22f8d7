"""WhatsApp items: elements of the lists of a change's value, or whole changes."""

from collections.abc import Mapping
from functools import partial

from enricher.parsing.context import Reader, Sides
from enricher.parsing.items import SplitItem
from enricher.parsing.vocabulary import WHATSAPP_MESSAGE_TYPES
from enricher.parsing.whatsapp import messages, records
from enricher.parsing.whatsapp.contents import CONTENTS, type_of
from enricher.parsing.whatsapp.value import customer_of, ids_of
from shared.contracts.inbox import Direction

CHANGE_READERS = records.CHANGE_READERS
_OF_MESSAGES: Mapping[str, Reader] = {
    **{kind: partial(messages.message, kind=kind) for kind in CONTENTS},
    "reaction": messages.reaction,
    "edit": messages.edit,
    "revoke": messages.revoke,
    "system": records.system,
}
READERS: Mapping[str, Reader] = {
    **{f"messages.{kind}": reader for kind, reader in _OF_MESSAGES.items()},
    **{f"message_echoes.{kind}": reader for kind, reader in _OF_MESSAGES.items()},
    "statuses": records.status,
    "calls": records.call,
    "user_id_update": records.user_id_update,
    "user_preferences": records.preference,
    "errors": records.error,
}


def kind_of(split: SplitItem) -> str:
    """Return which kind the item is, from a closed vocabulary, e.g. `messages.text` or `statuses`.

    Where the type of a message is missing, the object that says what it is tells it.
    """
    if split.part not in {"messages", "message_echoes"}:
        return split.part
    return f"{split.part}.{type_of(split.body, WHATSAPP_MESSAGE_TYPES)}"


def sides_of(split: SplitItem) -> Sides:
    """Return customer and direction; what the phone app sent comes as `message_echoes`."""
    direction: Direction = "outgoing" if split.part == "message_echoes" else "incoming"
    return Sides(customer_of(split.part, split.body, split.contact), direction)


def aliases_of(split: SplitItem, participant_id: str | None) -> tuple[str, ...]:
    """Return the other ids of the customer, as far as the item tells them."""
    if participant_id is None:
        return ()
    return tuple(known for known in ids_of(split.part, split.body, split.contact) if known != participant_id)
