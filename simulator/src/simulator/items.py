"""Items of Messenger and Instagram webhooks: the elements of `entry[].messaging[]`.

Shapes follow developers.facebook.com, Messenger Platform "webhook events" and Instagram Platform "webhooks".
In every builder `customer_id` is the customer, whoever the sender is. Timestamps are in milliseconds.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

Item = dict[str, Any]


def milliseconds(at: datetime) -> int:
    """Return `at` as Unix time in whole milliseconds."""
    return int(at.timestamp() * 1000)


def from_customer(page_id: str, customer_id: str, at: datetime, content: Item) -> Item:
    """Return an item caused by the customer; `content` is added to sender, recipient and time."""
    return {"sender": {"id": customer_id}, "recipient": {"id": page_id}, "timestamp": milliseconds(at), **content}


def from_page(page_id: str, customer_id: str, at: datetime, content: Item) -> Item:
    """Return an item caused by the page: sender and recipient are swapped."""
    return {"sender": {"id": page_id}, "recipient": {"id": customer_id}, "timestamp": milliseconds(at), **content}


def text(page_id: str, customer_id: str, *, at: datetime, message_id: str, content: str) -> Item:
    """Return a customer's text message."""
    return from_customer(page_id, customer_id, at, {"message": {"mid": message_id, "text": content}})


def echo(
    page_id: str, customer_id: str, *, at: datetime, message_id: str, content: str, app_id: str | None = None
) -> Item:
    """Return the echo of a text from the page; without `app_id` a person wrote it in the platform's own app."""
    message: Item = {"mid": message_id, "is_echo": True, "text": content}
    if app_id is not None:
        message["app_id"] = app_id
    return from_page(page_id, customer_id, at, {"message": message})


def attachment(
    page_id: str,
    customer_id: str,
    *,
    at: datetime,
    message_id: str,
    kind: str,
    payload: Item | None,
    by_page: bool = False,
    extra: Item | None = None,
) -> Item:
    """Return a message with one attachment.

    Args:
        page_id: the page or account.
        customer_id: the customer, whoever the sender is.
        at: when it was sent.
        message_id: the message's ID.
        kind: the attachment's type.
        payload: the attachment's payload; None for types without one.
        by_page: whether it is the echo of the page's message.
        extra: fields besides type and payload, as in the old format of shared links.
    """
    part: Item = {"type": kind, **(extra or {})}
    if payload is not None:
        part["payload"] = payload
    message: Item = {"mid": message_id, "attachments": [part]}
    if by_page:
        return from_page(page_id, customer_id, at, {"message": {**message, "is_echo": True}})
    return from_customer(page_id, customer_id, at, {"message": message})


def reply(page_id: str, customer_id: str, *, at: datetime, message_id: str, content: str, replied_to: str) -> Item:
    """Return a text that replies to the message `replied_to`."""
    message = {"mid": message_id, "text": content, "reply_to": {"mid": replied_to}}
    return from_customer(page_id, customer_id, at, {"message": message})


def story_reply(
    page_id: str, customer_id: str, *, at: datetime, message_id: str, content: str, story_id: str, story_url: str
) -> Item:
    """Return an Instagram text that replies to one of the account's stories."""
    message = {"mid": message_id, "text": content, "reply_to": {"story": {"id": story_id, "url": story_url}}}
    return from_customer(page_id, customer_id, at, {"message": message})


def quick_reply(page_id: str, customer_id: str, *, at: datetime, message_id: str, content: str, payload: str) -> Item:
    """Return the message that a tap on a quick reply sends."""
    message = {"mid": message_id, "text": content, "quick_reply": {"payload": payload}}
    return from_customer(page_id, customer_id, at, {"message": message})


def referred(page_id: str, customer_id: str, *, at: datetime, message_id: str, content: str, ad_id: str) -> Item:
    """Return a text from somebody who arrived through an ad."""
    referral = {"source": "ADS", "type": "OPEN_THREAD", "ad_id": ad_id, "ads_context_data": {"ad_title": "Open again"}}
    return from_customer(
        page_id, customer_id, at, {"message": {"mid": message_id, "text": content, "referral": referral}}
    )


def postback(page_id: str, customer_id: str, *, at: datetime, message_id: str, title: str, payload: str) -> Item:
    """Return a tap on a button or on "Get started"."""
    return from_customer(
        page_id, customer_id, at, {"postback": {"mid": message_id, "title": title, "payload": payload}}
    )


def edit(
    page_id: str,
    customer_id: str,
    *,
    at: datetime,
    message_id: str,
    content: str | None,
    number: int,
    by_page: bool = False,
) -> Item:
    """Return the `number`-th edit of the message, from 1. Instagram also sends number 0 without a text: no edit."""
    content_of_edit: Item = {"mid": message_id, "num_edit": number}
    if content is not None:
        content_of_edit["text"] = content
    return (from_page if by_page else from_customer)(page_id, customer_id, at, {"message_edit": content_of_edit})


def unsend(page_id: str, customer_id: str, *, at: datetime, message_id: str, by_page: bool = False) -> Item:
    """Return the unsend of the message by its author."""
    message: Item = {"mid": message_id, "is_deleted": True}
    if by_page:
        return from_page(page_id, customer_id, at, {"message": {**message, "is_echo": True}})
    return from_customer(page_id, customer_id, at, {"message": message})


def reaction(
    page_id: str,
    customer_id: str,
    *,
    at: datetime,
    message_id: str,
    emoji: str | None,
    name: str = "other",
    by_page: bool = False,
) -> Item:
    """Return a reaction to the message, by the customer or the page; None as `emoji` removes it."""
    if emoji is None:
        content: Item = {"mid": message_id, "action": "unreact"}
    else:
        content = {"mid": message_id, "action": "react", "reaction": name, "emoji": emoji}
    return (from_page if by_page else from_customer)(page_id, customer_id, at, {"reaction": content})


def read_up_to(page_id: str, customer_id: str, *, at: datetime, watermark: datetime) -> Item:
    """Return Messenger's read receipt, which covers every message sent up to `watermark`."""
    return from_customer(page_id, customer_id, at, {"read": {"watermark": milliseconds(watermark)}})


def read_message(page_id: str, customer_id: str, *, at: datetime, message_id: str) -> Item:
    """Return Instagram's read receipt, which covers one message."""
    return from_customer(page_id, customer_id, at, {"read": {"mid": message_id}})


def delivery(
    page_id: str, customer_id: str, *, at: datetime, watermark: datetime, message_ids: Sequence[str] = ()
) -> Item:
    """Return Messenger's delivery receipt; without `message_ids` it has no `mids`, as at Meta."""
    content: Item = {"watermark": milliseconds(watermark)}
    if message_ids:
        content["mids"] = list(message_ids)
    return from_customer(page_id, customer_id, at, {"delivery": content})
