"""What surrounds the gateway in `test_delivery_model`: a database with its log, and what a tab shows of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from push_gateway.core import frames
from push_gateway.core.frames import SequencedFrame

Row = tuple[int, str]
"""The `seq` of its last change, and the value that it wrote."""


@dataclass
class Database:
    """Rows, and a log of references to them."""

    epoch_number: int = 1
    floor: int = 0
    changes: list[tuple[int, str]] = field(default_factory=list)
    """By `seq` - 1: the changed row and its new value."""

    @property
    def epoch(self) -> str:
        return f"e{self.epoch_number}"

    @property
    def top(self) -> int:
        return len(self.changes)

    @property
    def rows(self) -> dict[int, Row]:
        return {row: (seq, text) for seq, (row, text) in enumerate(self.changes, start=1)}

    def commit(self, row: int) -> int:
        self.changes.append((row, f"{self.epoch}.{self.top + 1}" + "x" * (self.top % 5) * 20))
        return self.top

    def restore(self, top: int) -> None:
        del self.changes[top:]
        self.floor = min(self.floor, top)
        self.epoch_number += 1

    def data(self, seq: int, *, by: str) -> bytes:
        """Render a change as the store does: the whole row in its current version."""
        row = self.changes[seq - 1][0]
        return json.dumps({"row": row, "is": self.rows[row], "by": by, "epoch": self.epoch_number}).encode()

    def frames(self, after: int, top: int, limit: int) -> Sequence[SequencedFrame]:
        if after < self.floor:
            return ()
        seqs = range(after + 1, min(after + limit, top) + 1)
        return [frames.sequenced_frame("message_updated", seq, msgspec.Raw(self.data(seq, by="log"))) for seq in seqs]


@dataclass
class Screen:
    """What a tab shows. It outlives its connections and follows the rules of docs/protocol.md."""

    database: Database
    position: int | None = None
    epoch: str | None = None
    rows: dict[int, Row] = field(default_factory=dict)

    def receive(self, message: Any) -> None:
        data = message.get("data")
        match message["type"]:
            case "hello" if self.position is None:
                self.load(data)
            case "reset":
                self.assert_reset_needed(data["reason"])
                self.load(data)
            case "heartbeat":
                assert data["seq"] == self.position
            case "message_updated":
                assert self.position is not None, "a change before hello"
                assert message["seq"] == self.position + 1, "a gap or a duplicate"
                epoch_number = int((self.epoch or "e0")[1:])
                # An event may be of a newer epoch than the gateway knows; it notices within a heartbeat.
                assert data["epoch"] == epoch_number or (data["by"] == "event" and data["epoch"] > epoch_number), (
                    "of another epoch"
                )
                self.position += 1
                self.upsert(data["row"], (data["is"][0], data["is"][1]))

    def assert_reset_needed(self, reason: str) -> None:
        assert self.position is not None
        match reason:
            case "log_pruned":
                assert self.position < self.database.floor or self.epoch != self.database.epoch
            case "epoch_changed":
                assert self.epoch != self.database.epoch
            case _:
                raise AssertionError(f"{reason}: the server itself sent this position")

    def load(self, data: Any) -> None:
        """Load everything over REST."""
        self.position, self.epoch = data["seq"], data["epoch"]
        self.rows = dict(self.database.rows)

    def upsert(self, row: int, what: Row) -> None:
        """Keep the version with the higher `seq`."""
        if row not in self.rows or self.rows[row][0] <= what[0]:
            self.rows[row] = what
