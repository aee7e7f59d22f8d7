"""Builds and reads the gateway's WebSocket frames."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from push_gateway.core import Effect, LogPage, Send, frames
from push_gateway.core.frames import SequencedFrame


def payloads(wire: bytes) -> list[bytes]:
    found = []
    while wire:
        assert wire[0] == 0x81, "every frame is an unfragmented text frame"
        size, start = wire[1], 2
        if size in (126, 127):
            start = 4 if size == 126 else 10
            size = int.from_bytes(wire[2:start], "big")
        found.append(wire[start : start + size])
        wire = wire[start + size :]
    return found


def frame(seq: int, text: str = "") -> SequencedFrame:
    return frames.sequenced_frame("new_message", seq, msgspec.Raw(json.dumps({"n": seq, "text": text}).encode()))


def page(after: int, *seqs: int, top: int | None = None, floor: int = 0, epoch: str = "e1") -> LogPage:
    highest = max([after, *seqs]) if top is None else top
    return LogPage(after=after, epoch=epoch, top_seq=highest, floor_seq=floor, frames=[frame(seq) for seq in seqs])


def sent(effects: Sequence[Effect]) -> list[Any]:
    """Return all frames that `effects` send, decoded."""
    wires = [effect.wire for effect in effects if isinstance(effect, Send)]
    return [json.loads(payload) for wire in wires for payload in payloads(wire)]


def seqs(effects: Sequence[Effect]) -> list[int]:
    return [message["seq"] for message in sent(effects) if "seq" in message]
