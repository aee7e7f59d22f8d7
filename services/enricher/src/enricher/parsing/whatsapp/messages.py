"""WhatsApp messages, received and sent with the phone app, and what is said about them."""

from typing import Any

import msgspec

from enricher.parsing.context import Reading
from enricher.parsing.emoji import emoji_of
from enricher.parsing.values import first_id, first_text, flag_of, id_of, object_of, said, url_of
from enricher.parsing.whatsapp.contents import CONTENTS, Content, type_of
from enricher.parsing.whatsapp.errors import sentence_of
from shared.contracts import EditItem, MessageItem, ReactionItem, UnsendItem
from shared.contracts.inbox import Attachment, Referral, ReplyTo


def message(reading: Reading, *, kind: str) -> MessageItem | None:
    """Read a message of a type that has content."""
    body = reading.split.body
    if reading.sides.participant_id is None:
        return None
    content = CONTENTS[kind](body)
    context = object_of(body.get("context"))
    answers = id_of(context.get("id"))
    return MessageItem(
        message_id=id_of(body.get("id")) or reading.id,
        direction=reading.sides.direction,
        sender_id=reading.sender_id,
        content=content.text,
        created_at=reading.at,
        attachments=_forwarded(content.attachments) if _is_forwarded(context) else content.attachments,
        reply_to=ReplyTo(message_id=answers) if answers else None,
        payload=content.payload,
        referral=_referral(body.get("referral"), context.get("referred_product")),
        sent_via="native_app" if reading.sides.direction == "outgoing" else None,
        error=sentence_of(body.get("errors"), list(reading.split.errors)),
    )


def reaction(reading: Reading) -> ReactionItem | None:
    """Read a reaction; without an emoji it was taken back."""
    given = object_of(reading.split.body.get("reaction"))
    target = id_of(given.get("message_id"))
    if target is None or reading.sides.participant_id is None:
        return None
    return ReactionItem(
        message_id=target, actor_id=reading.sender_id, emoji=emoji_of(given.get("emoji")), reacted_at=reading.at
    )


def edit(reading: Reading) -> EditItem | None:
    """Read a new text or caption of an earlier message."""
    given = object_of(reading.split.body.get("edit"))
    target = id_of(given.get("original_message_id"))
    if target is None:
        return None
    return EditItem(
        message_id=target, revision=0, edited_at=reading.at, content=_content_of(object_of(given.get("message"))).text
    )


def revoke(reading: Reading) -> UnsendItem | None:
    """Read that an earlier message was taken back."""
    target = id_of(object_of(reading.split.body.get("revoke")).get("original_message_id"))
    return None if target is None else UnsendItem(message_id=target, unsent_at=reading.at)


def _content_of(given: dict[str, Any]) -> Content:
    return CONTENTS[type_of(given, CONTENTS)](given)


def _is_forwarded(context: dict[str, Any]) -> bool:
    return flag_of(context.get("forwarded")) or flag_of(context.get("frequently_forwarded"))


def _forwarded(attachments: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    return tuple(
        msgspec.structs.replace(one, details={**(one.details or {}), "forwarded": True}) for one in attachments
    )


def _referral(ad: Any, product: Any) -> Referral | None:
    """Return what brought the customer: an ad that was clicked, a product that is asked about."""
    if not ad and not product:
        return None
    clicked, asked = object_of(ad), object_of(product)
    referral = Referral(
        source=first_text(clicked, "source_type"),
        type=first_text(clicked, "media_type"),
        ref=said(clicked.get("ctwa_clid")),
        ad_id=first_id(clicked, "source_id"),
        title=first_text(clicked, "headline", "body"),
        url=url_of(clicked.get("source_url")),
        product_id=first_id(asked, "product_retailer_id"),
    )
    return None if referral == _NO_REFERRAL else referral


_NO_REFERRAL = Referral()
