"""How far users' changes have been published: collected in memory until they are written together."""

from collections.abc import Mapping, Sequence

import msgspec


class SeqRange(msgspec.Struct, frozen=True):
    """The changes `first` to `last` of one user, both included."""

    user_id: str
    first: int
    last: int


def to_ranges(changes: Sequence[tuple[str, int]]) -> list[SeqRange]:
    """Return (user_id, seq) pairs as the smallest number of ranges, sorted by user and seq."""
    ranges: list[SeqRange] = []
    for user_id, seq in sorted(set(changes)):
        if ranges and ranges[-1].user_id == user_id and ranges[-1].last == seq - 1:
            ranges[-1] = SeqRange(user_id, ranges[-1].first, seq)
        else:
            ranges.append(SeqRange(user_id, seq, seq))
    return ranges


class PublishWatermarks:
    """Ranges that were published and not recorded yet. Losing them costs a second publish, never a change.

    Args:
        limit: maximum number of users; further ones are left to the outbox scan.
    """

    def __init__(self, *, limit: int = 50_000) -> None:
        self._limit = limit
        self._ranges: dict[str, list[SeqRange]] = {}

    def add(self, published: SeqRange) -> None:
        """Add a range; adjacent ranges become one."""
        if published.user_id not in self._ranges and len(self._ranges) >= self._limit:
            return
        ranges = self._ranges.setdefault(published.user_id, [])
        last = ranges[-1] if ranges else None
        if last is not None and published.first == last.last + 1:
            ranges[-1] = SeqRange(last.user_id, last.first, published.last)
            return
        ranges.append(published)
        self._ranges[published.user_id] = _merged(ranges)

    def lowest(self) -> list[SeqRange]:
        """Return the lowest range of every user, sorted by user: what is to be recorded next."""
        return [self._ranges[user_id][0] for user_id in sorted(self._ranges)]

    def advance(self, published_seqs: Mapping[str, int]) -> None:
        """Drop what the users' recorded watermarks, by user, cover by now."""
        for user_id, seq in published_seqs.items():
            left = [known for known in self._ranges.get(user_id, ()) if known.last > seq]
            if left:
                self._ranges[user_id] = left
            else:
                self._ranges.pop(user_id, None)

    def discard(self, ranges: Sequence[SeqRange]) -> None:
        """Drop ranges that do not connect to a recorded watermark: another process publishes what is between."""
        for discarded in ranges:
            left = [known for known in self._ranges.get(discarded.user_id, ()) if known.first > discarded.first]
            if left:
                self._ranges[discarded.user_id] = left
            else:
                self._ranges.pop(discarded.user_id, None)


def _merged(ranges: Sequence[SeqRange]) -> list[SeqRange]:
    merged: list[SeqRange] = []
    for one in sorted(ranges, key=lambda known: known.first):
        if merged and one.first <= merged[-1].last + 1:
            merged[-1] = SeqRange(one.user_id, merged[-1].first, max(merged[-1].last, one.last))
        else:
            merged.append(one)
    return merged
