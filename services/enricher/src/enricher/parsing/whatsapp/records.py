"""WhatsApp statuses, calls and changes of people, groups and the account itself."""

from collections.abc import Mapping
from functools import partial
from typing import get_args

from enricher.parsing.context import Reader, Reading
from enricher.parsing.records import record
from enricher.parsing.values import first_id, first_text, id_of, object_of, text_of, word_of
from enricher.parsing.vocabulary import ACCOUNT_NOTICES, GROUP_CHANGES
from enricher.parsing.whatsapp.errors import sentence_of
from shared.contracts import Item, RecordItem, RecordKind, UnsendItem
from shared.contracts.inbox import MessageStatus
from shared.contracts.items import ReceiptItem

_STEPS: dict[str, MessageStatus] = {step: step for step in get_args(MessageStatus)}

_OF_OTHERS = frozenset({"call", "payment"})
"""What a status may be about beside a message: a payment that failed is no message that failed."""


def status(reading: Reading) -> Item:
    """Read how far a message has come; of a call's or payment's status, and of any other word, a record is kept."""
    body = reading.split.body
    target, word = id_of(body.get("id")), word_of(body.get("status"))
    error = sentence_of(body.get("errors"), list(reading.split.errors))
    is_message = target is not None and word_of(body.get("type")) not in _OF_OTHERS
    if is_message and target is not None and word == "deleted":
        return UnsendItem(message_id=target, unsent_at=reading.at)
    step = _STEPS.get(word) if is_message and word is not None else None
    if step is not None and target is not None:
        return ReceiptItem(status=step, at=reading.at, message_ids=(target,), error=error if step == "failed" else None)
    named = f"{target}:{word}" if target is not None and word is not None else None
    return record(reading, "status", natural_id=named, actor_id=_customer(reading), text=error or word)


def call(reading: Reading) -> RecordItem:
    """Read that a call began or ended."""
    body = reading.split.body
    call_id, word = id_of(body.get("id")), first_text(body, "event", "status")
    named = f"{call_id}:{word_of(word)}" if call_id is not None and word_of(word) is not None else None
    return record(reading, "call", natural_id=named, actor_id=first_id(body, "from", "from_user_id"), text=word)


def system(reading: Reading) -> RecordItem:
    """Read that a customer has another number or user id, or another device."""
    body = reading.split.body
    said = object_of(body.get("system"))
    return record(
        reading,
        "system",
        natural_id=id_of(body.get("id")),
        actor_id=_customer(reading),
        text=first_text(said, "body", "type"),
    )


def user_id_update(reading: Reading) -> RecordItem:
    """Read that a customer has another business-scoped user id."""
    return record(reading, "system", actor_id=_customer(reading), text=first_text(reading.split.body, "detail"))


def preference(reading: Reading) -> RecordItem:
    """Read that a customer wants marketing messages no longer, or again."""
    return record(reading, "optin", actor_id=_customer(reading), text=first_text(reading.split.body, "detail", "value"))


def error(reading: Reading) -> RecordItem:
    """Read an error that is about no message."""
    return record(reading, "platform_notice", text=sentence_of(reading.split.body))


def _change(reading: Reading, *, kind: RecordKind) -> RecordItem:
    """Keep a whole change: about groups, or about the account itself."""
    value = object_of(reading.split.body.get("value"))
    return record(reading, kind, text=first_text(value, "event", "decision", "title") or text_of(value.get("message")))


def _customer(reading: Reading) -> str | None:
    return reading.sides.participant_id


CHANGE_READERS: Mapping[str, Reader] = {
    **{field: partial(_change, kind="platform_notice") for field in ACCOUNT_NOTICES},
    **{field: partial(_change, kind="group") for field in GROUP_CHANGES},
}
