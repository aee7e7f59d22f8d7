"""A part of a user's log, and the newest part of it in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from push_gateway.core.frames import Frame
from shared.contracts.inbox import ResetReason


@dataclass(frozen=True, slots=True)
class Page:
    """What follows `after` in a user's log: without holes, possibly not yet everything."""

    after: int
    epoch: str
    """Which life of the log: another one after the database was restored."""
    seq: int
    """Highest `seq` known when the page was made."""
    floor_seq: int
    """The log holds everything after this and nothing before."""
    frames: Sequence[Frame]

    def why_not_after(self, position: int, epoch: str | None) -> ResetReason | None:
        """Return why a client cannot go on after `position` of `epoch` (None: not known to it); None when it can."""
        if epoch is not None and epoch != self.epoch:
            return "epoch_changed"
        if position < self.floor_seq:
            return "log_pruned"
        return "position_unknown" if position > self.seq else None


class SharedBudget:
    """Bytes that all users' recent frames may take together."""

    __slots__ = ("limit_bytes", "used_bytes")

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0


class Recent:
    """The newest frames of one user, bounded in bytes, so that reconnects and slow sockets cost no query.

    Args:
        limit_bytes: the oldest frames go beyond this.
        budget: shared with the other users; where it is spent, this user keeps nothing.
    """

    __slots__ = ("_budget", "_frames", "_limit_bytes", "_size_bytes", "epoch", "is_current", "top")

    def __init__(self, limit_bytes: int, budget: SharedBudget) -> None:
        self._limit_bytes = limit_bytes
        self._budget = budget
        self._frames: dict[int, Frame] = {}
        self._size_bytes = 0
        self.epoch = ""
        self.top = 0
        """Highest `seq` heard of."""
        self.is_current = False
        """Whether the log was read after the stream of events had begun: then nothing newer is missing here."""

    def add(self, frame: Frame) -> None:
        """Keep `frame`; one that is held already is not kept twice."""
        self.top = max(self.top, frame.seq)
        if frame.seq in self._frames:
            return
        self._frames[frame.seq] = frame
        self._account(len(frame.wire))
        while self._size_bytes > self._limit_bytes:
            self._account(-len(self._frames.pop(next(iter(self._frames))).wire))
        if self._budget.used_bytes > self._budget.limit_bytes:
            self.clear()

    def knows_life_of(self, top: int) -> bool:
        """Whether nothing above `top` was heard of while no epoch was known: such a thing only the store can tell."""
        return bool(self.epoch) or self.top <= top

    def learn(self, page: Page) -> None:
        """Take in what the store says; frames only where they continue or complete what is kept."""
        self.learn_top(page.epoch, page.seq)
        oldest = min(self._frames, default=0)
        for frame in page.frames:
            if frame.seq > oldest:
                self.add(frame)

    def learn_top(self, epoch: str, top: int) -> None:
        """Take in where the log stands; in another epoch nothing that is kept means anything.

        What came before any epoch was known may be of a former one, too.
        """
        if epoch != self.epoch:
            self.clear()
            self.top = top
        self.epoch = epoch
        self.top = max(self.top, top)

    def page(self, after: int | None) -> Page | None:
        """Return everything that follows `after`, or None where the store has to be asked."""
        if not self.is_current:
            return None
        start = self.top if after is None else after
        frames = [self._frames.get(seq) for seq in range(start + 1, min(self.top, start + len(self._frames) + 1) + 1)]
        whole = [frame for frame in frames if frame is not None]
        if start > self.top or len(whole) != self.top - start:
            return None
        return Page(after=start, epoch=self.epoch, seq=self.top, floor_seq=0, frames=whole)

    def clear(self) -> None:
        """Forget the frames, and give their bytes back."""
        self._frames.clear()
        self._account(-self._size_bytes)

    def _account(self, size_bytes: int) -> None:
        self._size_bytes += size_bytes
        self._budget.used_bytes += size_bytes
