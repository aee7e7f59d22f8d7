"""Customer, direction, time and label of items. `test_every_kind` checks their content."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from enricher.parsing.items import SplitItem
from enricher.parsing.messenger.attachments import MAX_ATTACHMENTS
from enricher.parsing.parse import ParsedItem, parse_item
from enricher.parsing.split import split_body
from shared.contracts import MessageItem, Profile, RawItem, ReactionItem, RecordItem, UnsendItem
from tests.unit.enricher.bodies import CUSTOMER, PAGE, contact, echo, encoded, event, page, whatsapp, whatsapp_text

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
RECEIVED = NOON + timedelta(seconds=3)


def parsed(body: Any) -> ParsedItem:
    [split] = split_body("facebook", encoded(body))
    assert isinstance(split, SplitItem)
    return parse_item(split, received_at=RECEIVED)


def parsed_message(body: Any) -> MessageItem:
    item = parsed(body).item
    assert isinstance(item, MessageItem), item
    return item


@pytest.mark.parametrize("kind", ["page", "instagram"])
@pytest.mark.parametrize("channel", ["messaging", "standby"])
def test_a_customers_text_is_an_incoming_message(kind: str, channel: str) -> None:
    found = parsed(page(event(), kind=kind, channel=channel))

    assert found.item == MessageItem(
        message_id="m_1", direction="incoming", sender_id=CUSTOMER, content="hello", created_at=NOON
    )
    assert (found.participant_id, found.occurred_at, found.label) == (CUSTOMER, NOON, f"{channel}.message")
    assert found.is_customers_message


def test_a_message_without_a_time_is_marked_as_untimed() -> None:
    body = page(event(timestamp="soon"))
    body["entry"][0].pop("time", None)
    item = parsed(body).item

    assert isinstance(item, MessageItem)
    assert (item.created_at, item.is_timed) == (RECEIVED, False)


@pytest.mark.parametrize("kind", ["page", "instagram"])
@pytest.mark.parametrize("channel", ["messaging", "standby"])
def test_an_echo_is_an_outgoing_message_to_the_customer(kind: str, channel: str) -> None:
    found = parsed(page(echo(), kind=kind, channel=channel))

    assert found.item == MessageItem(
        message_id="m_2",
        direction="outgoing",
        sender_id=PAGE,
        content="how can we help?",
        created_at=NOON,
        sent_via="other_app",
    )
    assert (found.participant_id, found.label) == (CUSTOMER, f"{channel}.message_echo")
    assert not found.is_customers_message


def test_a_messaging_shaped_change_is_a_message() -> None:
    value = event(timestamp="1767355200", message={"mid": "random_mid", "text": "random_text"})

    found = parsed({"object": "instagram", "entry": [{"id": "0", "changes": [{"field": "messages", "value": value}]}]})

    assert found.item == MessageItem(
        message_id="random_mid", direction="incoming", sender_id=CUSTOMER, content="random_text", created_at=NOON
    )
    assert found.split.page_id == PAGE


def test_a_whatsapp_text_is_an_incoming_message_of_the_contact() -> None:
    found = parsed(whatsapp(messages=[whatsapp_text()], contacts=[contact(profile={"name": "Ada", "username": "ada"})]))

    assert found.item == MessageItem(
        message_id="wamid.1", direction="incoming", sender_id="4915550002", content="hello", created_at=NOON
    )
    assert (found.participant_id, found.split.page_id, found.label) == ("4915550002", PAGE, "whatsapp.messages.text")
    assert found.profile == Profile(name="Ada", username="ada", fetched_at=NOON), "fetched at the time of the item"


def test_a_text_sent_with_the_phone_app_is_an_outgoing_message() -> None:
    sent = whatsapp_text(to="4915550002", **{"from": "15550001"})

    found = parsed(whatsapp("smb_message_echoes", message_echoes=[sent], contacts=[contact()]))

    assert found.item == MessageItem(
        message_id="wamid.1",
        direction="outgoing",
        sender_id=PAGE,
        content="hello",
        created_at=NOON,
        sent_via="native_app",
    )
    assert found.participant_id == "4915550002"
    assert not found.is_customers_message


@pytest.mark.parametrize(
    ("message", "contacts", "participant"),
    [
        pytest.param({"from": "49155", "from_user_id": "US.1"}, [], "49155", id="the phone"),
        pytest.param({"from": None, "from_user_id": "US.1"}, [], "US.1", id="the user id of a hidden phone"),
        pytest.param({"from": 49155}, [], "49155", id="an integer"),
        pytest.param({"from": None}, [contact(wa_id="49155")], "49155", id="the only contact"),
        pytest.param({"from": None}, [], None, id="no ID"),
    ],
)
def test_the_whatsapp_customer_is_the_phone_or_else_the_user_id(
    message: dict[str, Any], contacts: list[Any], participant: str | None
) -> None:
    assert parsed(whatsapp(messages=[whatsapp_text(**message)], contacts=contacts)).participant_id == participant


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
            id="sent by the page without the echo flag",
        ),
        pytest.param(event(sender={"id": "1"}, recipient={"id": "2"}), "1", "incoming", id="neither is the page"),
        pytest.param(
            echo(sender={"id": "1"}, recipient={"id": "2"}), "2", "outgoing", id="an echo where neither is the page"
        ),
        pytest.param(event(sender={"id": PAGE}), PAGE, "incoming", id="the page writes to itself"),
    ],
)
def test_the_business_is_the_party_with_the_pages_id(item: Any, participant: str, direction: str) -> None:
    found = parsed(page(item))

    assert isinstance(found.item, MessageItem)
    assert (found.participant_id, found.item.direction) == (participant, direction)


def test_a_message_of_a_page_to_itself_is_not_a_customers_message() -> None:
    assert not parsed(page(event(sender={"id": PAGE}))).is_customers_message


@pytest.mark.parametrize(
    ("timestamp", "entry_time", "created_at"),
    [
        pytest.param(1767355200, 1, NOON, id="seconds"),
        pytest.param("1767355200000", 1, NOON, id="text"),
        pytest.param(None, 1767355200, NOON, id="absent, entry's time"),
        pytest.param(None, None, RECEIVED, id="absent, time of receipt"),
        pytest.param(10**40, "never", RECEIVED, id="invalid, time of receipt"),
        pytest.param(-5, None, RECEIVED, id="before 1970, time of receipt"),
    ],
)
def test_every_message_has_a_time(timestamp: Any, entry_time: Any, created_at: datetime) -> None:
    assert parsed_message(page(event(timestamp=timestamp), time=entry_time)).created_at == created_at


@pytest.mark.parametrize("mid", [None, "", 1.5, "m" * 513])
def test_a_message_without_an_id_gets_the_items_id(mid: Any) -> None:
    found = parsed(page(event(message={"mid": mid, "text": "hello"})))

    assert isinstance(found.item, MessageItem)
    assert found.item.message_id == found.id


@pytest.mark.parametrize(
    ("body", "label", "kind"),
    [
        pytest.param(page(event()), "messaging.message", MessageItem, id="a message"),
        pytest.param(page(echo(), channel="standby"), "standby.message_echo", MessageItem, id="an echo"),
        pytest.param(
            page(event(message={"mid": "m", "is_deleted": True})), "messaging.message_deleted", UnsendItem, id="unsent"
        ),
        pytest.param(
            page(event(message=None, **{"policy-enforcement": {}})),
            "messaging.policy_enforcement",
            RecordItem,
            id="another spelling",
        ),
        pytest.param(page(event(message=None, surprise={})), "messaging.other", RawItem, id="an unknown kind"),
        pytest.param(
            page({"field": "feed", "value": {}}, channel="changes"), "changes.feed", RecordItem, id="a change"
        ),
        pytest.param(page({"field": {}}, channel="changes"), "changes.other", RawItem, id="a change without field"),
        pytest.param(whatsapp(messages=[whatsapp_text()]), "whatsapp.messages.text", MessageItem, id="whatsapp"),
        pytest.param(
            whatsapp(messages=[whatsapp_text(type=["text"])]),
            "whatsapp.messages.text",
            MessageItem,
            id="an invalid type",
        ),
        pytest.param(whatsapp(statuses=[{"status": "x"}]), "whatsapp.statuses", RecordItem, id="a status"),
        pytest.param(whatsapp("account_update"), "whatsapp.account_update", RecordItem, id="a whatsapp change"),
    ],
)
def test_labels_come_from_a_closed_vocabulary(body: Any, label: str, kind: type) -> None:
    found = parsed(body)

    assert (found.label, type(found.item)) == (label, kind)


def test_any_kind_of_item_may_have_a_customer() -> None:
    reaction = event(message=None, reaction={"mid": "m"})

    assert parsed(page(reaction)).participant_id == CUSTOMER
    assert parsed(whatsapp(statuses=[{"status": "read", "recipient_id": "49155"}])).participant_id == "49155"
    assert parsed(page({"field": "feed", "value": {"from": {"id": "5"}}}, channel="changes")).participant_id is None


def test_a_receipt_occurred_at_its_timestamp_or_else_its_watermark() -> None:
    earlier = 1_767_355_100_000
    receipt = {"delivery": {"watermark": earlier}}

    assert parsed(page(event(message=None, **receipt))).occurred_at == NOON
    assert parsed(page(event(message=None, timestamp=None, **receipt))).occurred_at == NOON - timedelta(seconds=100)
    assert (
        parsed(page(event(message=None, timestamp=None, delivery={"mids": ["m"]}), time=None)).occurred_at == RECEIVED
    )


def test_a_long_text_is_kept_and_large_details_are_cut() -> None:
    text = "x" * 100_000
    template = {"template_type": "generic", "text": text}
    message = {"mid": "m", "text": text, "attachments": [{"type": "template", "payload": template}]}

    found = parsed_message(page(event(message=message)))

    assert found.content == text
    assert found.attachments[0].details == {"template_type": "generic", "is_cut": True}


def test_the_number_of_attachments_is_limited() -> None:
    message = {"mid": "m", "attachments": [{"type": "image"}] * 500}

    assert len(parsed_message(page(event(message=message))).attachments) == MAX_ATTACHMENTS


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://cdn.example/1", True),
        ("HTTP://cdn.example/1", True),
        ("https://", False),
        ("//cdn.example/1", False),
        ("javascript:alert(1)//://x", False),
        ("data:text/html,x", False),
        ("https://cdn.example/" + "x" * 9000, False),
        (5, False),
    ],
)
def test_only_web_urls_are_kept(url: Any, *, known: bool) -> None:
    message = {"mid": "m", "attachments": [{"type": "image", "payload": {"url": url}}]}

    assert parsed_message(page(event(message=message))).attachments[0].url == (url if known else None)


@pytest.mark.parametrize(
    ("given", "emoji"),
    [
        ("\\u{1F44D}", "\U0001f44d"),
        ("\\ud83d\\udc4d", "\U0001f44d"),
        ("\\u{0}", "\\u{0}"),
        ("\\u{d83d}", "\\u{d83d}"),
        ("\\u{FFFFFF}", "\\u{FFFFFF}"),
        ("x" * 500, "x" * 64),
    ],
)
def test_an_escaped_emoji_is_decoded(given: str, emoji: str) -> None:
    item = parsed(page(event(message=None, reaction={"mid": "m", "emoji": given}))).item

    assert isinstance(item, ReactionItem)
    assert item.emoji == emoji


def test_repeated_edits_of_a_comment_have_different_ids() -> None:
    edits = [
        page(
            {"field": "feed", "value": {"item": "comment", "verb": "edited", "comment_id": "c", "message": text}},
            channel="changes",
        )
        for text in ("one", "two", "one")
    ]

    ids = [found.item.record_id for found in map(parsed, edits) if isinstance(found.item, RecordItem)]

    assert ids[0] == ids[2] != ids[1]
