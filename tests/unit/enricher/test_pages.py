"""Which user owned a page at a given time."""

from datetime import timedelta

import pytest

from enricher.pages import owner_at
from shared.contracts.internal import Owner, PageOwners
from tests.builders import NOON


def owner(user_id: str, start: int, end: int | None) -> Owner:
    return Owner(
        user_id=user_id,
        owned_from=NOON + timedelta(minutes=start),
        owned_until=None if end is None else NOON + timedelta(minutes=end),
        status="connected" if end is None else "disconnected",
        token_ciphertext=None,
    )


@pytest.mark.parametrize(
    ("minute", "user_id"),
    [
        pytest.param(-1, None, id="before the first owner"),
        pytest.param(0, "first", id="from the first moment"),
        pytest.param(9.999, "first", id="to the last"),
        pytest.param(10, "second", id="handed over"),
        pytest.param(10**6, "second", id="ever since"),
    ],
)
def test_a_webhook_belongs_to_whoever_owned_the_page_when_it_was_received(minute: float, user_id: str | None) -> None:
    intervals = (owner("first", 0, 10), owner("second", 10, None))
    received_at = NOON + timedelta(minutes=minute)

    for owners in (intervals, intervals[::-1]):
        found = owner_at(PageOwners(platform="facebook", page_id="page-1", version=2, owners=owners), received_at)
        assert (found.user_id if found else None) == user_id
