"""Reads the request for an event stream. Pure; docs/protocol.md is the contract."""

from dataclasses import replace

from push_gateway.transport.handshake import SessionRequest, parse_session_request
from push_gateway.transport.sse.encoding import parse_event_id
from shared.security.bearer import bearer_token


def parse_event_stream_request(
    user_id: str, query: str, authorization: str | None, last_event_id: str | None
) -> SessionRequest:
    """Return what a client asks for. The token comes from the header, else from the URL.

    A browser that reconnects repeats the URL of its first request and adds `last_event_id`, which is therefore newer.

    Args:
        user_id: From the path.
        query: Query string of the URL.
        authorization: The `Authorization` header.
        last_event_id: The `Last-Event-ID` header.

    Raises:
        ProtocolError: `after` or `last_event_id` is not a position, or `client` is not a valid device ID.
    """
    request = parse_session_request(user_id, query, bearer_token(authorization))
    if not last_event_id:
        return request
    position = parse_event_id(last_event_id)
    return replace(request, after=position.seq, epoch=position.epoch)
