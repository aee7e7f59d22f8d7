"""WhatsApp messages, and what they are parsed to."""

from typing import Any

from shared.contracts import Item, MessageItem
from shared.contracts.inbox import Attachment, Coordinates, Referral, ReplyTo
from tests.unit.enricher.bodies import whatsapp, whatsapp_text
from tests.unit.enricher.parsing.cases import AT, ITEM_ID, Case, raw, received

PHONE, USER = "4915550002", "US.1"
MEDIA = {"id": "55", "mime_type": "image/webp", "sha256": "ab"}
ERROR = {"code": 131051, "title": "Unsupported", "error_data": {"details": "Message type is not supported."}}
SENTENCE = "Unsupported: Message type is not supported (131051)."


def incoming(name: str, item: Item, *, participant_id: str | None = PHONE, aliases: Any = (), **changes: Any) -> Case:
    return Case(name, whatsapp(messages=[whatsapp_text(**{"text": None, **changes})]), item, participant_id, aliases)


def of_type(name: str, kind: str, given: Any, item: Item, **more: Any) -> Case:
    return incoming(name, item, **{"type": kind, kind: given}, **more)


def message(**changes: Any) -> MessageItem:
    return received(**{"message_id": "wamid.1", "sender_id": PHONE, **changes})


def attached(kind: str, **changes: Any) -> tuple[Attachment, ...]:
    return (Attachment(type=kind, **changes),)


CARDS = [{"name": {"formatted_name": "Grace"}, "phones": [{"phone": "1"}]}]
NAMELESS = [{"vcard": "x", "phones": [{"type": "CELL"}, {"phone": "+49 1"}]}]
ORDER = {"catalog_id": "5", "text": "Please", "product_items": [{"quantity": 2}]}
FORM = {"name": "flow", "body": "Sent", "response_json": '{"a":1}'}
SHARE = {"type": "call_permission_reply", "call_permission_reply": {"response": "accept"}}
AD = {
    "source_url": "https://fb.example/1",
    "source_id": "7",
    "source_type": "ad",
    "headline": "Shoes",
    "ctwa_clid": "c",
}

MESSAGES = [
    incoming("whatsapp text", message(content="hello"), text={"body": "hello"}),
    incoming("whatsapp text without text", message(), text={}),
    incoming("whatsapp text without type", message(content="hello"), type=None, text={"body": "hello"}),
    incoming("whatsapp text without id", message(message_id=ITEM_ID, content="hello"), id=None, text={"body": "hello"}),
    *(
        of_type(
            f"whatsapp {kind}",
            kind,
            {**MEDIA, "caption": "look", "filename": "a.pdf", "url": "https://cdn.example/1", "file_size": 5},
            message(
                content="look",
                attachments=attached(
                    kind,
                    url="https://cdn.example/1",
                    title="a.pdf",
                    mime_type="image/webp",
                    media_id="55",
                    size=5,
                    details={"sha256": "ab"},
                ),
            ),
        )
        for kind in ("image", "video", "audio", "document", "sticker")
    ),
    of_type(
        "whatsapp voice",
        "audio",
        {"id": 55, "voice": True},
        message(attachments=attached("audio", media_id="55", details={"voice": True})),
    ),
    of_type(
        "whatsapp media with a type escaped twice",
        "audio",
        {"id": "55", "mime_type": "audio\\/ogg; codecs=opus"},
        message(attachments=attached("audio", media_id="55", mime_type="audio/ogg; codecs=opus")),
    ),
    of_type(
        "whatsapp media with an expiring URL",
        "image",
        {"id": "55", "url": "https://cdn.example/?mid=1&ext=1767355200&hash=A"},
        message(
            attachments=attached(
                "image", media_id="55", url="https://cdn.example/?mid=1&ext=1767355200&hash=A", expires_at=AT
            )
        ),
    ),
    of_type("whatsapp image without object", "image", None, message(attachments=attached("image"))),
    of_type(
        "whatsapp location",
        "location",
        {"latitude": 0.0, "longitude": 1, "name": "Cafe", "address": "Road 1", "url": "https://cafe.example"},
        message(
            attachments=attached(
                "location",
                url="https://cafe.example",
                title="Cafe",
                coordinates=Coordinates(latitude=0.0, longitude=1.0),
                details={"address": "Road 1"},
            )
        ),
    ),
    of_type(
        "whatsapp contacts",
        "contacts",
        CARDS,
        message(attachments=attached("contacts", title="Grace", details={"contacts": CARDS})),
    ),
    of_type(
        "whatsapp contact without a name",
        "contacts",
        NAMELESS,
        message(attachments=attached("contacts", title="+49 1", details={"contacts": NAMELESS})),
    ),
    of_type(
        "whatsapp button reply",
        "interactive",
        {"type": "button_reply", "button_reply": {"id": "b", "title": "Yes"}},
        message(content="Yes", payload="b"),
    ),
    of_type(
        "whatsapp list reply",
        "interactive",
        {"type": "list_reply", "list_reply": {"id": "l", "title": "Row", "description": "first"}},
        message(content="Row", payload="l"),
    ),
    of_type(
        "whatsapp form",
        "interactive",
        {"type": "nfm_reply", "nfm_reply": FORM},
        message(content="Sent", payload='{"a":1}'),
    ),
    of_type(
        "whatsapp interactive reply without object",
        "interactive",
        None,
        message(attachments=attached("interactive")),
    ),
    of_type(
        "whatsapp other interactive reply",
        "interactive",
        SHARE,
        message(attachments=attached("interactive", details=SHARE)),
    ),
    of_type("whatsapp button", "button", {"text": "Yes", "payload": "b"}, message(content="Yes", payload="b")),
    of_type("whatsapp order", "order", ORDER, message(content="Please", attachments=attached("order", details=ORDER))),
    of_type(
        "whatsapp unsupported",
        "unsupported",
        {"type": "poll"},
        message(attachments=attached("unsupported", details={"type": "poll"}), error=SENTENCE),
        errors=[ERROR],
    ),
    incoming(
        "whatsapp reply to an ad",
        message(
            content="hello",
            reply_to=ReplyTo(message_id="wamid.0"),
            referral=Referral(
                source="ad", ref="c", ad_id="7", title="Shoes", url="https://fb.example/1", product_id="sku-1"
            ),
        ),
        text={"body": "hello"},
        referral=AD,
        context={"from": "1", "id": "wamid.0", "referred_product": {"product_retailer_id": "sku-1"}},
    ),
    incoming(
        "whatsapp reply to a post",
        message(content="hello", referral=Referral(source="post", title="New shoes")),
        text={"body": "hello"},
        referral={"source_type": "post", "body": "New shoes", "source_url": "oops"},
    ),
    of_type(
        "whatsapp forwarded",
        "image",
        MEDIA,
        message(
            attachments=attached(
                "image", mime_type="image/webp", media_id="55", details={"sha256": "ab", "forwarded": True}
            )
        ),
        context={"forwarded": True},
    ),
    of_type(
        "whatsapp unknown type",
        "poll",
        {"name": "Tea?"},
        message(attachments=attached("poll", details={"name": "Tea?"})),
    ),
    incoming("whatsapp unknown type without object", message(attachments=attached("surprise")), type="surprise"),
    incoming("whatsapp without type", message(attachments=attached("unsupported")), type=None),
    incoming(
        "whatsapp type unknown to the platform",
        message(attachments=attached("unsupported"), error=SENTENCE),
        type="unknown",
        errors=[ERROR],
    ),
    incoming(
        "whatsapp unknown type without sender",
        raw("whatsapp.messages.other"),
        participant_id=None,
        type="surprise",
        **{"from": None},
    ),
    incoming(
        "whatsapp text without sender",
        raw("whatsapp.messages.text"),
        participant_id=None,
        text={"body": "hello"},
        **{"from": None},
    ),
]

CASES = MESSAGES
