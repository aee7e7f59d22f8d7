"""Every kind of item of every platform is parsed completely."""

from datetime import timedelta

import pytest

from enricher.parsing.items import SplitItem
from enricher.parsing.parse import ParsedItem, parse_item
from enricher.parsing.split import split_body
from shared.contracts import MessageItem
from tests.unit.enricher.bodies import encoded
from tests.unit.enricher.parsing.cases import AT, Case, normalized
from tests.unit.enricher.parsing.every_case import CASES

RECEIVED = AT + timedelta(seconds=3)
OWN_APPS = frozenset({"4242"})


def parsed(case: Case) -> ParsedItem:
    [split] = split_body("facebook", encoded(case.body))
    assert isinstance(split, SplitItem), split
    return parse_item(split, received_at=RECEIVED, own_app_ids=OWN_APPS)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_an_item_is_parsed(case: Case) -> None:
    found = parsed(case)

    assert normalized(found) == case.item
    assert (found.participant_id, found.aliases) == (case.participant_id, tuple(case.aliases))
    assert found.occurred_at == AT
    is_incoming = isinstance(case.item, MessageItem) and case.item.direction == "incoming"
    assert found.is_customers_message == is_incoming


def test_case_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
