"""WhatsApp items that are not incoming messages, and what they are parsed to."""

from typing import Any

from shared.contracts import EditItem, Item, MessageItem, ReactionItem, ReceiptItem, UnsendItem
from shared.contracts.inbox import MessageStatus
from tests.unit.enricher.bodies import PAGE, contact, whatsapp, whatsapp_text
from tests.unit.enricher.parsing.cases import AT, ITEM_ID, Case, raw, record, sent
from tests.unit.enricher.parsing.whatsapp_message_cases import (
    ERROR,
    PHONE,
    SENTENCE,
    USER,
    attached,
    incoming,
    message,
    of_type,
)

NEW_PHONE, NEW_USER = "4915550009", "US.2"


def outgoing(name: str, item: Item, **changes: Any) -> Case:
    given = whatsapp_text(**{"from": "15550001", "to": PHONE, **changes})
    return Case(name, whatsapp("smb_message_echoes", message_echoes=[given]), item, PHONE)


def status(name: str, item: Item, *, participant_id: str | None = PHONE, aliases: Any = (), **changes: Any) -> Case:
    default = {"id": "wamid.1", "status": "sent", "recipient_id": PHONE, "timestamp": "1767355200"}
    given = {key: value for key, value in {**default, **changes}.items() if value is not None}
    return Case(name, whatsapp(statuses=[given]), item, participant_id, aliases)


def whole(name: str, item: Item, field: str, **value: Any) -> Case:
    return Case(name, whatsapp(field, timestamp="1767355200", **value), item, None)


def echo(**changes: Any) -> MessageItem:
    return sent(**{"message_id": "wamid.1", "sent_via": "native_app", **changes})


def receipt(step: MessageStatus, error: str | None = None) -> ReceiptItem:
    return ReceiptItem(status=step, at=AT, message_ids=("wamid.1",), error=error)


ANNOTATIONS = [
    of_type(
        "whatsapp reaction",
        "reaction",
        {"message_id": "wamid.0", "emoji": "\U0001f44d"},
        ReactionItem(message_id="wamid.0", actor_id=PHONE, emoji="\U0001f44d", reacted_at=AT),
    ),
    of_type(
        "whatsapp removed reaction",
        "reaction",
        {"message_id": "wamid.0", "emoji": ""},
        ReactionItem(message_id="wamid.0", actor_id=PHONE, emoji=None, reacted_at=AT),
    ),
    of_type("whatsapp reaction without message ID", "reaction", {"emoji": "x"}, raw("whatsapp.messages.reaction")),
    of_type(
        "whatsapp edit",
        "edit",
        {"original_message_id": "wamid.0", "message": {"type": "text", "text": {"body": "new"}}},
        EditItem(message_id="wamid.0", revision=0, edited_at=AT, content="new"),
    ),
    of_type(
        "whatsapp edit of a caption",
        "edit",
        {"original_message_id": "wamid.0", "message": {"type": "image", "image": {"caption": "new"}}},
        EditItem(message_id="wamid.0", revision=0, edited_at=AT, content="new"),
    ),
    of_type(
        "whatsapp edit without type",
        "edit",
        {"original_message_id": "wamid.0", "message": {"text": {"body": "new"}}},
        EditItem(message_id="wamid.0", revision=0, edited_at=AT, content="new"),
    ),
    of_type("whatsapp edit without message ID", "edit", {"message": {}}, raw("whatsapp.messages.edit")),
    of_type(
        "whatsapp unsend",
        "revoke",
        {"original_message_id": "wamid.0"},
        UnsendItem(message_id="wamid.0", unsent_at=AT),
    ),
    of_type("whatsapp unsend without message ID", "revoke", {}, raw("whatsapp.messages.revoke")),
]

ECHOES = [
    outgoing("whatsapp echo", echo(content="hello"), text={"body": "hello"}),
    outgoing(
        "whatsapp echo of a template",
        echo(attachments=attached("template", details={"name": "welcome"})),
        type="template",
        text=None,
        template={"name": "welcome"},
    ),
    outgoing(
        "whatsapp echo of a reaction",
        ReactionItem(message_id="wamid.0", actor_id=PAGE, emoji="x", reacted_at=AT),
        type="reaction",
        reaction={"message_id": "wamid.0", "emoji": "x"},
    ),
    outgoing(
        "whatsapp echo of an edit",
        EditItem(message_id="wamid.0", revision=0, edited_at=AT, content="new"),
        type="edit",
        edit={"original_message_id": "wamid.0", "message": {"type": "text", "text": {"body": "new"}}},
    ),
    outgoing(
        "whatsapp echo of an unsend",
        UnsendItem(message_id="wamid.0", unsent_at=AT),
        type="revoke",
        revoke={"original_message_id": "wamid.0"},
    ),
]

STATUSES = [
    status("whatsapp sent", receipt("sent")),
    status("whatsapp delivered", receipt("delivered"), status="delivered"),
    status("whatsapp read", receipt("read"), status="read", recipient_user_id=USER, aliases=(USER,)),
    status(
        "whatsapp played",
        receipt("played"),
        status="played",
        recipient_id=None,
        recipient_user_id=USER,
        participant_id=USER,
    ),
    status("whatsapp failed", receipt("failed", SENTENCE), status="failed", errors=[ERROR]),
    status("whatsapp deleted", UnsendItem(message_id="wamid.1", unsent_at=AT), status="deleted"),
    status("whatsapp warning", record("status", "wamid.1:warning", PHONE, "warning"), status="warning"),
    status("whatsapp ringing", record("status", "wamid.1:RINGING", PHONE, "RINGING"), status="RINGING", type="call"),
    status("whatsapp payment", record("status", "wamid.1:failed", PHONE, "failed"), status="failed", type="payment"),
    status("whatsapp status without message ID", record("status", ITEM_ID, PHONE, "read"), status="read", id=None),
    status("whatsapp status of an invalid type", receipt("read"), status="read", type={}),
    status("whatsapp status without status", record("status", ITEM_ID, PHONE), status={}),
]

CUSTOMERS = [
    incoming(
        "whatsapp new number",
        record("system", "wamid.1", PHONE, "Ada changed"),
        type="system",
        system={"type": "user_changed_number", "body": "Ada changed", "wa_id": NEW_PHONE},
        aliases=(NEW_PHONE,),
    ),
    incoming(
        "whatsapp new user id",
        record("system", "wamid.1", PHONE, "user_changed_user_id"),
        type="system",
        from_user_id=USER,
        system={"type": "user_changed_user_id", "user_id": NEW_USER},
        aliases=(USER, NEW_USER),
    ),
    incoming(
        "whatsapp new device",
        record("system", "wamid.1", PHONE, "customer_identity_changed"),
        type="system",
        system={"type": "customer_identity_changed", "identity": "x", "customer": PHONE},
    ),
    Case(
        "whatsapp user id update",
        whatsapp(
            "user_id_update",
            user_id_update=[
                {
                    "wa_id": PHONE,
                    "detail": "New id",
                    "user_id": {"previous": USER, "current": NEW_USER},
                    "timestamp": "1767355200",
                }
            ],
        ),
        record("system", ITEM_ID, PHONE, "New id"),
        PHONE,
        (NEW_USER, USER),
    ),
    Case(
        "whatsapp preference",
        whatsapp(
            "user_preferences",
            user_preferences=[
                {
                    "wa_id": PHONE,
                    "user_id": USER,
                    "detail": "Stop marketing",
                    "category": "marketing_messages",
                    "value": "stop",
                    "timestamp": 1767355200,
                }
            ],
        ),
        record("optin", ITEM_ID, PHONE, "Stop marketing"),
        PHONE,
        (USER,),
    ),
    Case(
        "whatsapp user id update without phone",
        whatsapp(
            "user_id_update",
            user_id_update=[{"user_id": {"previous": USER, "current": NEW_USER}, "timestamp": "1767355200"}],
        ),
        record("system", ITEM_ID, NEW_USER),
        NEW_USER,
        (USER,),
    ),
    Case(
        "whatsapp contact with both ids",
        whatsapp(messages=[whatsapp_text()], contacts=[contact(wa_id=PHONE, user_id=USER)]),
        message(content="hello"),
        PHONE,
        (USER,),
    ),
    Case(
        "whatsapp contact who hides the phone",
        whatsapp(messages=[whatsapp_text(**{"from": None, "from_user_id": USER})], contacts=[contact(user_id=USER)]),
        message(content="hello"),
        PHONE,
        (USER,),
    ),
    Case(
        "whatsapp number with two spellings",
        whatsapp(messages=[whatsapp_text()], contacts=[contact(wa_id="15550002", user_id=USER)]),
        message(content="hello"),
        PHONE,
        ("15550002", USER),
    ),
    Case(
        "whatsapp echo with another contact",
        whatsapp(message_echoes=[whatsapp_text(to=PHONE)], contacts=[contact(wa_id="15550002", user_id=USER)]),
        echo(content="hello"),
        PHONE,
    ),
    Case(
        "whatsapp call",
        whatsapp(
            "calls", calls=[{"id": "call-1", "from": PHONE, "to": "1", "event": "connect", "timestamp": "1767355200"}]
        ),
        record("call", "call-1:connect", PHONE, "connect"),
        PHONE,
    ),
    Case(
        "whatsapp call by the business",
        whatsapp(
            "calls",
            calls=[
                {
                    "id": "call-1",
                    "from": "15550001",
                    "to": PHONE,
                    "direction": "BUSINESS_INITIATED",
                    "event": "terminate",
                    "timestamp": 1767355200,
                }
            ],
        ),
        record("call", "call-1:terminate", "15550001", "terminate"),
        PHONE,
    ),
]

NOTICES = [
    Case(
        "whatsapp error of the only message",
        whatsapp(messages=[whatsapp_text(type="interactive", text=None)], errors=[ERROR, 5]),
        message(attachments=attached("interactive"), error=SENTENCE),
        PHONE,
    ),
    Case(
        "whatsapp error without message",
        whatsapp(errors=[{**ERROR, "timestamp": "1767355200"}]),
        record("platform_notice", text=SENTENCE),
        None,
    ),
    whole("whatsapp group", record("group"), "group_participants_update", groups=[{"group_id": "g"}]),
    whole(
        "whatsapp quality", record("platform_notice", text="FLAGGED"), "phone_number_quality_update", event="FLAGGED"
    ),
    whole("whatsapp account", record("platform_notice", text="DISABLED"), "account_update", event="DISABLED"),
    whole(
        "whatsapp template",
        record("platform_notice", text="APPROVED"),
        "message_template_status_update",
        event="APPROVED",
    ),
    whole("whatsapp history", raw("whatsapp.history"), "history", history=[{"threads": []}]),
    whole("whatsapp change without items", raw("whatsapp.messages"), "messages"),
    whole("whatsapp unknown change", raw("whatsapp.other"), "surprise"),
]

CASES = [*ANNOTATIONS, *ECHOES, *STATUSES, *CUSTOMERS, *NOTICES]
