from datetime import UTC, datetime

import pytest

from shared.contracts import PLATFORMS, Platform
from simulator import bodies, comments, items, whatsapp
from simulator.bodies import Webhook
from simulator.pages import Page, demo_pages
from simulator.whatsapp import Contact

AT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
FACEBOOK = Page("facebook", "101", "Blue Door")
WHATSAPP = Page("whatsapp", "301", "Blue Door")


def text(page: Page, content: str, customer_id: str = "9") -> Webhook:
    message_id = bodies.message_id(page.platform, content)
    return bodies.text_message(page, customer_id, "Ada", at=AT, message_id=message_id, content=content)


def test_a_messenger_text_has_the_customer_as_sender_and_milliseconds() -> None:
    assert text(FACEBOOK, "Hi").body == {
        "object": "page",
        "entry": [
            {
                "id": "101",
                "time": 1767323045678,
                "messaging": [
                    {
                        "sender": {"id": "9"},
                        "recipient": {"id": "101"},
                        "timestamp": 1767323045678,
                        "message": {"mid": bodies.message_id("facebook", "Hi"), "text": "Hi"},
                    }
                ],
            }
        ],
    }


def test_a_whatsapp_text_has_the_number_the_customer_and_seconds_as_text() -> None:
    body = text(WHATSAPP, "Hi").body
    [change] = body["entry"][0]["changes"]

    assert body["object"] == "whatsapp_business_account"
    assert body["entry"][0]["id"] == WHATSAPP.entry_id != WHATSAPP.page_id
    assert change["field"] == "messages"
    assert change["value"]["metadata"]["phone_number_id"] == "301"
    assert change["value"]["contacts"] == [{"profile": {"name": "Ada"}, "wa_id": "9"}]
    assert change["value"]["messages"][0]["from"] == "9"
    assert change["value"]["messages"][0]["timestamp"] == "1767323045"


def test_an_echo_swaps_sender_and_recipient() -> None:
    [item] = bodies.echo(FACEBOOK, "9", at=AT, message_id="m_1", content="Yes").body["entry"][0]["messaging"]

    assert (item["sender"]["id"], item["recipient"]["id"]) == ("101", "9")
    assert item["message"]["is_echo"] is True
    assert "app_id" not in item["message"]


def test_a_whatsapp_echo_has_its_own_field() -> None:
    [change] = bodies.echo(WHATSAPP, "9", at=AT, message_id="wamid.1", content="Yes").body["entry"][0]["changes"]

    assert change["field"] == "smb_message_echoes"
    assert change["value"]["message_echoes"][0]["to"] == "9"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_message_ids_are_derived_and_have_the_platforms_format(platform: Platform) -> None:
    prefix = {"facebook": "m_", "instagram": "aWdf", "whatsapp": "wamid."}[platform]

    assert bodies.message_id(platform, "a", "b") == bodies.message_id(platform, "a", "b")
    assert bodies.message_id(platform, "a", "b") != bodies.message_id(platform, "ab", "")
    assert bodies.message_id(platform, "a").startswith(prefix)


def test_a_batch_merges_adjacent_entries_of_one_page() -> None:
    other = Page("facebook", "102", "Green Door")

    batch = bodies.merged([text(FACEBOOK, "1"), text(FACEBOOK, "2"), text(other, "3"), text(FACEBOOK, "4")])

    entries = [(entry["id"], len(entry["messaging"])) for entry in batch.body["entry"]]
    assert entries == [("101", 2), ("102", 1), ("101", 1)]


def test_a_batch_does_not_modify_its_webhooks() -> None:
    first = text(WHATSAPP, "1")

    bodies.merged([first, text(WHATSAPP, "2")])

    assert first == text(WHATSAPP, "1")


def test_a_batch_contains_one_platform() -> None:
    with pytest.raises(ValueError, match="one platform"):
        bodies.merged([text(FACEBOOK, "1"), text(WHATSAPP, "2")])
    with pytest.raises(ValueError, match="one platform"):
        bodies.merged([])


def test_demo_pages_are_one_per_platform_and_always_the_same() -> None:
    assert demo_pages() == demo_pages()
    assert [page.platform for page in demo_pages()] == list(PLATFORMS)
    assert all(page.page_id.isdigit() for page in demo_pages())
    assert {page.page_id for page in demo_pages(of="ada")}.isdisjoint(page.page_id for page in demo_pages())


def test_removing_a_reaction_has_no_emoji() -> None:
    item = items.reaction("101", "9", at=AT, message_id="m_1", emoji=None)
    value = whatsapp.reaction(WHATSAPP, Contact("Ada", "9"), at=AT, message_id="2", reacted_to="1", emoji=None)

    assert item["reaction"] == {"mid": "m_1", "action": "unreact"}
    assert value["messages"][0]["reaction"] == {"message_id": "1", "emoji": ""}


def test_a_delivery_receipt_without_message_ids_has_no_list() -> None:
    assert "mids" not in items.delivery("101", "9", at=AT, watermark=AT)["delivery"]
    assert items.delivery("101", "9", at=AT, watermark=AT, message_ids=["m"])["delivery"]["mids"] == ["m"]


def test_an_attachment_may_have_no_payload() -> None:
    item = items.attachment("101", "9", at=AT, message_id="m_1", kind="like_heart", payload=None)

    assert item["message"]["attachments"] == [{"type": "like_heart"}]


def test_a_failed_status_has_an_error() -> None:
    value = whatsapp.status(WHATSAPP, Contact("", "9"), at=AT, message_id="wamid.1", state="failed")

    assert value["statuses"][0]["errors"]
    assert (
        "errors"
        not in whatsapp.status(WHATSAPP, Contact("", "9"), at=AT, message_id="wamid.1", state="read")["statuses"][0]
    )


def test_a_contact_who_hides_the_phone_has_only_a_user_id() -> None:
    hidden = Contact("Ada", None, "US.1", "ada")
    value = whatsapp.text(WHATSAPP, hidden, at=AT, message_id="wamid.1", content="Hi")

    assert value["contacts"] == [{"profile": {"name": "Ada", "username": "ada"}, "user_id": "US.1"}]
    assert value["messages"][0]["from_user_id"] == "US.1"
    assert "from" not in value["messages"][0]
    with pytest.raises(ValueError, match="phone number or a user ID"):
        Contact("Nobody", None)


def test_an_unsend_of_the_page_is_an_echo() -> None:
    item = items.unsend("101", "9", at=AT, message_id="m_1", by_page=True)

    assert (item["sender"]["id"], item["message"]) == ("101", {"mid": "m_1", "is_deleted": True, "is_echo": True})


def test_an_edit_in_the_phone_app_names_the_message_and_its_new_text() -> None:
    value = whatsapp.echoed_edit(
        WHATSAPP, Contact("", "9"), at=AT, message_id="wamid.2", original="wamid.1", content="Yes"
    )

    assert value["message_echoes"][0]["edit"] == {
        "original_message_id": "wamid.1",
        "message": {"type": "text", "text": {"body": "Yes"}},
    }


@pytest.mark.parametrize(("page", "field"), [(FACEBOOK, "feed"), (Page("instagram", "201", "Blue Door"), "comments")])
def test_a_comment_is_a_change_by_somebody_who_is_not_a_participant(page: Page, field: str) -> None:
    value = comments.comment(page, "9", "ada", at=AT, content="Lovely!")
    body = bodies.changes(page, value, at=AT, field=comments.FIELDS[page.platform]).body

    assert body["object"] == ("page" if page.platform == "facebook" else "instagram")
    assert body["entry"][0]["changes"] == [{"field": field, "value": value}]
    assert value["from"]["id"] != "9"
