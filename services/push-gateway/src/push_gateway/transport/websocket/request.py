"""Reads a WebSocket handshake. Pure; docs/protocol.md is the contract."""

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from push_gateway.transport.handshake import SessionRequest, parse_session_request
from shared.security.bearer import bearer_token

SUBPROTOCOL = "bearer"
"""A page offers `bearer` and its token as subprotocols: a browser has no other way to send one outside the URL."""
_PATH = re.compile(r"/ws/([^/]+)")


def user_id_of(path: str) -> str | None:
    """Return the user ID in `path`, which may have a query; None if it is not `/ws/{user_id}`."""
    try:
        match = _PATH.fullmatch(urlsplit(path).path)
    except ValueError:  # `//[` and the like
        return None
    return unquote(match[1]) if match else None


def parse_websocket_request(path: str, authorization: str | None, subprotocols: Iterable[str]) -> SessionRequest:
    """Return what a client asks for. The token comes from the header, else from the subprotocols, else from the URL.

    Args:
        path: Path and query of the URL.
        authorization: The `Authorization` header.
        subprotocols: All that the client offers.

    Raises:
        ProtocolError: `after` is not a position, or `client` is not a valid device ID.
    """
    token = bearer_token(authorization) or _token_in(subprotocols)
    return parse_session_request(user_id_of(path) or "", urlsplit(path).query, token)


def _token_in(subprotocols: Iterable[str]) -> str | None:
    offered = list(subprotocols)
    return next((name for name in offered if name != SUBPROTOCOL), None) if SUBPROTOCOL in offered else None
