from hypothesis import given
from hypothesis import strategies as st

from store.core.ledger import AccountLedger, ItemCount, account_ledgers, sum_counts

_PLACES = ("stored", "duplicate", "parked", "waiting", "ignored", "unaccounted")
_accounts = st.tuples(st.sampled_from(["facebook", "whatsapp"]), st.sampled_from(["", "page-1", "page-2"]))
_places = st.tuples(_accounts, st.sampled_from(_PLACES), st.sampled_from(["", "message", "edit"]), st.integers(0, 9))


def item_counts(places: list[tuple[tuple[str, str], str, str, int]]) -> list[ItemCount]:
    """Return the rows of the ledger's queries for these numbers of items."""
    found = [ItemCount(*account, place, kind, items) for account, place, kind, items in places]  # type: ignore[arg-type]  # sampled from the names
    return [*found, *(ItemCount(*account, "received", "", items) for account, _, _, items in places)]


@given(st.lists(_places), st.randoms(use_true_random=False))
def test_sums_do_not_depend_on_order_or_slices(
    places: list[tuple[tuple[str, str], str, str, int]], rng: object
) -> None:
    counts = item_counts(places)
    whole = account_ledgers(counts)
    rng.shuffle(counts)  # type: ignore[attr-defined]  # hypothesis gives a Random
    middle = len(counts) // 2

    assert account_ledgers(sum_counts([*sum_counts(counts[:middle]), *counts[middle:]])) == whole


@given(st.lists(_places))
def test_received_equals_accounted_plus_unaccounted(places: list[tuple[tuple[str, str], str, str, int]]) -> None:
    for account in account_ledgers(item_counts(places)):
        assert account.received == account.accounted + account.unaccounted


def test_only_ignored_items_are_counted_by_kind() -> None:
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
