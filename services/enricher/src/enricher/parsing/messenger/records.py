"""Messenger and Instagram items beside conversations: opt-ins, referrals, handovers, commerce."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from enricher.parsing.context import ItemParser, ParseContext
from enricher.parsing.records import record_item
from enricher.parsing.values import first_id, first_text, object_of, text_of
from shared.contracts import RecordItem, RecordKind


class _RecordType(NamedTuple):
    kind: RecordKind
    text_fields: tuple[str, ...] = ()
    """Fields that describe it in words, the best one first."""


_TYPES: Mapping[str, _RecordType] = {
    "optin": _RecordType("optin", ("title", "ref")),
    "referral": _RecordType("referral", ("ref",)),
    "account_linking": _RecordType("account_linking", ("status",)),
    "policy_enforcement": _RecordType("policy_enforcement", ("reason", "action")),
    "pass_thread_control": _RecordType("thread_control", ("metadata",)),
    "take_thread_control": _RecordType("thread_control", ("metadata",)),
    "request_thread_control": _RecordType("thread_control", ("metadata",)),
    "app_roles": _RecordType("app_roles"),
    "message_request": _RecordType("message_request"),
    "game_play": _RecordType("game_play", ("payload",)),
    "payment": _RecordType("commerce", ("payload",)),
    "checkout_update": _RecordType("commerce", ("payload",)),
    "pre_checkout": _RecordType("commerce", ("payload",)),
    "messaging_customer_feedback": _RecordType("feedback"),
    "customer_feedback": _RecordType("feedback"),
    "messaging_feedback": _RecordType("feedback"),
    "response_feedback": _RecordType("feedback", ("feedback",)),
}
"""By the name of the object in the item."""


def _parse_record(context: ParseContext, *, name: str) -> RecordItem:
    """Parse an item that is stored unchanged. A visitor of the chat plug-in has only a `user_ref`."""
    body, record_type = context.split.body, _TYPES[name]
    given = body.get(name, body.get(name.replace("_", "-")))
    content, sender = object_of(given), object_of(body.get("sender"))
    return record_item(
        context,
        record_type.kind,
        actor_id=first_id(sender, "id", "user_ref") or first_id(content, "user_ref"),
        text=text_of(given) or first_text(content, *record_type.text_fields),
    )


PARSERS: Mapping[str, ItemParser] = {name: partial(_parse_record, name=name) for name in _TYPES}
