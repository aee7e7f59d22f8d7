"""WhatsApp messages, incoming and sent with the phone app, with their reactions, edits and revocations."""

from typing import Any

import msgspec

from enricher.parsing.context import ParseContext
from enricher.parsing.emoji import emoji_of
from enricher.parsing.values import first_id, first_text, flag_of, id_of, object_of, text_or_number, url_of
from enricher.parsing.whatsapp.contents import CONTENT_PARSERS, message_type
from enricher.parsing.whatsapp.errors import error_sentence
from shared.contracts import EditItem, MessageItem, ReactionItem, UnsendItem
from shared.contracts.inbox import Attachment, Referral, ReplyTo


def parse_message(context: ParseContext, *, kind: str) -> MessageItem | None:
    """Parse a message of a type that has content."""
    body = context.split.body
    if context.parties.participant_id is None:
        return None
    content = CONTENT_PARSERS[kind](body)
    # `context` identifies the quoted message, and marks a forwarded one.
    quoted = object_of(body.get("context"))
    quoted_id = id_of(quoted.get("id"))
    return MessageItem(
        message_id=id_of(body.get("id")) or context.id,
        direction=context.parties.direction,
        sender_id=context.sender_id,
        content=content.text,
        created_at=context.at,
        attachments=_mark_forwarded(content.attachments) if _is_forwarded(quoted) else content.attachments,
        reply_to=ReplyTo(message_id=quoted_id) if quoted_id else None,
        payload=content.payload,
        referral=_referral(body.get("referral"), quoted.get("referred_product")),
        sent_via="native_app" if context.parties.direction == "outgoing" else None,
        error=error_sentence(body.get("errors"), list(context.split.errors)),
    )


def parse_reaction(context: ParseContext) -> ReactionItem | None:
    """Parse a reaction. One without an emoji removes it."""
    reaction = object_of(context.split.body.get("reaction"))
    message_id = id_of(reaction.get("message_id"))
    if message_id is None or context.parties.participant_id is None:
        return None
    return ReactionItem(
        message_id=message_id,
        actor_id=context.sender_id,
        emoji=emoji_of(reaction.get("emoji")),
        reacted_at=context.at,
    )


def parse_edit(context: ParseContext) -> EditItem | None:
    """Parse a new text or caption of an earlier message."""
    edit = object_of(context.split.body.get("edit"))
    message_id = id_of(edit.get("original_message_id"))
    if message_id is None:
        return None
    message = object_of(edit.get("message"))
    content = CONTENT_PARSERS[message_type(message, CONTENT_PARSERS)](message)
    return EditItem(message_id=message_id, revision=0, edited_at=context.at, content=content.text)


def parse_revoke(context: ParseContext) -> UnsendItem | None:
    """Parse that an earlier message was revoked."""
    message_id = id_of(object_of(context.split.body.get("revoke")).get("original_message_id"))
    return None if message_id is None else UnsendItem(message_id=message_id, unsent_at=context.at)


def _is_forwarded(quoted: dict[str, Any]) -> bool:
    return flag_of(quoted.get("forwarded")) or flag_of(quoted.get("frequently_forwarded"))


def _mark_forwarded(attachments: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    return tuple(
        msgspec.structs.replace(one, details={**(one.details or {}), "forwarded": True}) for one in attachments
    )


def _referral(ad: Any, product: Any) -> Referral | None:
    """Return the ad that the customer clicked or the product that the customer asks about."""
    if not ad and not product:
        return None
    clicked, referred = object_of(ad), object_of(product)
    referral = Referral(
        source=first_text(clicked, "source_type"),
        type=first_text(clicked, "media_type"),
        ref=text_or_number(clicked.get("ctwa_clid")),
        ad_id=first_id(clicked, "source_id"),
        title=first_text(clicked, "headline", "body"),
        url=url_of(clicked.get("source_url")),
        product_id=first_id(referred, "product_retailer_id"),
    )
    return None if referral == _EMPTY_REFERRAL else referral


_EMPTY_REFERRAL = Referral()
