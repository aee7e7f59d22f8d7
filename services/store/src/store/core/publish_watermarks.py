"""Which changes have been published, gathered in memory until they are written down together."""

from collections.abc import Mapping, Sequence

import msgspec


class Range(msgspec.Struct, frozen=True):
    """Changes `first` to `last` of one user, both included."""

    user_id: str
    first: int
    last: int


def ranges_of(positions: Sequence[tuple[str, int]]) -> list[Range]:
    """Return (user_id, seq) pairs as the fewest ranges, by user and number."""
    found: list[Range] = []
    for user_id, seq in sorted(set(positions)):
        if found and found[-1].user_id == user_id and found[-1].last == seq - 1:
            found[-1] = Range(user_id, found[-1].first, seq)
        else:
            found.append(Range(user_id, seq, seq))
    return found


class PublishedMarks:
    """Ranges that have been published and not yet marked. Losing them costs a second publish, never a change.

    Args:
        limit: most users at a time; of more, the rest is left to the scan.
    """

    def __init__(self, *, limit: int = 50_000) -> None:
        self._limit = limit
        self._ranges: dict[str, list[Range]] = {}

    def add(self, published: Range) -> None:
        """Note one range; those that touch become one."""
        if published.user_id not in self._ranges and len(self._ranges) >= self._limit:
            return
        ranges = self._ranges.setdefault(published.user_id, [])
        last = ranges[-1] if ranges else None
        if last is not None and published.first == last.last + 1:
            ranges[-1] = Range(last.user_id, last.first, published.last)
            return
        ranges.append(published)
        self._ranges[published.user_id] = _joined(ranges)

    def waiting(self) -> list[Range]:
        """Return the lowest range of every user, by user: what is to be marked next."""
        return [self._ranges[user_id][0] for user_id in sorted(self._ranges)]

    def settle(self, published_seqs: Mapping[str, int]) -> None:
        """Forget what the users' rows, at these numbers now, know already."""
        for user_id, seq in published_seqs.items():
            left = [known for known in self._ranges.get(user_id, ()) if known.last > seq]
            if left:
                self._ranges[user_id] = left
            else:
                self._ranges.pop(user_id, None)

    def forget(self, ranges: Sequence[Range]) -> None:
        """Give up ranges that do not connect to what is marked: somebody else published what comes before, or will."""
        for given_up in ranges:
            left = [known for known in self._ranges.get(given_up.user_id, ()) if known.first > given_up.first]
            if left:
                self._ranges[given_up.user_id] = left
            else:
                self._ranges.pop(given_up.user_id, None)


def _joined(ranges: Sequence[Range]) -> list[Range]:
    joined: list[Range] = []
    for one in sorted(ranges, key=lambda known: known.first):
        if joined and one.first <= joined[-1].last + 1:
            joined[-1] = Range(one.user_id, joined[-1].first, max(joined[-1].last, one.last))
        else:
            joined.append(one)
    return joined
