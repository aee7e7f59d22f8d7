"""Messages and postbacks of Messenger and Instagram."""

from typing import Any

from enricher.parsing.attachments import UNSUPPORTED
from enricher.parsing.context import Reading
from enricher.parsing.messenger.attachments import attachments_of
from enricher.parsing.records import record
from enricher.parsing.values import (
    first_id,
    first_text,
    flag_of,
    id_of,
    object_of,
    said,
    text_of,
    url_of,
)
from shared.contracts import MessageItem, RecordItem
from shared.contracts.inbox import Referral, ReplyTo, SentVia

PAGE_INBOX_APP_ID = "263902037430900"
"""Meta's own inbox, in Business Suite."""


def message(reading: Reading) -> MessageItem | RecordItem | None:
    """Read a message or an echo. One that says nothing at all and has no id is none."""
    given = reading.split.body.get("message")
    if not isinstance(given, dict):
        return None
    if reading.sides.participant_id is None:
        return _of_stranger(reading, id_of(given.get("mid")), said(given.get("text")))
    mid, content = id_of(given.get("mid")), said(given.get("text"))
    attachments = attachments_of(given.get("attachments"))
    if not attachments and flag_of(given.get("is_unsupported")):
        attachments = (UNSUPPORTED,)
    if mid is None and content is None and not attachments:
        return None
    quick_reply = given.get("quick_reply")
    return MessageItem(
        message_id=mid or reading.id,
        direction=reading.sides.direction,
        sender_id=reading.sender_id,
        content=content,
        created_at=reading.at,
        attachments=attachments,
        reply_to=_reply_to(given.get("reply_to")),
        payload=said(quick_reply.get("payload")) if isinstance(quick_reply, dict) else None,
        referral=referral_of(given.get("referral")) or referral_of(reading.split.body.get("referral")),
        sent_via=_sent_via(given.get("app_id"), reading) if reading.sides.direction == "outgoing" else None,
    )


def postback(reading: Reading) -> MessageItem | RecordItem | None:
    """Read a pressed button: the button's title is what the customer said."""
    given = reading.split.body.get("postback")
    if not isinstance(given, dict):
        return None
    mid, title, payload = id_of(given.get("mid")), said(given.get("title")), said(given.get("payload"))
    if reading.sides.participant_id is None:
        return _of_stranger(reading, mid, title)
    return MessageItem(
        message_id=mid or reading.id,
        message_kind="postback",
        direction=reading.sides.direction,
        sender_id=reading.sender_id,
        content=title,
        created_at=reading.at,
        payload=payload,
        referral=referral_of(given.get("referral")) or referral_of(reading.split.body.get("referral")),
    )


def referral_of(value: Any) -> Referral | None:
    """Return what brought the customer, of any of the forms: an ad, a link, a product."""
    if not value or not isinstance(value, dict):
        return None
    ad, product = object_of(value.get("ads_context_data")), object_of(value.get("product"))
    urls = (value.get("referer_uri"), ad.get("photo_url"), ad.get("video_url"))
    referral = Referral(
        source=text_of(value.get("source")),
        type=text_of(value.get("type")),
        ref=said(value.get("ref")),
        ad_id=id_of(value.get("ad_id")),
        title=first_text(ad, "ad_title"),
        url=next((url for url in map(url_of, urls) if url), None),
        product_id=first_id(product, "id") or first_id(ad, "product_id"),
    )
    return None if referral == _NO_REFERRAL else referral


_NO_REFERRAL = Referral()


def _of_stranger(reading: Reading, mid: str | None, text: str | None) -> RecordItem | None:
    """Keep what came of a plug-in's visitor: `user_ref` names nobody to whom a conversation could belong."""
    visitor = first_id(object_of(reading.split.body.get("sender")), "user_ref")
    if visitor is None or reading.sides.direction == "outgoing":
        return None
    return record(reading, "optin", natural_id=mid, actor_id=visitor, text=text)


def _reply_to(value: Any) -> ReplyTo | None:
    if not value or not isinstance(value, dict):
        return None
    message_id, story = id_of(value.get("mid")), object_of(value.get("story"))
    known = {"id": id_of(story.get("id")), "url": url_of(story.get("url"))}
    told = {name: text for name, text in known.items() if text}
    return ReplyTo(message_id=message_id, story=told or None) if message_id or told else None


def _sent_via(app_id: Any, reading: Reading) -> SentVia:
    """Tell what an echo was sent with: without an app it was a person in the platform's own app."""
    if app_id is None:
        return "native_app"
    app = id_of(app_id)
    if app == PAGE_INBOX_APP_ID:
        return "page_inbox"
    return "own_app" if app in reading.own_app_ids else "other_app"
