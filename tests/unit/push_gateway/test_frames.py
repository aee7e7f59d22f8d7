import contextlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_gateway.core import client_frames, frames
from push_gateway.core.close_codes import ProtocolError
from push_gateway.core.frames import ClientPosition, UnsequencedFrame
from tests.unit.push_gateway.wire import payloads


def test_a_sequenced_frame_carries_its_data_unchanged() -> None:
    data = b'{"conversation_id":"c", "message":{"content":"\xc3\xa9"}}'

    [payload] = payloads(frames.sequenced_frame("new_message", 7, msgspec.Raw(data)).wire)

    assert payload == b'{"type":"new_message","seq":7,"data":' + data + b"}"


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_a_frame_of_any_length_can_be_read_back(size: int) -> None:
    assert payloads(frames.websocket_text(b"x" * size)) == [b"x" * size]


def test_hello_carries_the_top_of_the_log() -> None:
    hello = frames.hello(4, ClientPosition('e"1', 3), resumed=True, heartbeat_seconds=20.0)

    assert json.loads(hello.payload) == {
        "type": "hello",
        "data": {"seq": 4, "epoch": 'e"1', "resumed": True, "heartbeat_seconds": 20.0},
    }


@pytest.mark.parametrize(
    ("notice", "expected"),
    [
        (frames.heartbeat(9), {"type": "heartbeat", "data": {"seq": 9}}),
        (
            frames.reset(ClientPosition("e", 3), "log_pruned"),
            {"type": "reset", "data": {"seq": 3, "epoch": "e", "reason": "log_pruned"}},
        ),
        (frames.PONG, {"type": "pong"}),
    ],
)
def test_an_unsequenced_frame_has_no_seq_of_its_own(notice: UnsequencedFrame, expected: object) -> None:
    [payload] = payloads(frames.WEBSOCKET_ENCODER.encode_unsequenced(notice))
    assert json.loads(payload) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("ping", client_frames.Ping()),
        ('{"type":"auth","token":"t"}', client_frames.Auth(token="t")),
        ('{"type":"typing","conversation_id":"c"}', client_frames.Typing(conversation_id="c")),
        ('{"type":"viewing","conversation_id":null}', client_frames.Viewing(conversation_id=None)),
        ('{"type":"read","conversation_id":"c","up_to_seq":3}', client_frames.Read(conversation_id="c", up_to_seq=3)),
    ],
)
def test_a_known_client_frame_is_understood(message: str, expected: object) -> None:
    assert client_frames.parse_client_frame(message) == expected


@pytest.mark.parametrize(
    "message",
    [
        b"ping",
        "",
        "pong",
        "{}",
        '{"type":"auth"}',
        '{"type":"shout"}',
        "[" * 60_000,
        '{"type":"typing"',
        '{"type":"typing"}',
        '{"type":"typing","conversation_id":"a b"}',
        '{"type":"viewing"}',
        '{"type":"read","conversation_id":"c","up_to_seq":-1}',
        '{"type":"read","conversation_id":"c","up_to_seq":9999999999999999999999}',
        "\ud800",
    ],
)
def test_any_other_message_is_a_protocol_error(message: str | bytes) -> None:
    with pytest.raises(ProtocolError):
        client_frames.parse_client_frame(message)


@given(st.text())
def test_no_text_raises_another_error(message: str) -> None:
    with contextlib.suppress(ProtocolError):
        client_frames.parse_client_frame(message)
