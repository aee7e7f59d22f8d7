"""Messages and postbacks of Messenger and Instagram."""

from typing import Any

from enricher.parsing.attachments import UNSUPPORTED
from enricher.parsing.context import ParseContext
from enricher.parsing.messenger.attachments import attachments_of
from enricher.parsing.records import record_item
from enricher.parsing.values import (
    first_id,
    first_text,
    flag_of,
    id_of,
    object_of,
    text_of,
    text_or_number,
    url_of,
)
from shared.contracts import MessageItem, RecordItem
from shared.contracts.inbox import Referral, ReplyTo, SentVia

PAGE_INBOX_APP_ID = "263902037430900"
"""Meta's own inbox, in Business Suite."""


def parse_message(context: ParseContext) -> MessageItem | RecordItem | None:
    """Parse a message or an echo. One without ID, text and attachments is not a message."""
    message = context.split.body.get("message")
    if not isinstance(message, dict):
        return None
    message_id, content = id_of(message.get("mid")), text_or_number(message.get("text"))
    if context.parties.participant_id is None:
        return _visitor_record(context, message_id, content)
    attachments = attachments_of(message.get("attachments"))
    if not attachments and flag_of(message.get("is_unsupported")):
        attachments = (UNSUPPORTED,)
    if message_id is None and content is None and not attachments:
        return None
    quick_reply = message.get("quick_reply")
    return MessageItem(
        message_id=message_id or context.id,
        direction=context.parties.direction,
        sender_id=context.sender_id,
        content=content,
        created_at=context.at,
        attachments=attachments,
        reply_to=_reply_to(message.get("reply_to")),
        payload=text_or_number(quick_reply.get("payload")) if isinstance(quick_reply, dict) else None,
        referral=referral_of(message.get("referral")) or referral_of(context.split.body.get("referral")),
        sent_via=_sent_via(message.get("app_id"), context) if context.parties.direction == "outgoing" else None,
    )


def parse_postback(context: ParseContext) -> MessageItem | RecordItem | None:
    """Parse a pressed button. Its title becomes the text of the customer's message."""
    postback = context.split.body.get("postback")
    if not isinstance(postback, dict):
        return None
    message_id, title = id_of(postback.get("mid")), text_or_number(postback.get("title"))
    if context.parties.participant_id is None:
        return _visitor_record(context, message_id, title)
    return MessageItem(
        message_id=message_id or context.id,
        message_kind="postback",
        direction=context.parties.direction,
        sender_id=context.sender_id,
        content=title,
        created_at=context.at,
        payload=text_or_number(postback.get("payload")),
        referral=referral_of(postback.get("referral")) or referral_of(context.split.body.get("referral")),
    )


def referral_of(value: Any) -> Referral | None:
    """Return where the customer came from: an ad, a link or a product."""
    if not value or not isinstance(value, dict):
        return None
    ad, product = object_of(value.get("ads_context_data")), object_of(value.get("product"))
    urls = (value.get("referer_uri"), ad.get("photo_url"), ad.get("video_url"))
    referral = Referral(
        source=text_of(value.get("source")),
        type=text_of(value.get("type")),
        ref=text_or_number(value.get("ref")),
        ad_id=id_of(value.get("ad_id")),
        title=first_text(ad, "ad_title"),
        url=next((url for url in map(url_of, urls) if url), None),
        product_id=first_id(product, "id") or first_id(ad, "product_id"),
    )
    return None if referral == _EMPTY_REFERRAL else referral


_EMPTY_REFERRAL = Referral()


def _visitor_record(context: ParseContext, message_id: str | None, text: str | None) -> RecordItem | None:
    """Return a record of what a visitor of the chat plug-in sent: a `user_ref` cannot have a conversation."""
    visitor = first_id(object_of(context.split.body.get("sender")), "user_ref")
    if visitor is None or context.parties.direction == "outgoing":
        return None
    return record_item(context, "optin", natural_id=message_id, actor_id=visitor, text=text)


def _reply_to(value: Any) -> ReplyTo | None:
    if not value or not isinstance(value, dict):
        return None
    message_id, given = id_of(value.get("mid")), object_of(value.get("story"))
    parts = {"id": id_of(given.get("id")), "url": url_of(given.get("url"))}
    story = {name: text for name, text in parts.items() if text}
    return ReplyTo(message_id=message_id, story=story or None) if message_id or story else None


def _sent_via(app_id: Any, context: ParseContext) -> SentVia:
    """Return what an echo was sent with. Without an app ID a person used the platform's own app."""
    if app_id is None:
        return "native_app"
    app = id_of(app_id)
    if app == PAGE_INBOX_APP_ID:
        return "page_inbox"
    return "own_app" if app in context.own_app_ids else "other_app"
