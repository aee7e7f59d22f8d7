"""A part of a user's event log."""

from collections.abc import Sequence
from dataclasses import dataclass

from push_gateway.core.frames import SequencedFrame
from shared.contracts.inbox import ResetReason


@dataclass(frozen=True, slots=True)
class LogPage:
    """What follows `after` in a user's log: contiguous, but possibly not everything yet."""

    after: int
    epoch: str
    """Identifies the log's history; it changes when the database is restored."""
    top_seq: int
    """Highest `seq` that was known when the page was read."""
    floor_seq: int
    """Highest pruned `seq`: the log holds everything above it."""
    frames: Sequence[SequencedFrame]

    def reset_reason(self, position: int, epoch: str | None) -> ResetReason | None:
        """Return why a client cannot resume after `position` of `epoch`, or None if it can.

        Args:
            position: The highest `seq` that the client has handled.
            epoch: The epoch that it is from; None if the client does not know it.
        """
        if epoch is not None and epoch != self.epoch:
            return "epoch_changed"
        if position < self.floor_seq:
            return "log_pruned"
        return "position_unknown" if position > self.top_seq else None
