import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_gateway.core import frames
from push_gateway.core.close_codes import CloseCode, ProtocolError
from push_gateway.core.frames import ClientPosition
from push_gateway.transport.sse.encoding import EVENT_STREAM_ENCODER, encode_close, parse_event_id


def fields(block: bytes) -> dict[str, str]:
    assert block.endswith(b"\n\n")
    lines = block[:-2].split(b"\n")
    assert b"" not in lines, "one event"
    return {
        name.decode(): value.decode().removeprefix(" ") for name, _, value in (line.partition(b":") for line in lines)
    }


@given(st.integers(1, 10**12), st.text(alphabet="0123456789abcdef", min_size=1), st.text())
def test_a_change_is_one_event_whose_id_is_the_position_after_it(seq: int, epoch: str, text: str) -> None:
    frame = frames.sequenced_frame("new_message", seq, msgspec.Raw(json.dumps({"text": text}, indent=1).encode()))

    event = fields(EVENT_STREAM_ENCODER.encode_sequenced(frame, epoch))

    assert event["event"] == "new_message"
    assert json.loads(event["data"]) == {"type": "new_message", "seq": seq, "data": {"text": text}}
    assert parse_event_id(event["id"]) == ClientPosition(epoch, seq)


@pytest.mark.parametrize("size", [0, 60, 70, 200, 65_400, 65_600])
def test_the_payload_of_a_frame_of_any_length_can_be_read(size: int) -> None:
    frame = frames.sequenced_frame("new_message", 7, msgspec.Raw(json.dumps("x" * size).encode()))

    assert json.loads(frame.payload)["data"] == "x" * size


def test_an_unsequenced_frame_sets_the_position_only_with_a_reset() -> None:
    assert "id" not in fields(EVENT_STREAM_ENCODER.encode_unsequenced(frames.heartbeat(4)))
    assert (
        fields(EVENT_STREAM_ENCODER.encode_unsequenced(frames.reset(ClientPosition("e1", 9), "log_pruned")))["id"]
        == "e1-9"
    )


def test_the_close_event_says_when_to_reconnect() -> None:
    event = fields(encode_close(CloseCode.RESTARTING, "retry_after_ms=4300"))
    assert (event["event"], event["retry"]) == ("close", "4300")
    assert json.loads(event["data"]) == {"code": 1012, "reason": "retry_after_ms=4300", "retry_after_ms": 4300}
    assert fields(encode_close(CloseCode.TOO_SLOW, "too slow"))["retry"] == "2000"


@pytest.mark.parametrize("given_id", ["", "7", "-7", "e1-", "e1-x", "e1-9999999999999999999", "e1-\u0667"])
def test_an_invalid_event_id_is_a_protocol_error(given_id: str) -> None:
    with pytest.raises(ProtocolError):
        parse_event_id(given_id)


def test_an_epoch_may_contain_a_dash() -> None:
    assert parse_event_id("a-b-7") == ClientPosition("a-b", 7)
