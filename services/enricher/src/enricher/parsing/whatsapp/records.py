"""WhatsApp statuses, calls, and changes of customers, groups and the account itself."""

from collections.abc import Mapping
from functools import partial
from typing import get_args

from enricher.parsing.context import ItemParser, ParseContext
from enricher.parsing.records import record_item
from enricher.parsing.values import first_id, first_text, id_of, keyword_of, object_of, text_of
from enricher.parsing.vocabulary import ACCOUNT_NOTICES, GROUP_CHANGES
from enricher.parsing.whatsapp.errors import error_sentence
from shared.contracts import Item, RecordItem, RecordKind, UnsendItem
from shared.contracts.inbox import MessageStatus
from shared.contracts.items import ReceiptItem

_MESSAGE_STATUSES: dict[str, MessageStatus] = {status: status for status in get_args(MessageStatus)}

_TYPES_WITHOUT_MESSAGE = frozenset({"call", "payment"})
"""Types of statuses that are not about a message: a failed payment is not a failed message."""


def parse_status(context: ParseContext) -> Item:
    """Parse the status of a message. The status of a call or payment, and any unknown status, becomes a record."""
    body = context.split.body
    target_id, word = id_of(body.get("id")), keyword_of(body.get("status"))
    error = error_sentence(body.get("errors"), list(context.split.errors))
    if target_id is not None and word is not None and keyword_of(body.get("type")) not in _TYPES_WITHOUT_MESSAGE:
        if word == "deleted":
            return UnsendItem(message_id=target_id, unsent_at=context.at)
        status = _MESSAGE_STATUSES.get(word)
        if status is not None:
            reported = error if status == "failed" else None
            return ReceiptItem(status=status, at=context.at, message_ids=(target_id,), error=reported)
    natural_id = f"{target_id}:{word}" if target_id is not None and word is not None else None
    return record_item(context, "status", natural_id=natural_id, actor_id=_customer_id(context), text=error or word)


def parse_call(context: ParseContext) -> RecordItem:
    """Parse that a call began or ended."""
    body = context.split.body
    call_id, word = id_of(body.get("id")), first_text(body, "event", "status")
    natural_id = f"{call_id}:{word}" if call_id is not None and keyword_of(word) is not None else None
    return record_item(
        context, "call", natural_id=natural_id, actor_id=first_id(body, "from", "from_user_id"), text=word
    )


def parse_system(context: ParseContext) -> RecordItem:
    """Parse that a customer has a new number, user ID or device."""
    body = context.split.body
    return record_item(
        context,
        "system",
        natural_id=id_of(body.get("id")),
        actor_id=_customer_id(context),
        text=first_text(object_of(body.get("system")), "body", "type"),
    )


def parse_user_id_update(context: ParseContext) -> RecordItem:
    """Parse that a customer has a new business-scoped user ID."""
    return record_item(context, "system", actor_id=_customer_id(context), text=first_text(context.split.body, "detail"))


def parse_preference(context: ParseContext) -> RecordItem:
    """Parse that a customer opted out of marketing messages, or in again."""
    text = first_text(context.split.body, "detail", "value")
    return record_item(context, "optin", actor_id=_customer_id(context), text=text)


def parse_error(context: ParseContext) -> RecordItem:
    """Parse an error that is not about a message."""
    return record_item(context, "platform_notice", text=error_sentence(context.split.body))


def _parse_change(context: ParseContext, *, kind: RecordKind) -> RecordItem:
    """Parse a whole change: of groups, or of the account itself."""
    value = object_of(context.split.body.get("value"))
    text = first_text(value, "event", "decision", "title") or text_of(value.get("message"))
    return record_item(context, kind, text=text)


def _customer_id(context: ParseContext) -> str | None:
    return context.parties.participant_id


CHANGE_PARSERS: Mapping[str, ItemParser] = {
    **{field: partial(_parse_change, kind="platform_notice") for field in ACCOUNT_NOTICES},
    **{field: partial(_parse_change, kind="group") for field in GROUP_CHANGES},
}
"""By the change's `field`."""
