"""The limits of a session."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session waits, and how much it buffers."""

    gap_wait_seconds: float = 0.03
    """Events that overtake each other arrive within this; the log is read only for a gap that lasts longer."""
    max_empty_fetch_wait_seconds: float = 1.0
    """Longest delay before the log is read again for an event that it did not contain."""
    lagging_seconds: float = 30.0
    """A client whose write buffer does not drain for this long is closed."""
    drain_poll_seconds: float = 1.0
    """How often a paused session checks its write buffer, in case nobody reports that it has drained."""
    drained_capacity_bytes: int = 192 * 1024
    """A write buffer with this much free capacity has drained."""
    reorder_frames: int = 1_000
    """Frames in the reorder buffer; later ones are read from the log."""
    reorder_bytes: int = 256 * 1024
    """The same in bytes."""
    max_empty_fetches: int = 10
    """After this many the log is believed not to contain the event; the next check of tops asks again."""
