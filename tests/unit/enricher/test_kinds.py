"""Text messages and echoes of all three platforms are understood; everything else is kept raw and counted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from enricher.core.kinds import TypedItem, typed
from enricher.core.splitting import SplitItem, split_webhook
from shared.contracts import MessageItem, Profile, RawItem
from shared.contracts.inbox import Attachment, ReplyTo
from tests.unit.enricher.bodies import CUSTOMER, PAGE, contact, echo, encoded, event, page, whatsapp, whatsapp_text

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
RECEIVED = NOON + timedelta(seconds=3)


def one(body: Any) -> TypedItem:
    [split] = split_webhook("facebook", encoded(body))
    assert isinstance(split, SplitItem)
    return typed(split, received_at=RECEIVED)


def text_of(body: Any) -> MessageItem:
    item = one(body).item
    assert isinstance(item, MessageItem), item
    return item


@pytest.mark.parametrize("kind", ["page", "instagram"])
@pytest.mark.parametrize("channel", ["messaging", "standby"])
def test_a_customers_text_is_an_incoming_message(kind: str, channel: str) -> None:
    found = one(page(event(), kind=kind, channel=channel))

    assert found.item == MessageItem(
        message_id="m_1", direction="incoming", sender_id=CUSTOMER, content="hello", created_at=NOON
    )
    assert (found.participant_id, found.occurred_at, found.label) == (CUSTOMER, NOON, f"{channel}.message")
    assert found.is_customers_message


@pytest.mark.parametrize("kind", ["page", "instagram"])
@pytest.mark.parametrize("channel", ["messaging", "standby"])
def test_an_echo_is_an_outgoing_message_to_the_customer(kind: str, channel: str) -> None:
    found = one(page(echo(), kind=kind, channel=channel))

    assert found.item == MessageItem(
        message_id="m_2", direction="outgoing", sender_id=PAGE, content="how can we help?", created_at=NOON
    )
    assert (found.participant_id, found.label) == (CUSTOMER, f"{channel}.message_echo")
    assert not found.is_customers_message


def test_a_messaging_shaped_change_is_a_message() -> None:
    value = event(timestamp="1767355200", message={"mid": "random_mid", "text": "random_text"})

    found = one({"object": "instagram", "entry": [{"id": "0", "changes": [{"field": "messages", "value": value}]}]})

    assert found.item == MessageItem(
        message_id="random_mid", direction="incoming", sender_id=CUSTOMER, content="random_text", created_at=NOON
    )
    assert found.split.page_id == PAGE


def test_a_whatsapp_text_is_an_incoming_message_of_the_contact() -> None:
    found = one(whatsapp(messages=[whatsapp_text()], contacts=[contact(profile={"name": "Ada", "username": "ada"})]))

    assert found.item == MessageItem(
        message_id="wamid.1", direction="incoming", sender_id="4915550002", content="hello", created_at=NOON
    )
    assert (found.participant_id, found.split.page_id, found.label) == ("4915550002", PAGE, "whatsapp.messages.text")
    assert found.profile == Profile(name="Ada", username="ada", fetched_at=RECEIVED)


def test_a_text_sent_with_the_phone_app_is_an_outgoing_message() -> None:
    sent = whatsapp_text(to="4915550002", **{"from": "15550001"})

    found = one(whatsapp("smb_message_echoes", message_echoes=[sent], contacts=[contact()]))

    assert found.item == MessageItem(
        message_id="wamid.1", direction="outgoing", sender_id=PAGE, content="hello", created_at=NOON
    )
    assert found.participant_id == "4915550002"
    assert not found.is_customers_message


@pytest.mark.parametrize(
    ("message", "contacts", "participant"),
    [
        pytest.param({"from": "49155", "from_user_id": "US.1"}, [], "49155", id="the phone"),
        pytest.param({"from": None, "from_user_id": "US.1"}, [], "US.1", id="the user id of who hides the phone"),
        pytest.param({"from": 49155}, [], "49155", id="an integer"),
        pytest.param({"from": None}, [contact(wa_id="49155")], "49155", id="the only contact"),
        pytest.param({"from": None}, [], None, id="nobody"),
    ],
)
def test_the_whatsapp_customer_is_the_phone_or_else_the_user_id(
    message: dict[str, Any], contacts: list[Any], participant: str | None
) -> None:
    assert one(whatsapp(messages=[whatsapp_text(**message)], contacts=contacts)).participant_id == participant


@pytest.mark.parametrize(
    ("item", "participant", "direction"),
    [
        pytest.param(
            event(sender={"id": int(CUSTOMER)}, recipient={"id": int(PAGE)}), CUSTOMER, "incoming", id="integers"
        ),
        pytest.param(
            event(message={"mid": "m", "text": "x", "is_echo": True}),
            CUSTOMER,
            "outgoing",
            id="an echo that is not swapped",
        ),
        pytest.param(
            event(sender={"id": PAGE}, recipient={"id": CUSTOMER}),
            CUSTOMER,
            "outgoing",
            id="sent by the page, not marked",
        ),
        pytest.param(event(sender={"id": "1"}, recipient={"id": "2"}), "1", "incoming", id="neither is the page"),
        pytest.param(
            echo(sender={"id": "1"}, recipient={"id": "2"}), "2", "outgoing", id="an echo where neither is the page"
        ),
        pytest.param(event(sender={"id": PAGE}), PAGE, "incoming", id="the page writes to itself"),
    ],
)
def test_the_business_side_is_whichever_is_the_page(item: Any, participant: str, direction: str) -> None:
    found = one(page(item))

    assert isinstance(found.item, MessageItem)
    assert (found.participant_id, found.item.direction) == (participant, direction)


def test_what_a_page_writes_to_itself_is_no_customers_message() -> None:
    assert not one(page(event(sender={"id": PAGE}))).is_customers_message


@pytest.mark.parametrize(
    ("timestamp", "entry_time", "created_at"),
    [
        pytest.param(1767355200, 1, NOON, id="seconds"),
        pytest.param("1767355200000", 1, NOON, id="text"),
        pytest.param(None, 1767355200, NOON, id="absent: the entry's"),
        pytest.param(None, None, RECEIVED, id="absent everywhere: ours"),
        pytest.param(10**40, "never", RECEIVED, id="nonsense: ours"),
        pytest.param(-5, None, RECEIVED, id="before 1970: ours"),
    ],
)
def test_a_message_has_a_time_whatever_the_platform_says(timestamp: Any, entry_time: Any, created_at: datetime) -> None:
    assert text_of(page(event(timestamp=timestamp), time=entry_time)).created_at == created_at


def test_text_comes_with_what_else_is_simple_about_it() -> None:
    message = {
        "mid": "m_3",
        "text": "look",
        "quick_reply": {"payload": "YES"},
        "reply_to": {"mid": "m_1"},
        "attachments": [
            {"type": "image", "payload": {"url": "https://cdn.example/1.png"}},
            {"type": "fallback", "title": "A page", "url": "https://example.com", "payload": None},
            {"type": "ephemeral"},
            {"payload": 5},
            "no attachment",
        ],
    }

    found = text_of(page(event(message=message)))

    assert found.reply_to == ReplyTo(message_id="m_1")
    assert found.attachments == (
        Attachment(type="image", url="https://cdn.example/1.png"),
        Attachment(type="fallback", url="https://example.com", title="A page"),
        Attachment(type="ephemeral"),
        Attachment(type="unknown"),
    )


def test_a_reply_to_a_story_names_the_story() -> None:
    message = {"mid": "m", "text": "nice", "reply_to": {"story": {"id": 5, "url": "https://cdn.example/s", "x": []}}}

    assert text_of(page(event(message=message))).reply_to == ReplyTo(story={"id": "5", "url": "https://cdn.example/s"})


def test_a_whatsapp_reply_names_what_it_answers() -> None:
    found = text_of(whatsapp(messages=[whatsapp_text(context={"from": "1", "id": "wamid.0"})]))

    assert found.reply_to == ReplyTo(message_id="wamid.0")


@pytest.mark.parametrize("mid", [None, "", 1.5, "m" * 513])
def test_a_message_without_an_id_is_shown_under_the_id_of_its_item(mid: Any) -> None:
    found = one(page(event(message={"mid": mid, "text": "hello"})))

    assert isinstance(found.item, MessageItem)
    assert found.item.message_id == found.id


@pytest.mark.parametrize(
    ("body", "label"),
    [
        pytest.param(page(event(message={"mid": "m"})), "messaging.message", id="no text"),
        pytest.param(page(event(message={"mid": "m", "text": ""})), "messaging.message", id="empty text"),
        pytest.param(page(event(message={"mid": "m", "text": 5})), "messaging.message", id="a number as text"),
        pytest.param(page(event(message="hello")), "messaging.message", id="a message that is no object"),
        pytest.param(page(event(sender={"user_ref": "r"})), "messaging.message", id="nobody's text"),
        pytest.param(
            page(event(message={"mid": "m", "text": "hidden", "is_deleted": True})),
            "messaging.message_deleted",
            id="unsent",
        ),
        pytest.param(page(event(message=None, reaction={"mid": "m"})), "messaging.reaction", id="reaction"),
        pytest.param(page(event(message=None, read={"watermark": 1}), channel="standby"), "standby.read", id="read"),
        pytest.param(
            page(event(message=None, **{"policy-enforcement": {}})),
            "messaging.policy_enforcement",
            id="another spelling",
        ),
        pytest.param(page(event(message=None, surprise={})), "messaging.other", id="an unknown kind"),
        pytest.param(page({"field": "feed", "value": {}}, channel="changes"), "changes.feed", id="a change"),
        pytest.param(page({"field": "surprise"}, channel="changes"), "changes.other", id="an unknown change"),
        pytest.param(page({"field": {}}, channel="changes"), "changes.other", id="a change of nothing"),
        pytest.param({"object": "page", "entry": [{"id": PAGE, "x": 1}]}, "entry", id="an unknown entry"),
        pytest.param(
            whatsapp(messages=[whatsapp_text(type="image")]), "whatsapp.messages.image", id="a whatsapp image"
        ),
        pytest.param(
            whatsapp(messages=[whatsapp_text(type="surprise")]), "whatsapp.messages.other", id="an unknown type"
        ),
        pytest.param(whatsapp(messages=[whatsapp_text(text=None)]), "whatsapp.messages.text", id="a text without text"),
        pytest.param(whatsapp(statuses=[{"status": "in_orbit"}]), "whatsapp.statuses", id="a status"),
        pytest.param(whatsapp("account_update"), "whatsapp.account_update", id="a whatsapp change"),
    ],
)
def test_everything_else_is_kept_raw_under_a_label_of_a_closed_vocabulary(body: Any, label: str) -> None:
    found = one(body)

    assert isinstance(found.item, RawItem)
    assert (found.label, found.item.label) == (label, label)
    assert msgspec.json.decode(bytes(found.item.body)) == found.split.body
    assert not found.is_customers_message


def test_a_raw_item_names_its_customer_where_it_does() -> None:
    reaction = event(message=None, reaction={"mid": "m"})

    assert one(page(reaction)).participant_id == CUSTOMER
    assert one(whatsapp(statuses=[{"status": "read", "recipient_id": "49155"}])).participant_id == "49155"
    assert one(page({"field": "feed", "value": {"from": {"id": "5"}}}, channel="changes")).participant_id is None
