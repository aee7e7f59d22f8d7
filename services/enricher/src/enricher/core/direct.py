"""Messenger and Instagram items: `{"sender", "recipient", "timestamp", "<kind>": {…}}`."""

from collections.abc import Mapping
from typing import Any

from enricher.core.reading import Reader, Reading, Sides
from enricher.core.splitting import SplitItem
from enricher.core.values import id_of, items_of, object_of, text_of
from shared.contracts import MessageItem
from shared.contracts.inbox import Attachment, ReplyTo

MAX_ATTACHMENTS = 100
_KINDS = (
    "message",
    "message_edit",
    "reaction",
    "read",
    "delivery",
    "postback",
    "optin",
    "referral",
    "account_linking",
    "policy_enforcement",
    "policy-enforcement",
    "pass_thread_control",
    "take_thread_control",
    "request_thread_control",
    "app_roles",
    "message_request",
    "game_play",
    "payment",
    "checkout_update",
    "pre_checkout",
)


def kind_of(split: SplitItem) -> str:
    """Return which kind the item is, from a closed vocabulary."""
    kind = next((name for name in _KINDS if name in split.body), "other")
    if kind != "message":
        return kind.replace("-", "_")
    message = object_of(split.body["message"])
    if message.get("is_deleted"):
        return "message_deleted"
    return "message_echo" if message.get("is_echo") else "message"


def sides_of(split: SplitItem) -> Sides:
    """Return customer and direction.

    An echo has them swapped, though not every source of webhooks does that: the business is whichever of the two is the
    page, and only where this settles nothing the echo flag tells.
    """
    sender = id_of(object_of(split.body.get("sender")).get("id"))
    recipient = id_of(object_of(split.body.get("recipient")).get("id"))
    is_echo = bool(object_of(split.body.get("message")).get("is_echo"))
    is_settled = (sender == split.page_id) != (recipient == split.page_id)
    business_sent = sender == split.page_id if is_settled else is_echo
    return Sides(recipient if business_sent else sender, "outgoing" if business_sent or is_echo else "incoming")


def text_message(reading: Reading) -> MessageItem | None:
    """Read a message that has text, with what else is simple about it."""
    message = object_of(reading.split.body.get("message"))
    text = text_of(message.get("text"))
    if text is None or reading.sides.participant_id is None:
        return None
    return MessageItem(
        message_id=id_of(message.get("mid")) or reading.id,
        direction=reading.sides.direction,
        sender_id=reading.sender_id,
        content=text,
        created_at=reading.at,
        attachments=_attachments(message.get("attachments")),
        reply_to=_reply_to(object_of(message.get("reply_to"))),
    )


READERS: Mapping[str, Reader] = {"message": text_message, "message_echo": text_message}


def _attachments(value: Any) -> tuple[Attachment, ...]:
    if not value:
        return ()
    found = [raw for raw in items_of(value) if isinstance(raw, dict)]
    return tuple(_attachment(raw, object_of(raw.get("payload"))) for raw in found[:MAX_ATTACHMENTS])


def _attachment(raw: dict[str, Any], payload: dict[str, Any]) -> Attachment:
    """Old forms have url and title beside the payload; a payload may be missing altogether."""
    return Attachment(
        type=text_of(raw.get("type")) or "unknown",
        url=text_of(payload.get("url")) or text_of(raw.get("url")),
        title=text_of(payload.get("title")) or text_of(raw.get("title")),
    )


def _reply_to(value: dict[str, Any]) -> ReplyTo | None:
    message_id = id_of(value.get("mid"))
    story = object_of(value.get("story"))
    known = {name: text for name in ("id", "url") if (text := text_of(story.get(name)) or id_of(story.get(name)))}
    return ReplyTo(message_id=message_id, story=known or None) if message_id or known else None
