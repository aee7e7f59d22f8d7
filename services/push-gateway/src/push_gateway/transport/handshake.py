"""What a handshake asks for, whichever transport it uses. Pure; docs/protocol.md is the contract."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from push_gateway.core.close_codes import ProtocolError

_CLIENT = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_MAX_POSITION_DIGITS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """Who wants to receive whose changes, and after which position."""

    user_id: str
    token: SecretStr | None
    after: int | None
    epoch: str | None
    client: str | None
    """The device's own ID."""


def parse_session_request(user_id: str, query: str, token: str | None) -> SessionRequest:
    """Return what a client asks for. `token` takes precedence over a token in `query`.

    Raises:
        ProtocolError: `after` is not a position, or `client` is not a valid device ID.
    """
    parameters = {name: values[-1] for name, values in parse_qs(query).items()}
    token = token or parameters.get("token")
    client = parameters.get("client")
    if client is not None and not _CLIENT.fullmatch(client):
        raise ProtocolError("client is not 1 to 64 letters, digits and . _ : -")
    return SessionRequest(
        user_id=user_id,
        token=SecretStr(token) if token else None,
        after=_parse_position(parameters.get("after", "")),
        epoch=parameters.get("epoch"),
        client=client,
    )


def is_allowed_origin(origin: str | None, host: str | None, allowed: Collection[str]) -> bool:
    """Return whether a page of `origin` may connect.

    A request without an origin comes from a program, not from a page: it has nothing but the token it brings. A page
    that is served under the gateway's own host and port is always allowed (RFC 6454, section 4, without the scheme:
    TLS ends at the reverse proxy).

    Args:
        origin: The `Origin` header.
        host: The `Host` header.
        allowed: Further origins; `*` allows every page.
    """
    if origin is None or "*" in allowed:
        return True
    given = origin.lower().rstrip("/")
    if given in {known.lower().rstrip("/") for known in allowed}:
        return True
    try:
        return host is not None and urlsplit(given).netloc == host.lower() != ""
    except ValueError:  # `http://[` and the like
        return False


def _parse_position(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_POSITION_DIGITS):
        raise ProtocolError("after is not a position")
    return int(text)
