from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.core.accounts import (
    BEGINNING,
    OwnershipChange,
    OwnershipInterval,
    connect,
    disconnect,
    mark_token_refused,
    owner_at,
    page_version,
)
from tests.unit.store.facts import at


def connect_at(
    intervals: list[OwnershipInterval], user: str, second: int, *, name: str | None = None, token: str | None = None
) -> OwnershipChange:
    change = connect(intervals, user_id=user, name=name, token_ciphertext=token, now=at(second))
    apply_change(intervals, change)
    return change


def apply_change(intervals: list[OwnershipInterval], change: OwnershipChange | None) -> None:
    for new in change.intervals if change else ():
        intervals[:] = [*(old for old in intervals if old.owned_from != new.owned_from), new]
    intervals.sort(key=lambda interval: interval.owned_from)


def test_the_first_owner_gets_items_from_before_the_connection() -> None:
    intervals: list[OwnershipInterval] = []
    connect_at(intervals, "user-1", 10)

    assert owner_at(intervals, BEGINNING) is not None
    assert intervals[0].connected_at == at(10)


def test_items_of_an_unowned_page_go_to_the_next_owner_not_to_the_previous_one() -> None:
    intervals: list[OwnershipInterval] = []
    connect_at(intervals, "user-1", 10)
    apply_change(intervals, disconnect(intervals, now=at(20)))
    connect_at(intervals, "user-2", 30)

    owners = [owner.user_id for second in (5, 19, 20, 29, 30) if (owner := owner_at(intervals, at(second)))]
    assert owners == ["user-1", "user-1", "user-2", "user-2", "user-2"]


def test_connecting_another_users_page_ends_their_ownership_and_removes_their_token() -> None:
    intervals: list[OwnershipInterval] = []
    connect_at(intervals, "user-1", 10, token="secret")
    change = connect_at(intervals, "user-2", 20)

    assert change.created
    assert change.user_ids == ["user-1", "user-2"]
    first, second = intervals
    assert (first.status, first.owned_until, first.token_ciphertext) == ("disconnected", at(20), None)
    assert (second.status, second.owned_from) == ("connected", at(20))


def test_connecting_again_keeps_fields_that_are_not_given() -> None:
    intervals: list[OwnershipInterval] = []
    connect_at(intervals, "user-1", 10, name="Shop", token="one")
    change = connect_at(intervals, "user-1", 20, token="two")

    assert not change.created
    [only] = intervals
    assert (only.name, only.token_ciphertext, only.version, only.connected_at) == ("Shop", "two", 2, at(10))


@pytest.mark.parametrize(
    ("told", "changed"),
    [
        ({}, False),
        ({"name": "Shop"}, False),
        ({"token_ciphertext": "one, encrypted anew", "is_same_token": True}, False),
        ({"name": "Shop", "token_ciphertext": "one, encrypted anew", "is_same_token": True}, False),
        ({"name": "Other"}, True),
        ({"token_ciphertext": "two"}, True),
        ({"name": "Other", "token_ciphertext": "one, encrypted anew", "is_same_token": True}, True),
    ],
)
def test_connecting_again_with_the_same_values_changes_nothing(told: dict[str, Any], *, changed: bool) -> None:
    intervals: list[OwnershipInterval] = []
    connect_at(intervals, "user-1", 10, name="Shop", token="one")
    change = connect(intervals, **{"user_id": "user-1", "name": None, "token_ciphertext": None, "now": at(20)} | told)

    assert (change.changed, change.user_ids) == (changed, ["user-1"] if changed else [])
    [kept] = change.intervals
    assert kept.version == (2 if changed or "token_ciphertext" in told else 1)
    assert kept.token_ciphertext == told.get("token_ciphertext", "one")


def test_a_refusal_of_an_older_version_is_ignored() -> None:
    intervals: list[OwnershipInterval] = []
    connect_at(intervals, "user-1", 10, token="one")
    again = connect(intervals, user_id="user-1", name=None, token_ciphertext="anew", is_same_token=True, now=at(20))
    apply_change(intervals, again)

    assert not again.changed
    assert mark_token_refused(intervals, version=1, reason="Refused.") is None
    assert mark_token_refused(intervals, version=2, reason="Refused.") is not None


def test_giving_the_refused_token_again_ends_the_refusal() -> None:
    intervals: list[OwnershipInterval] = []
    connect_at(intervals, "user-1", 10, token="one")
    apply_change(intervals, mark_token_refused(intervals, version=1, reason="Refused."))
    change = connect(intervals, user_id="user-1", name=None, token_ciphertext="anew", is_same_token=True, now=at(20))

    assert change.changed
    assert (change.intervals[0].status, change.intervals[0].reason) == ("connected", None)


def test_disconnecting_an_unowned_page_does_nothing() -> None:
    assert disconnect([], now=at(0)) is None


_steps = st.lists(st.tuples(st.sampled_from(["user-1", "user-2", None]), st.integers(0, 5)), max_size=10)


@given(_steps)
def test_intervals_never_overlap_and_versions_grow_even_if_the_clock_goes_back(
    steps: list[tuple[str | None, int]],
) -> None:
    intervals: list[OwnershipInterval] = []
    for user, second in steps:
        before = page_version(intervals)
        change = None
        if user is None:
            change = disconnect(intervals, now=at(second))
            apply_change(intervals, change)
        else:
            change = connect_at(intervals, user, second)
        assert page_version(intervals) == before + (change is not None and change.changed)

    for one, following in pairwise(intervals):
        assert one.owned_until == following.owned_from
        assert one.owned_from < following.owned_from
    assert sum(interval.owned_until is None for interval in intervals) <= 1
    moments: list[datetime] = [interval.owned_from for interval in intervals]
    for moment in (*moments, *(moment + timedelta(microseconds=1) for moment in moments)):
        assert sum(interval.contains(moment) for interval in intervals) <= 1
