"""Items of Messenger and Instagram that are not messages, and what they are parsed to."""

from shared.contracts import EditItem, ReactionItem, ReceiptItem, UnsendItem
from shared.contracts.inbox import Referral
from tests.unit.enricher.bodies import CUSTOMER, PAGE, TIME, event, page
from tests.unit.enricher.parsing.cases import AT, ITEM_ID, Case, case, key, raw, received, record

ANNOTATIONS = [
    case(
        "an unsend",
        UnsendItem(message_id="m_1", unsent_at=AT),
        message={"mid": "m_1", "text": "hidden", "is_deleted": True},
    ),
    case("an unsend without message ID", raw("messaging.message_deleted"), message={"is_deleted": True}),
    case(
        "an edit",
        EditItem(message_id="m_1", revision=2, edited_at=AT, content="new"),
        message_edit={"mid": "m_1", "text": "new", "num_edit": "2"},
    ),
    case(
        "an edit without a text",
        EditItem(message_id="m_1", revision=0, edited_at=AT, content=None),
        kind="instagram",
        message_edit={"mid": "m_1", "num_edit": 0},
    ),
    case(
        "an edit with an invalid revision",
        EditItem(message_id="m_1", revision=0, edited_at=AT, content="x"),
        message_edit={"mid": "m_1", "text": "x", "num_edit": -1},
    ),
    case("an edit without message ID", raw("messaging.message_edit"), message_edit={"text": "x"}),
    *(
        case(
            f"a reaction: {name}",
            ReactionItem(message_id="m_1", actor_id=CUSTOMER, emoji=emoji, reacted_at=AT),
            reaction={"mid": "m_1", "action": "react", **given},
        )
        for name, emoji, given in (
            ("emoji", "\u2764\ufe0f", {"reaction": "love", "emoji": "\u2764\ufe0f"}),
            ("escaped twice", "\u2764\ufe0f", {"emoji": "\\u{2764}\\u{FE0F}"}),
            ("name", "\U0001f622", {"reaction": "sad"}),
            ("unknown name", "other", {"reaction": "other"}),
        )
    ),
    case(
        "a removed reaction",
        ReactionItem(message_id="m_1", actor_id=CUSTOMER, emoji=None, reacted_at=AT),
        reaction={"mid": "m_1", "action": "unreact", "emoji": "x"},
    ),
    case(
        "the business's reaction",
        ReactionItem(message_id="m_1", actor_id=PAGE, emoji="x", reacted_at=AT),
        sender={"id": PAGE},
        recipient={"id": CUSTOMER},
        reaction={"mid": "m_1", "action": "react", "emoji": "x"},
    ),
    case("a reaction without message ID", raw("messaging.reaction"), reaction={"action": "react", "emoji": "x"}),
    case("a reaction without emoji", raw("messaging.reaction"), reaction={"mid": "m_1", "action": "react"}),
    case(
        "a reaction without sender",
        raw("messaging.reaction"),
        participant_id=None,
        sender={},
        reaction={"mid": "m_1", "emoji": "x"},
    ),
    case("read up to a time", ReceiptItem(status="read", at=AT, watermark=AT), read={"watermark": TIME}),
    case(
        "read without timestamp",
        ReceiptItem(status="read", at=AT, watermark=AT),
        timestamp=None,
        read={"watermark": TIME},
    ),
    case(
        "read up to a message",
        ReceiptItem(status="read", at=AT, message_ids=("m_1",), covers_earlier=True),
        kind="instagram",
        read={"mid": "m_1"},
    ),
    case(
        "read without sender",
        ReceiptItem(status="read", at=AT, message_ids=("m_1",), covers_earlier=True),
        participant_id=None,
        kind="instagram",
        sender={},
        recipient={},
        read={"mid": "m_1"},
    ),
    case(
        "read up to a time without sender",
        raw("messaging.read"),
        participant_id=None,
        sender={},
        read={"watermark": TIME},
    ),
    case(
        "read by the business",
        raw("messaging.read"),
        sender={"id": PAGE},
        recipient={"id": CUSTOMER},
        read={"watermark": TIME},
    ),
    case(
        "delivered",
        ReceiptItem(status="delivered", at=AT, message_ids=("m_1", "m_2"), watermark=AT),
        delivery={"watermark": str(TIME), "mids": ["m_1", "m_2", "m_1", None, 1.5]},
    ),
    case(
        "delivered by message ID",
        ReceiptItem(status="delivered", at=AT, message_ids=("m_1",)),
        timestamp=None,
        delivery={"mids": ["m_1"]},
    ),
    case("delivered without IDs and watermark", raw("messaging.delivery"), delivery={"seq": 1}),
]

POSTBACKS = [
    case(
        "a postback",
        received(
            message_kind="postback", content="Start", payload="GO", referral=Referral(source="SHORTLINK", ref="r")
        ),
        postback={"mid": "m_1", "title": "Start", "payload": "GO", "referral": {"source": "SHORTLINK", "ref": "r"}},
    ),
    case(
        "a postback without title",
        received(message_id=ITEM_ID, message_kind="postback", content=None, payload="GO"),
        postback={"payload": "GO"},
    ),
    case(
        "a postback without payload",
        received(message_id=ITEM_ID, message_kind="postback", content="Start"),
        postback={"title": "Start"},
    ),
    case(
        "a visitor's postback",
        record("optin", "m_1", "r-1", "Start"),
        participant_id=None,
        sender={"user_ref": "r-1"},
        postback={"mid": "m_1", "title": "Start", "payload": "GO"},
    ),
    case("a postback that is not an object", raw("messaging.postback"), postback=[1]),
]

RECORDS = [
    case("an opt-in", record("optin", actor_id=CUSTOMER, text="r"), optin={"ref": "r"}),
    case(
        "a visitor's opt-in",
        record("optin", actor_id="r-1", text="r"),
        participant_id=None,
        sender={},
        optin={"ref": "r", "user_ref": "r-1"},
    ),
    case(
        "notifications",
        record("optin", actor_id=CUSTOMER, text="News"),
        optin={"type": "notification_messages", "title": "News"},
    ),
    case("a referral", record("referral", actor_id=CUSTOMER, text="r"), referral={"ref": "r", "source": "SHORTLINK"}),
    case(
        "a linked account",
        record("account_linking", actor_id=CUSTOMER, text="linked"),
        account_linking={"status": "linked"},
    ),
    case(
        "a policy",
        record("policy_enforcement", text="spam"),
        participant_id=None,
        sender={},
        policy_enforcement={"action": "block", "reason": "spam"},
    ),
    case(
        "a policy, other spelling",
        record("policy_enforcement", text="unblock"),
        participant_id=None,
        sender={},
        **key("policy-enforcement", {"action": "unblock"}),
    ),
    *(
        case(name, record("thread_control", actor_id=CUSTOMER, text="why"), **key(name, {"metadata": "why"}))
        for name in ("pass_thread_control", "take_thread_control", "request_thread_control")
    ),
    case("roles", record("app_roles"), participant_id=None, sender={}, app_roles={"5": ["primary_receiver"]}),
    case("a message request", record("message_request", actor_id=CUSTOMER, text="accept"), message_request="accept"),
    *(
        case(name, record("commerce", actor_id=CUSTOMER, text="P"), **key(name, {"payload": "P", "amount": {}}))
        for name in ("payment", "checkout_update", "pre_checkout")
    ),
    case("a game", record("game_play", actor_id=CUSTOMER), game_play={"game_id": "5"}),
    *(
        case(name, record("feedback", actor_id=CUSTOMER), **key(name, {"feedback_screens": []}))
        for name in ("messaging_customer_feedback", "customer-feedback", "messaging_feedback")
    ),
    case("an unknown kind", raw("messaging.other"), surprise={"mid": "m"}),
    Case("a kind that is null", page({**event(message=None), "postback": None, "surprise": 1}), raw("messaging.other")),
    Case(
        "a kind beside one that is null",
        page({**event(message=None, optin={"ref": "r"}), "message": None}),
        record("optin", actor_id=CUSTOMER, text="r"),
    ),
]


CASES = [*ANNOTATIONS, *POSTBACKS, *RECORDS]
