"""The bounds of a session."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session waits, and how much it holds."""

    hole_wait_seconds: float = 0.03
    """Events overtake one another by less; only then the log is asked."""
    fruitless_wait_seconds: float = 1.0
    """Longest pause before the log is asked again for what it did not have."""
    lagging_seconds: float = 30.0
    """A socket that does not drain for this long is closed."""
    look_again_seconds: float = 1.0
    """How often a socket that is not fed is looked at, should nobody say that it has drained."""
    drained_room_bytes: int = 192 * 1024
    """With this much room a socket has drained."""
    held_frames: int = 1_000
    """Events held behind a hole; later ones are read from the log instead."""
    held_bytes: int = 256 * 1024
    fruitless_fetches: int = 10
    """Then an event that the log does not have is given up; the next check of tops asks again."""
