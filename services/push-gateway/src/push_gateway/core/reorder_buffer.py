"""Holds frames that arrived ahead of a missing `seq`."""

from push_gateway.core.frames import SequencedFrame
from push_gateway.core.limits import SessionLimits


class ReorderBuffer:
    """Frames by `seq`. The caller checks `is_full`: what does not fit is read from the log later."""

    __slots__ = ("_frames", "_limits", "_size_bytes")

    def __init__(self, limits: SessionLimits) -> None:
        self._limits = limits
        self._frames: dict[int, SequencedFrame] = {}
        self._size_bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def is_full(self) -> bool:
        """Whether only the next frame may still be added."""
        return len(self._frames) >= self._limits.reorder_frames or self._size_bytes >= self._limits.reorder_bytes

    def add(self, frame: SequencedFrame) -> None:
        """Add `frame`, unless one with its `seq` is here."""
        if frame.seq not in self._frames:
            self._frames[frame.seq] = frame
            self._size_bytes += len(frame.wire)

    def get(self, seq: int) -> SequencedFrame | None:
        """Return the frame with this `seq`, if it is here."""
        return self._frames.get(seq)

    def discard(self, seq: int) -> None:
        """Remove the frame with this `seq`, which must be here."""
        self._size_bytes -= len(self._frames.pop(seq).wire)

    def discard_through(self, seq: int) -> None:
        """Remove every frame up to `seq`."""
        for buffered in [buffered for buffered in self._frames if buffered <= seq]:
            self.discard(buffered)

    def clear(self) -> None:
        """Remove everything."""
        self._frames.clear()
        self._size_bytes = 0
