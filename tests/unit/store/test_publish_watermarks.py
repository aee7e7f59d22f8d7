from hypothesis import given
from hypothesis import strategies as st

from store.core.publish_watermarks import PublishWatermarks, SeqRange, to_ranges


def apply(row: int, waiting: list[SeqRange]) -> int:
    """Advance as the UPDATE does: by every range that follows the current value."""
    for one in waiting:
        if row >= one.first - 1 and row < one.last:
            row = one.last
    return row


def test_to_ranges_merges_adjacent_positions() -> None:
    positions = [("b", 1), ("a", 3), ("a", 1), ("a", 2), ("a", 5), ("a", 5)]
    assert to_ranges(positions) == [SeqRange("a", 1, 3), SeqRange("a", 5, 5), SeqRange("b", 1, 1)]


@given(st.permutations([(1, 2), (3, 3), (4, 7), (8, 8), (2, 5)]))
def test_the_watermark_reaches_the_top_in_any_publish_order(order: list[tuple[int, int]]) -> None:
    marks, row = PublishWatermarks(), 0
    for first, last in order:
        marks.add(SeqRange("user-1", first, last))
        row = apply(row, marks.lowest())
        marks.advance({"user-1": row})
    for _ in order:
        row = apply(row, marks.lowest())
        marks.advance({"user-1": row})

    assert row == 8
    assert marks.lowest() == []


def test_a_range_after_a_gap_is_never_marked_and_can_be_discarded() -> None:
    marks = PublishWatermarks()
    marks.add(SeqRange("user-1", 3, 4))
    assert apply(1, marks.lowest()) == 1
    marks.discard(marks.lowest())
    assert marks.lowest() == []


def test_users_over_the_limit_are_left_to_the_scan() -> None:
    marks = PublishWatermarks(limit=1)
    marks.add(SeqRange("user-1", 1, 1))
    marks.add(SeqRange("user-2", 1, 1))
    assert [waiting.user_id for waiting in marks.lowest()] == ["user-1"]


def test_ranges_above_a_watermark_stay_and_those_up_to_a_discarded_one_are_removed() -> None:
    marks = PublishWatermarks()
    for first, last in ((1, 2), (5, 6), (9, 9)):
        marks.add(SeqRange("user-1", first, last))

    marks.advance({"user-1": 2, "user-2": 7})
    assert marks.lowest() == [SeqRange("user-1", 5, 6)]
    marks.discard([SeqRange("user-1", 5, 6), SeqRange("user-2", 1, 1)])
    assert marks.lowest() == [SeqRange("user-1", 9, 9)]
    marks.discard([SeqRange("user-1", 9, 9)])
    assert marks.lowest() == []
