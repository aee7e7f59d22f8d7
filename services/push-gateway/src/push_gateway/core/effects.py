"""What a session asks of the shell around it."""

from dataclasses import dataclass
from enum import StrEnum

from push_gateway.core.frames import CloseCode, Read, Typing, Viewing


class Occasion(StrEnum):
    """Something that operators count."""

    RESUMED = "resumed"
    """A client came back and goes on where it was."""
    RESET = "reset"
    """A client has to load its inbox anew."""
    GAP = "gap"
    """An event did not come in time and is read from the log."""
    LAGGING = "lagging"
    """A socket has too much unsent and is not fed for a while."""


@dataclass(frozen=True, slots=True)
class Send:
    """Write `wire`, which holds `frames` whole frames, in this order, now."""

    wire: bytes
    frames: int = 1


@dataclass(frozen=True, slots=True)
class FetchLog:
    """Give a `Page` of what comes after `after` (None: only the top is wanted), as soon as the store can be asked.

    A standing request: it is repeated by the shell until it is answered, however long the store is away.
    """

    after: int | None


@dataclass(frozen=True, slots=True)
class VerifyToken:
    """Verify `token`, then call `token_renewed` or `close`."""

    token: str


@dataclass(frozen=True, slots=True)
class Told:
    """The client says something that concerns others than this session."""

    frame: Typing | Viewing | Read


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket; nothing more will be asked."""

    code: CloseCode
    reason: str


@dataclass(frozen=True, slots=True)
class Noted:
    """Count an occasion."""

    occasion: Occasion


Effect = Send | FetchLog | VerifyToken | Told | Close | Noted
