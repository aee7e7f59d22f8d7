"""What a corpus expects of messages and records: one dict of fields per message or record. Pure.

A value may be `ANYTHING` (any value except None) or `OneOf` several. A field that the event does not determine is left
out and not checked.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.contracts import Platform
from tests.acceptance.corpus import Event, find_all, parse_timestamp

Fields = dict[str, Any]

PAGE_INBOX_APP_ID = "263902037430900"
"""Meta's own inbox for pages."""
STATUSES = frozenset({"sent", "failed", "delivered", "read", "played"})
_WHATSAPP_ATTACHMENTS = frozenset({"image", "video", "audio", "document", "sticker", "location", "contacts"})
_RECORD_KINDS: Mapping[str, str] = {
    "change.comments": "comment",
    "change.live_comments": "comment",
    "change.mentions": "mention",
    "change.mention": "mention",
    "change.feed.comment": "comment",
    "change.feed": "feed",
    "change.ratings": "rating",
    "change.leadgen": "lead",
    "change.story_insights": "story_insights",
    "optin": "optin",
    "referral": "referral",
    "account_linking": "account_linking",
    "policy_enforcement": "policy_enforcement",
    "pass_thread_control": "thread_control",
    "take_thread_control": "thread_control",
    "request_thread_control": "thread_control",
    "app_roles": "app_roles",
    "message_request": "message_request",
    "payment": "commerce",
    "checkout_update": "commerce",
    "pre_checkout": "commerce",
    "game_play": "game_play",
    "wa.call": "call",
    "wa.system": "system",
    "wa.change.user_id_update": "system",
    "wa.change.user_preferences": "optin",
    "wa.change.group_participants_update": "group",
    "wa.change.phone_number_quality_update": "platform_notice",
}


class _Anything:
    """Matches everything except None."""

    def __repr__(self) -> str:
        return "something"


ANYTHING = _Anything()


@dataclass(frozen=True)
class OneOf:
    """Matches any of `values`."""

    values: tuple[Any, ...]

    def __repr__(self) -> str:
        return " or ".join(map(repr, self.values))


def matches(expected: Any, got: Any) -> bool:
    """Return whether `got` matches the expected value."""
    if expected is ANYTHING:
        return got is not None
    return got in expected.values if isinstance(expected, OneOf) else bool(expected == got)


def message_expected(event: Event, platform: Platform, *, entry_time: datetime | None) -> Fields:
    """Return the expected fields of the message of a `new_message` event."""
    fields: Fields = {
        "kind": "postback" if event.postback else "message",
        "direction": event.direction,
        "page": event.page_or_account_id,
        "participant": event.participant_id,
        "sender": event.participant_id if event.direction == "incoming" else event.page_or_account_id,
        "created_at": event.at or entry_time or ANYTHING,
        "is_edited": False,
        "is_unsent": False,
        "reactions": [],
        "status": "sent" if event.direction == "outgoing" else None,
        "sent_via": _sent_via(event),
        **_content(event),
        **_references(event),
    }
    if platform == "whatsapp" and event.profile_name and event.direction == "incoming":
        fields["participant_name"] = event.profile_name
    if event.participant_user_id and event.participant_user_id != event.participant_id:
        fields["linked"] = [event.participant_user_id]
    return fields


def _content(event: Event) -> Fields:
    fields: Fields = {}
    shown = event.postback.title if event.postback else event.text or event.display_text
    if shown is not None or not event.event_type.startswith("wa.message.interactive"):
        fields["text"] = shown
    last = event.event_type.rpartition(".")[2]
    if event.attachment_types is not None:
        kinds = (kind.removeprefix("?") for kind in event.attachment_types)
        fields["attachments"] = sorted("unsupported" if kind == "unsupported_type" else kind for kind in kinds)
    elif event.event_type.startswith("wa.message") and last in _WHATSAPP_ATTACHMENTS:
        fields["attachments"] = [last]
    if event.media_id is not None:
        fields["media_ids"] = [event.media_id]
    if last == "unsupported" and event.event_type.startswith("wa."):
        fields["error"] = ANYTHING
    return fields


def _references(event: Event) -> Fields:
    fields: Fields = {}
    payload = event.postback.payload if event.postback else event.quick_reply_payload
    if payload is not None:
        fields["payload"] = payload
    if event.has_referral or event.event_type.endswith("with_referral"):
        fields["has_referral"] = True
    replied_to = event.reply_to_mid or event.context_id
    if replied_to is not None and replied_to != event.message_id:  # some bodies reply to themselves
        fields["reply_to"] = replied_to
    if event.reply_to_story_id is not None:
        fields["story"] = event.reply_to_story_id
    return fields


def _sent_via(event: Event) -> Any:
    if event.direction != "outgoing":
        return None
    if event.app_id is None:
        return "native_app"
    return "page_inbox" if event.app_id == PAGE_INBOX_APP_ID else OneOf(("own_app", "other_app"))


def base_expected(base: Mapping[str, Any], event: Event, body: Any, *, entry_time: datetime | None) -> Fields:
    """Return the fields of a message after `event`, which refers to it; `base` are the fields before."""
    at = event.at or watermark_of(event) or entry_time or ANYTHING
    if event.effect == "reaction":
        actor = event.participant_id if event.actor != "business" else event.page_or_account_id
        is_removed = event.action == "unreact"
        return {**base, "reactions": [] if is_removed else [(actor, _character(event.emoji))]}
    if event.effect == "receipt":
        return {**base, **_receipt(event, at)}
    if event.event_type.rpartition(".")[2] in ("edit", "message_edit"):
        if is_ignored(event):
            return dict(base)
        text = event.text or event.display_text or next(iter(_edited_texts(body)), None)
        return {**base, "is_edited": True, "text": base["text"] if text is None else text}
    return {**base, "is_unsent": True, "text": None, "attachments": [], "payload": None, "has_referral": False}


def _character(emoji: str | None) -> str | None:
    r"""Return the emoji, decoded if it is written as `\u{2764}\u{FE0F}`."""
    codes = None if emoji is None else re.fullmatch(r"(\\u\{[0-9A-Fa-f]{1,6}\})+", emoji)
    return emoji if codes is None else "".join(chr(int(code, 16)) for code in re.findall(r"\{(\w+)\}", codes[0]))


def _edited_texts(body: Any) -> list[str]:
    return [text for edit in find_all(body, "edit") for text in find_all(edit, "body") if isinstance(text, str)]


def _receipt(event: Event, at: Any) -> Fields:
    status = receipt_status(event)
    if status is None or status == "sent":
        return {}
    if status == "delivered":
        return {"status": status, "delivered_at": at, "read_at": None}
    if status in ("read", "played"):
        return {"status": status, "delivered_at": at, "read_at": at}
    return {"status": status, "error": ANYTHING}


def receipt_status(event: Event) -> str | None:
    """Return the message status of a receipt; None if it is not about a message, such as the status of a call."""
    if event.event_type in ("read", "delivery"):
        return "read" if event.event_type == "read" else "delivered"
    status = event.event_type.rpartition(".")[2]
    return status if status in STATUSES else None


def record_kind(event: Event) -> str | None:
    """Return the kind of record that the event becomes; None if it is stored raw or is not a record."""
    if event.effect == "receipt":
        return None if receipt_status(event) else "status"
    if event.effect not in ("signal", "control", "ignore"):
        return None
    name = event.event_type
    while name and name not in _RECORD_KINDS:
        name = name.rpartition(".")[0]
    return _RECORD_KINDS.get(name)


def is_ignored(event: Event) -> bool:
    """Return whether the event changes nothing.

    That is true for an unknown type, an edit without a text (Instagram), and the status "sent", which every outgoing
    message has.
    """
    if event.event_type == "message_edit":
        return event.text is None and str(event.num_edit or 0) == "0"
    if event.effect == "receipt":
        return receipt_status(event) == "sent"
    return event.effect == "ignore" and record_kind(event) is None


def record_expected(event: Event, kind: str) -> Fields:
    """Return the expected fields of the event's record. Authors of comments are actors, not participants."""
    fields: Fields = {"kind": kind, "page_id": event.page_or_account_id or ANYTHING}
    if event.participant_id is not None or event.comment_text is not None:
        fields["participant_id"] = event.participant_id
    if event.comment_author_id is not None:
        fields["actor_id"] = event.comment_author_id
    if event.comment_text is not None:
        fields["text"] = event.comment_text
    return fields


def watermark_of(event: Event) -> datetime | None:
    """Return the time up to which a receipt covers messages that it does not name."""
    return parse_timestamp(event.watermark)
