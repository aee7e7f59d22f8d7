from hypothesis import given
from hypothesis import strategies as st

from store.core.publish_watermarks import PublishedMarks, Range, ranges_of


def apply(row: int, waiting: list[Range]) -> int:
    """Do what the UPDATE does: take a range that connects."""
    for one in waiting:
        if row >= one.first - 1 and row < one.last:
            row = one.last
    return row


def test_positions_become_the_fewest_ranges() -> None:
    positions = [("b", 1), ("a", 3), ("a", 1), ("a", 2), ("a", 5), ("a", 5)]
    assert ranges_of(positions) == [Range("a", 1, 3), Range("a", 5, 5), Range("b", 1, 1)]


@given(st.permutations([(1, 2), (3, 3), (4, 7), (8, 8), (2, 5)]))
def test_whatever_order_ranges_are_published_in_the_mark_reaches_the_top(order: list[tuple[int, int]]) -> None:
    marks, row = PublishedMarks(), 0
    for first, last in order:
        marks.add(Range("user-1", first, last))
        row = apply(row, marks.waiting())
        marks.settle({"user-1": row})
    for _ in order:
        row = apply(row, marks.waiting())
        marks.settle({"user-1": row})

    assert row == 8
    assert marks.waiting() == []


def test_a_range_whose_predecessor_is_missing_is_never_marked_and_can_be_given_up() -> None:
    marks = PublishedMarks()
    marks.add(Range("user-1", 3, 4))
    assert apply(1, marks.waiting()) == 1
    marks.forget(marks.waiting())
    assert marks.waiting() == []


def test_more_users_than_the_limit_are_left_to_the_scan() -> None:
    marks = PublishedMarks(limit=1)
    marks.add(Range("user-1", 1, 1))
    marks.add(Range("user-2", 1, 1))
    assert [waiting.user_id for waiting in marks.waiting()] == ["user-1"]
