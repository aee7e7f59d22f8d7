"""What a session asks of the code that runs it."""

from dataclasses import dataclass
from enum import StrEnum

from push_gateway.core.client_frames import Read, Typing, Viewing
from push_gateway.core.close_codes import CloseCode


class CountedEvent(StrEnum):
    """Something that operators count."""

    RESUMED = "resumed"
    """A client reconnected and continues after its position."""
    RESET = "reset"
    """A client has to load its inbox again."""
    GAP = "gap"
    """An event did not arrive in time and is read from the log."""
    LAGGING = "lagging"
    """A client's write buffer is full; the session pauses."""


@dataclass(frozen=True, slots=True)
class Send:
    """Write `wire` now. It holds `frames` complete frames; effects are carried out in order."""

    wire: bytes
    frames: int = 1


@dataclass(frozen=True, slots=True)
class FetchLog:
    """Read what follows `after` in the user's log and return it as a `LogPage`; None asks only for the top.

    The request stands until it is answered: the caller repeats it for as long as the store is unavailable.
    """

    after: int | None


@dataclass(frozen=True, slots=True)
class VerifyToken:
    """Verify `token`, then call `on_token_renewed` or `close`."""

    token: str


@dataclass(frozen=True, slots=True)
class ClientMessage:
    """The client sent a frame that concerns others than this session."""

    frame: Typing | Viewing | Read


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection. No effect follows."""

    code: CloseCode
    reason: str


@dataclass(frozen=True, slots=True)
class Count:
    """Count `event`."""

    event: CountedEvent


Effect = Send | FetchLog | VerifyToken | ClientMessage | Close | Count
