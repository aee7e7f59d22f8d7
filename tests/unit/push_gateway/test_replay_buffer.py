from push_gateway.core import Page, Recent, SharedBudget
from tests.unit.push_gateway.wire import frame, page


def recent(limit_bytes: int = 10_000, budget: SharedBudget | None = None) -> Recent:
    kept = Recent(limit_bytes, budget or SharedBudget(1_000_000))
    kept.learn_top("e1", 5)
    kept.is_current = True
    return kept


def seqs(found: Page | None) -> list[int] | None:
    return None if found is None else [one.seq for one in found.frames]


def test_a_reconnect_is_served_from_memory_when_everything_after_it_is_there() -> None:
    kept = recent()
    for seq in (6, 8, 7):
        kept.add(frame(seq))

    assert seqs(kept.page(6)) == [7, 8]
    assert seqs(kept.page(8)) == []
    assert seqs(kept.page(None)) == []


def test_anything_else_is_left_to_the_store() -> None:
    kept = recent()
    kept.add(frame(7))

    assert kept.page(5) is None, "6 is not there"
    assert kept.page(9) is None, "a position that is not known"
    kept.is_current = False
    assert kept.page(6) is None, "something newer may be missing"


def test_the_oldest_go_first_and_no_more_is_kept_than_allowed() -> None:
    budget = SharedBudget(1_000_000)
    kept = recent(limit_bytes=3 * len(frame(11).wire), budget=budget)
    for seq in range(6, 20):
        kept.add(frame(seq))
        kept.add(frame(seq))

    assert seqs(kept.page(16)) == [17, 18, 19]
    assert kept.page(15) is None
    assert budget.used_bytes == 3 * len(frame(11).wire)


def test_where_the_shared_budget_is_spent_nothing_is_kept() -> None:
    budget = SharedBudget(100)
    first, second = recent(budget=budget), recent(budget=budget)
    first.add(frame(6))
    second.add(frame(6, "x" * 100))

    assert second.page(5) is None
    assert seqs(first.page(5)) == [6]
    assert budget.used_bytes == len(frame(6).wire)


def test_a_page_completes_what_is_kept() -> None:
    kept = recent()
    kept.add(frame(6))
    kept.add(frame(8))

    kept.learn(page(6, 7, 8))

    assert seqs(kept.page(5)) == [6, 7, 8]


def test_another_epoch_makes_everything_worthless() -> None:
    kept = recent()
    kept.add(frame(6))

    kept.learn_top("e2", 3)

    assert kept.top == 3
    assert kept.page(5) is None


def test_events_that_came_before_any_epoch_was_known_are_not_kept() -> None:
    kept = Recent(10_000, SharedBudget(10_000))
    kept.add(frame(8))

    kept.learn(page(6, 7))
    kept.is_current = True

    assert kept.top == 7
    assert seqs(kept.page(6)) == [7]
