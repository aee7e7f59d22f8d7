from hypothesis import given
from hypothesis import strategies as st

from store.core.ledger import AccountLedger, ItemCount, account_ledgers, sum_counts

_PLACES = ("stored", "duplicate", "parked", "waiting", "ignored", "unaccounted")
_accounts = st.tuples(st.sampled_from(["facebook", "whatsapp"]), st.sampled_from(["", "page-1", "page-2"]))
_places = st.tuples(_accounts, st.sampled_from(_PLACES), st.sampled_from(["", "message", "edit"]), st.integers(0, 9))


def booked(places: list[tuple[tuple[str, str], str, str, int]]) -> list[ItemCount]:
    """Return what the queries find when these many items are in these places."""
    found = [ItemCount(*account, place, kind, items) for account, place, kind, items in places]  # type: ignore[arg-type]  # sampled from the names
    return [*found, *(ItemCount(*account, "received", "", items) for account, _, _, items in places)]


@given(st.lists(_places), st.randoms(use_true_random=False))
def test_the_sums_are_the_same_in_any_order_and_in_any_portions(
    places: list[tuple[tuple[str, str], str, str, int]], rng: object
) -> None:
    counts = booked(places)
    whole = account_ledgers(counts)
    rng.shuffle(counts)  # type: ignore[attr-defined]  # hypothesis gives a Random
    middle = len(counts) // 2

    assert account_ledgers(sum_counts([*sum_counts(counts[:middle]), *counts[middle:]])) == whole


@given(st.lists(_places))
def test_what_was_received_is_the_sum_of_where_it_is(places: list[tuple[tuple[str, str], str, str, int]]) -> None:
    for account in account_ledgers(booked(places)):
        assert account.received == account.accounted + account.unaccounted


def test_what_is_ignored_is_told_apart_and_the_rest_is_not() -> None:
    counts = [
        ItemCount("facebook", "page-1", "received", "", 7),
        ItemCount("facebook", "page-1", "stored", "message", 2),
        ItemCount("facebook", "page-1", "stored", "edit", 1),
        ItemCount("facebook", "page-1", "ignored", "messaging.other", 3),
        ItemCount("facebook", "page-1", "ignored", "expired", 1),
        ItemCount("facebook", "", "received", "", 1),
        ItemCount("facebook", "", "parked", "", 1),
    ]

    assert account_ledgers(counts) == [
        AccountLedger(
            platform="facebook", page_id="", received=1, stored=0, duplicate=0, parked=1, waiting=0, ignored={},
            unaccounted=0,
        ),
        AccountLedger(
            platform="facebook", page_id="page-1", received=7, stored=3, duplicate=0, parked=0, waiting=0,
            ignored={"expired": 1, "messaging.other": 3}, unaccounted=0,
        ),
    ]  # fmt: skip
