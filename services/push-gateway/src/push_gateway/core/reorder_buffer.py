"""Events that came before what is ahead of them."""

from push_gateway.core.frames import Frame
from push_gateway.core.limits import Limits


class Held:
    """Frames by `seq`, bounded; what does not fit is read from the log later."""

    __slots__ = ("_frames", "_limits", "_size_bytes")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._frames: dict[int, Frame] = {}
        self._size_bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def is_full(self) -> bool:
        """Whether only what is next may still be kept."""
        return len(self._frames) >= self._limits.held_frames or self._size_bytes >= self._limits.held_bytes

    def keep(self, frame: Frame) -> None:
        """Keep `frame`, once."""
        if frame.seq not in self._frames:
            self._frames[frame.seq] = frame
            self._size_bytes += len(frame.wire)

    def get(self, seq: int) -> Frame | None:
        """Return frame `seq` if it is here."""
        return self._frames.get(seq)

    def drop(self, seq: int) -> None:
        """Forget frame `seq`."""
        self._size_bytes -= len(self._frames.pop(seq).wire)

    def drop_until(self, seq: int) -> None:
        """Forget everything up to `seq`."""
        for held in [held for held in self._frames if held <= seq]:
            self.drop(held)

    def clear(self) -> None:
        """Forget everything."""
        self._frames.clear()
        self._size_bytes = 0
