"""What Messenger and Instagram say beside messages: opt-ins, referrals, hand-overs, commerce."""

from collections.abc import Mapping
from functools import partial

from enricher.parsing.context import Reader, Reading
from enricher.parsing.records import record
from enricher.parsing.values import first_id, first_text, object_of, text_of
from shared.contracts import RecordItem, RecordKind

_KINDS: Mapping[str, tuple[RecordKind, tuple[str, ...]]] = {
    "optin": ("optin", ("title", "ref")),
    "referral": ("referral", ("ref",)),
    "account_linking": ("account_linking", ("status",)),
    "policy_enforcement": ("policy_enforcement", ("reason", "action")),
    "pass_thread_control": ("thread_control", ("metadata",)),
    "take_thread_control": ("thread_control", ("metadata",)),
    "request_thread_control": ("thread_control", ("metadata",)),
    "app_roles": ("app_roles", ()),
    "message_request": ("message_request", ()),
    "game_play": ("game_play", ("payload",)),
    "payment": ("commerce", ("payload",)),
    "checkout_update": ("commerce", ("payload",)),
    "pre_checkout": ("commerce", ("payload",)),
    "messaging_customer_feedback": ("feedback", ()),
    "customer_feedback": ("feedback", ()),
    "messaging_feedback": ("feedback", ()),
    "response_feedback": ("feedback", ("feedback",)),
}
"""Kind of record, and which values say in words what it is about."""


def _read(reading: Reading, *, name: str) -> RecordItem:
    """Read an item that is kept as it is; a visitor of a plug-in is named by `user_ref` alone."""
    body = reading.split.body
    kind, texts = _KINDS[name]
    given = body.get(name, body.get(name.replace("_", "-")))
    said = object_of(given)
    sender = object_of(body.get("sender"))
    return record(
        reading,
        kind,
        actor_id=first_id(sender, "id", "user_ref") or first_id(said, "user_ref"),
        text=text_of(given) or first_text(said, *texts),
    )


READERS: Mapping[str, Reader] = {name: partial(_read, name=name) for name in _KINDS}
