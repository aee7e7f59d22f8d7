from push_gateway.core import LogPage, ReplayBuffer, SharedBudget
from tests.unit.push_gateway.wire import frame, page


def replay_buffer(limit_bytes: int = 10_000, budget: SharedBudget | None = None) -> ReplayBuffer:
    buffer = ReplayBuffer(limit_bytes, budget or SharedBudget(1_000_000))
    buffer.update_top("e1", 5)
    buffer.is_current = True
    return buffer


def seqs(found: LogPage | None) -> list[int] | None:
    return None if found is None else [one.seq for one in found.frames]


def test_a_page_holds_everything_after_the_position() -> None:
    buffer = replay_buffer()
    for seq in (6, 8, 7):
        buffer.add(frame(seq))

    assert seqs(buffer.page_after(6)) == [7, 8]
    assert seqs(buffer.page_after(8)) == []
    assert seqs(buffer.page_after(None)) == []


def test_there_is_no_page_if_something_may_be_missing() -> None:
    buffer = replay_buffer()
    buffer.add(frame(7))

    assert buffer.page_after(5) is None, "6 is not there"
    assert buffer.page_after(9) is None, "a position that is not known"
    buffer.is_current = False
    assert buffer.page_after(6) is None, "something newer may be missing"


def test_the_oldest_frames_are_dropped_beyond_the_limit() -> None:
    budget = SharedBudget(1_000_000)
    buffer = replay_buffer(limit_bytes=3 * len(frame(11).wire), budget=budget)
    for seq in range(6, 20):
        buffer.add(frame(seq))
        buffer.add(frame(seq))

    assert seqs(buffer.page_after(16)) == [17, 18, 19]
    assert buffer.page_after(15) is None
    assert budget.used_bytes == 3 * len(frame(11).wire)


def test_a_user_keeps_nothing_when_the_shared_budget_is_spent() -> None:
    budget = SharedBudget(100)
    first, second = replay_buffer(budget=budget), replay_buffer(budget=budget)
    first.add(frame(6))
    second.add(frame(6, "x" * 100))

    assert second.page_after(5) is None
    assert seqs(first.page_after(5)) == [6]
    assert budget.used_bytes == len(frame(6).wire)


def test_merging_a_page_fills_gaps() -> None:
    buffer = replay_buffer()
    buffer.add(frame(6))
    buffer.add(frame(8))

    buffer.merge(page(6, 7, 8))

    assert seqs(buffer.page_after(5)) == [6, 7, 8]


def test_a_new_epoch_drops_everything() -> None:
    buffer = replay_buffer()
    buffer.add(frame(6))

    buffer.update_top("e2", 3)

    assert buffer.top_seq == 3
    assert buffer.page_after(5) is None


def test_frames_from_before_the_epoch_was_known_are_dropped() -> None:
    buffer = ReplayBuffer(10_000, SharedBudget(10_000))
    buffer.add(frame(8))

    buffer.merge(page(6, 7))
    buffer.is_current = True

    assert buffer.top_seq == 7
    assert seqs(buffer.page_after(6)) == [7]
