"""What the opening request of a socket asks for. Pure; docs/protocol.md is the contract."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import SecretStr

from push_gateway.core.frames import BadFrame
from push_gateway.event_stream import position_of
from shared.security.bearer import bearer_token

SUBPROTOCOL = "bearer"
"""A page offers `bearer` and its token: the only way for a browser to send one outside the URL."""

_PATH = re.compile(r"/ws/([^/]+)")
_CLIENT = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_LONGEST_POSITION_DIGITS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """Who wants to hear whose changes, and from where on."""

    user_id: str
    token: SecretStr | None
    after: int | None
    epoch: str | None
    client: str | None
    """What the device calls itself."""


def user_of(path: str) -> str | None:
    """Return the user that the path of a URL names, or None where it is no path of ours."""
    try:
        match = _PATH.fullmatch(urlsplit(path).path)
    except ValueError:  # `//[` and the like
        return None
    return unquote(match[1]) if match else None


def read_request(path: str, authorization: str | None, subprotocols: Iterable[str]) -> SessionRequest:
    """Return what is asked for. The token comes from the header, else the subprotocols, else the URL.

    Raises:
        BadFrame: `after` is no position, or `client` no name of a device.
    """
    return _request(user_of(path) or "", urlsplit(path).query, bearer_token(authorization) or _offered(subprotocols))


def read_stream_request(
    user_id: str, query: str, authorization: str | None, last_event_id: str | None
) -> SessionRequest:
    """Return what is asked for. The position of `last_event_id` is newer than that of the URL, which stays as it was.

    Raises:
        BadFrame: as above, or `last_event_id` is none of ours.
    """
    request = _request(user_id, query, bearer_token(authorization))
    if not last_event_id:
        return request
    position = position_of(last_event_id)
    return replace(request, after=position.seq, epoch=position.epoch)


def _request(user_id: str, query: str, token: str | None) -> SessionRequest:
    given = {name: values[-1] for name, values in parse_qs(query).items()}
    token = token or given.get("token")
    client = given.get("client")
    if client is not None and not _CLIENT.fullmatch(client):
        raise BadFrame("client is not 1 to 64 letters, digits and . _ : -")
    return SessionRequest(
        user_id=user_id,
        token=SecretStr(token) if token else None,
        after=_position(given.get("after", "")),
        epoch=given.get("epoch"),
        client=client,
    )


def is_allowed_origin(origin: str | None, host: str | None, allowed: Collection[str]) -> bool:
    """Whether a page of `origin` may open a socket here. None is no page: a program brings its token and nothing else.

    The page that is served under the same host and port is always allowed (RFC 6454, section 4, without the scheme,
    which ends at the front door).
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


def _offered(subprotocols: Iterable[str]) -> str | None:
    offered = list(subprotocols)
    return next((name for name in offered if name != SUBPROTOCOL), None) if SUBPROTOCOL in offered else None


def _position(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_POSITION_DIGITS):
        raise BadFrame("after is not a position")
    return int(text)
