"""Why the server closes a socket. docs/protocol.md is the contract."""

from enum import IntEnum

from shared.errors import PermanentError


class CloseCode(IntEnum):
    """4000 to 4999 are for applications (RFC 6455, section 7.4.2)."""

    RESTARTING = 1012
    """Reconnect after the milliseconds that the reason names; nothing is wrong with the client."""
    BAD_TOKEN = 4001
    """The token is missing, forged or expired: get a new one, then reconnect."""
    NOT_YOUR_USER = 4003
    """The token belongs to another user: do not reconnect."""
    TOO_SLOW = 4008
    """The client did not read what it was sent: reconnect with its position."""
    TOO_MANY_SOCKETS = 4009
    """The user or this process has reached its limit of sockets: reconnect later."""
    BAD_FRAME = 4400
    """The client violated the protocol: do not reconnect before it is fixed."""


class ProtocolError(PermanentError):
    """The client sent something that the protocol does not allow. `str()` fits into a close reason."""
