"""The newest frames of a user in memory, so that reconnects and slow clients cost no query."""

from push_gateway.core.frames import SequencedFrame
from push_gateway.core.log_page import LogPage


class SharedBudget:
    """Bytes that the replay buffers of all users may take together."""

    __slots__ = ("limit_bytes", "used_bytes")

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0


class ReplayBuffer:
    """The newest frames of one user, limited in bytes.

    Args:
        limit_bytes: Beyond this the oldest frames are dropped.
        budget: Shared by all users. When it is spent, this user keeps nothing.
    """

    __slots__ = ("_budget", "_frames", "_limit_bytes", "_size_bytes", "epoch", "is_current", "top_seq")

    def __init__(self, limit_bytes: int, budget: SharedBudget) -> None:
        self._limit_bytes = limit_bytes
        self._budget = budget
        self._frames: dict[int, SequencedFrame] = {}
        self._size_bytes = 0
        self.epoch = ""
        """Empty until the store has said what it is."""
        self.top_seq = 0
        """Highest `seq` seen."""
        self.is_current = False
        """Whether the log was read after the subscription had started: then nothing newer is missing here."""

    def add(self, frame: SequencedFrame) -> None:
        """Add `frame`, unless it is here."""
        self.top_seq = max(self.top_seq, frame.seq)
        if frame.seq in self._frames:
            return
        self._frames[frame.seq] = frame
        self._add_bytes(len(frame.wire))
        while self._size_bytes > self._limit_bytes:
            self._add_bytes(-len(self._frames.pop(next(iter(self._frames))).wire))
        if self._budget.used_bytes > self._budget.limit_bytes:
            self.clear()

    def is_consistent_with(self, top_seq: int) -> bool:
        """Return whether everything seen can belong to a log that ends at `top_seq`.

        Before the epoch is known, an event above the top may belong to an earlier epoch; only the store can tell.
        """
        return bool(self.epoch) or self.top_seq <= top_seq

    def merge(self, page: LogPage) -> None:
        """Take over what the store returned; frames only where they continue or complete what is here."""
        self.update_top(page.epoch, page.top_seq)
        oldest = min(self._frames, default=0)
        for frame in page.frames:
            if frame.seq > oldest:
                self.add(frame)

    def update_top(self, epoch: str, top_seq: int) -> None:
        """Take over epoch and top of the log. If the epoch changes, nothing that is here is valid.

        Frames that came before the epoch was known are dropped too: they may belong to an earlier one.
        """
        if epoch != self.epoch:
            self.clear()
            self.top_seq = top_seq
        self.epoch = epoch
        self.top_seq = max(self.top_seq, top_seq)

    def page_after(self, after: int | None) -> LogPage | None:
        """Return every frame after `after` (None: only the top), or None if the store has to be asked."""
        if not self.is_current:
            return None
        start = self.top_seq if after is None else after
        end = min(self.top_seq, start + len(self._frames) + 1)
        frames = [frame for seq in range(start + 1, end + 1) if (frame := self._frames.get(seq)) is not None]
        if start > self.top_seq or len(frames) != self.top_seq - start:
            return None
        return LogPage(after=start, epoch=self.epoch, top_seq=self.top_seq, floor_seq=0, frames=frames)

    def clear(self) -> None:
        """Drop all frames and return their bytes to the budget."""
        self._frames.clear()
        self._add_bytes(-self._size_bytes)

    def _add_bytes(self, size_bytes: int) -> None:
        self._size_bytes += size_bytes
        self._budget.used_bytes += size_bytes
