from hypothesis import given
from hypothesis import strategies as st

from store.core.ledger import AccountLedger, Tally, accounts_of, summed

_PLACES = ("stored", "duplicate", "parked", "waiting", "ignored", "unaccounted")
_accounts = st.tuples(st.sampled_from(["facebook", "whatsapp"]), st.sampled_from(["", "page-1", "page-2"]))
_places = st.tuples(_accounts, st.sampled_from(_PLACES), st.sampled_from(["", "message", "edit"]), st.integers(0, 9))


def booked(places: list[tuple[tuple[str, str], str, str, int]]) -> list[Tally]:
    """Return what the queries find when these many items are in these places."""
    found = [Tally(*account, place, kind, items) for account, place, kind, items in places]  # type: ignore[arg-type]  # sampled from the names
    return [*found, *(Tally(*account, "received", "", items) for account, _, _, items in places)]


@given(st.lists(_places), st.randoms(use_true_random=False))
def test_the_sums_are_the_same_in_any_order_and_in_any_portions(
    places: list[tuple[tuple[str, str], str, str, int]], rng: object
) -> None:
    tallies = booked(places)
    whole = accounts_of(tallies)
    rng.shuffle(tallies)  # type: ignore[attr-defined]  # hypothesis gives a Random
    middle = len(tallies) // 2

    assert accounts_of(summed([*summed(tallies[:middle]), *tallies[middle:]])) == whole


@given(st.lists(_places))
def test_what_was_received_is_the_sum_of_where_it_is(places: list[tuple[tuple[str, str], str, str, int]]) -> None:
    for account in accounts_of(booked(places)):
        assert account.received == account.accounted + account.unaccounted


def test_what_is_ignored_is_told_apart_and_the_rest_is_not() -> None:
    tallies = [
        Tally("facebook", "page-1", "received", "", 7),
        Tally("facebook", "page-1", "stored", "message", 2),
        Tally("facebook", "page-1", "stored", "edit", 1),
        Tally("facebook", "page-1", "ignored", "messaging.other", 3),
        Tally("facebook", "page-1", "ignored", "expired", 1),
        Tally("facebook", "", "received", "", 1),
        Tally("facebook", "", "parked", "", 1),
    ]

    assert accounts_of(tallies) == [
        AccountLedger(
            platform="facebook", page_id="", received=1, stored=0, duplicate=0, parked=1, waiting=0, ignored={},
            unaccounted=0,
        ),
        AccountLedger(
            platform="facebook", page_id="page-1", received=7, stored=3, duplicate=0, parked=0, waiting=0,
            ignored={"expired": 1, "messaging.other": 3}, unaccounted=0,
        ),
    ]  # fmt: skip
