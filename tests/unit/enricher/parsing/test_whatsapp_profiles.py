"""Profiles in WhatsApp webhooks: whose they are, and when they were fetched."""

from datetime import timedelta
from typing import Any

from enricher.parsing.items import SplitItem
from enricher.parsing.parse import parse_item
from enricher.parsing.split import split_body
from shared.contracts import Profile
from tests.unit.enricher.bodies import contact, encoded, whatsapp, whatsapp_text
from tests.unit.enricher.parsing.cases import AT

CUSTOMER, SHOP = "4915550002", "15550001"


def profile_in(body: Any) -> Profile | None:
    [split] = split_body("whatsapp", encoded(body))
    assert isinstance(split, SplitItem), split
    return parse_item(split, received_at=AT + timedelta(seconds=3)).profile


def test_the_only_contact_is_the_author_despite_another_spelling_of_the_number() -> None:
    body = whatsapp(contacts=[contact("Ada", wa_id="15550002")], messages=[whatsapp_text()])

    assert profile_in(body) == Profile(name="Ada", fetched_at=AT)


def test_a_contact_of_an_outgoing_item_counts_only_if_its_id_matches() -> None:
    shop, customer = [contact("The shop", wa_id=SHOP)], [contact("Ada", wa_id=CUSTOMER)]
    echoes = [whatsapp_text(to=CUSTOMER)]
    statuses = [{"id": "wamid.1", "status": "read", "recipient_id": CUSTOMER, "timestamp": "1767355200"}]

    assert profile_in(whatsapp(contacts=shop, message_echoes=echoes)) is None
    assert profile_in(whatsapp(contacts=shop, statuses=statuses)) is None
    assert profile_in(whatsapp(contacts=customer, message_echoes=echoes)) == Profile(name="Ada", fetched_at=AT)


def test_a_profile_is_fetched_at_the_time_of_its_item() -> None:
    def named(name: str, timestamp: str) -> Profile | None:
        return profile_in(whatsapp(messages=[whatsapp_text(timestamp=timestamp)], contacts=[contact(name)]))

    later, earlier = named("New", "1767355200"), named("Old", "1767355100")

    assert later is not None
    assert earlier is not None
    assert later.fetched_at > earlier.fetched_at
