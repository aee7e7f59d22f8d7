import pytest

from push_gateway.core.close_codes import ProtocolError
from push_gateway.transport.handshake import is_allowed_origin
from push_gateway.transport.sse.request import parse_event_stream_request
from push_gateway.transport.websocket.request import parse_websocket_request, user_id_of


@pytest.mark.parametrize(
    ("path", "user_id"),
    [
        ("/ws/42", "42"),
        ("/ws/42?token=x&after=3", "42"),
        ("/ws/a%40b.example%7Cx+y", "a@b.example|x+y"),
        ("/ws/", None),
        ("/ws/a/b", None),
        ("/", None),
        ("/wsx/a", None),
        ("//[", None),
    ],
)
def test_the_path_names_the_user(path: str, user_id: str | None) -> None:
    assert user_id_of(path) == user_id


@pytest.mark.parametrize(
    ("path", "authorization", "subprotocols", "token"),
    [
        ("/ws/u?token=query", None, [], "query"),
        ("/ws/u", "Bearer header", [], "header"),
        ("/ws/u", None, ["bearer", "offered"], "offered"),
        ("/ws/u", None, ["chat", "offered"], None),
        ("/ws/u?token=query", "Bearer header", ["bearer", "offered"], "header"),
        ("/ws/u?token=", None, [], None),
    ],
)
def test_a_token_comes_by_header_by_subprotocol_or_in_the_url(
    path: str, authorization: str | None, subprotocols: list[str], token: str | None
) -> None:
    request = parse_websocket_request(path, authorization, subprotocols)

    assert (request.token.get_secret_value() if request.token else None) == token


def test_a_request_never_shows_its_token() -> None:
    assert "secret" not in repr(parse_websocket_request("/ws/u?token=secret", None, []))


def test_position_and_epoch_are_optional() -> None:
    assert parse_websocket_request("/ws/u?after=12&epoch=e1", None, []).after == 12
    assert parse_websocket_request("/ws/u?after=12&epoch=e1", None, []).epoch == "e1"
    assert (parse_websocket_request("/ws/u", None, []).after, parse_websocket_request("/ws/u", None, []).epoch) == (
        None,
        None,
    )


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 30, "%D9%A1"])
def test_an_invalid_position_is_a_protocol_error(after: str) -> None:
    with pytest.raises(ProtocolError):
        parse_websocket_request(f"/ws/u?after={after}", None, [])


@pytest.mark.parametrize(
    ("origin", "allowed", "is_allowed"),
    [
        (None, [], True),
        ("https://inbox.example", ["https://inbox.example"], True),
        ("https://INBOX.example", ["https://inbox.example/"], True),
        ("https://evil.example", ["https://inbox.example"], False),
        ("https://evil.example", [], False),
        ("https://evil.example", ["*"], True),
        ("https://push.example:8443", [], True),
        ("https://push.example", [], False),
        ("null", [], False),
        ("", [], False),
        ("http://[", [], False),
        ("http://[", ["https://inbox.example"], False),
    ],
)
def test_a_page_needs_an_allowed_origin_or_the_gateways_own(
    origin: str | None, allowed: list[str], *, is_allowed: bool
) -> None:
    assert is_allowed_origin(origin, "push.example:8443", allowed) is is_allowed


def test_a_device_may_send_its_id() -> None:
    assert parse_websocket_request("/ws/u?client=laptop-3f9c", None, []).client == "laptop-3f9c"
    assert parse_websocket_request("/ws/u?client=", None, []).client is None
    assert parse_websocket_request("/ws/u", None, []).client is None


@pytest.mark.parametrize("client", ["a%20b", "x" * 65, "%C3%A4", "a/b", "%0A"])
def test_an_invalid_device_id_is_a_protocol_error(client: str) -> None:
    with pytest.raises(ProtocolError):
        parse_websocket_request(f"/ws/u?client={client}", None, [])


def test_last_event_id_takes_precedence_over_the_url() -> None:
    asked = parse_event_stream_request("u", "token=t&after=3&epoch=e0", None, "e1-9")
    assert (asked.user_id, asked.after, asked.epoch) == ("u", 9, "e1")
    asked = parse_event_stream_request("u", "token=t&after=3&epoch=e0", "Bearer header", None)
    assert (asked.after, asked.epoch) == (3, "e0")
    assert asked.token is not None
    assert asked.token.get_secret_value() == "header"
    with pytest.raises(ProtocolError):
        parse_event_stream_request("u", "", None, "nonsense")
