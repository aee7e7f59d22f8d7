"""A minimal client that follows the rules of vectors/README.md. It does no I/O.

The reducer, which the property tests use too, handles objects and names; this adds positions, loads and resets.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

from shared.contracts.inbox import FrameKind
from tests.convergence.reducer import Json, Screen, apply_frame, time_of, upsert, with_sender_names

_CHANGES = get_args(FrameKind)
_MIN_TIME = datetime.min.replace(tzinfo=UTC)
_CONVERSATIONS, _ACCOUNTS, _MESSAGES = "/api/conversations", "/api/accounts", "/messages"


class ReferenceClient:
    """See the module.

    Args:
        snapshot: What the client has loaded before; None for one that connects for the first time.
    """

    def __init__(self, snapshot: Json | None) -> None:
        self.position: int | None = None
        self.epoch: str | None = None
        self.needs_reload = True
        self.reconnect = False
        self._conversations: dict[str, Json] = {}
        self._messages: dict[int, Json] = {}
        self._accounts: dict[tuple[str, str], Json] = {}
        self._removed: dict[str, int] = {}
        self._pending_frames: list[Json] = []
        self._loaded_seq = 0
        self._typing: dict[tuple[str, str], Json] = {}
        self._presence: dict[str, Json] = {}
        self._now = _MIN_TIME
        if snapshot is not None:
            self.epoch, self.position = _position_of(snapshot)
            self._load(snapshot)

    def receive(self, entry: Json) -> None:
        """Handle a frame of the server, or a step on the client's side."""
        match entry:
            case {"step": "connect", "after": after, "epoch": epoch}:
                assert (after, epoch) == (self.position, self.epoch), "the client would send another position"
                self.reconnect = False
                self._presence.clear()
            case {"step": "load", "snapshot": snapshot}:
                self._load(snapshot)
            case {"step": "page", "snapshot": snapshot}:
                if not self.needs_reload and _position_of(snapshot)[0] == self.epoch:
                    self._upsert(snapshot)
            case {"step": "time", "now": now}:
                self._now = datetime.fromisoformat(now)
            case {"type": _} if not self.reconnect:
                self._on_frame(entry)

    def state(self) -> Json:
        """Return the client's state, in the form of a vector's `expected`."""
        screen = with_sender_names(Screen(self._conversations, self._messages))
        messages: dict[str, list[Json]] = {}
        for message in sorted(screen.messages.values(), key=_message_order, reverse=True):
            messages.setdefault(message["conversation_id"], []).append(message)
        return {
            "conversations": sorted(screen.conversations.values(), key=_conversation_order, reverse=True),
            "messages": messages,
            "accounts": [self._accounts[key] for key in sorted(self._accounts)],
            "position": self.position,
            "epoch": self.epoch,
            "needs_reload": self.needs_reload,
            "reconnect": self.reconnect,
            "typing": [
                {"conversation_id": one["conversation_id"], "who": one["who"], "until": one["until"]}
                for _, one in sorted(self._typing.items())
                if datetime.fromisoformat(one["until"]) > self._now
            ],
            "presence": [{"who": one["who"], "viewing": one["viewing"]} for _, one in sorted(self._presence.items())],
        }

    def _on_frame(self, frame: Json) -> None:
        if (seq := frame.get("seq")) is not None:
            self._on_change(frame, seq)
            return
        match frame:
            case {"type": "hello", "data": data}:
                if data["resumed"]:
                    self.epoch = data["epoch"]
                else:
                    self._reset(data)
            case {"type": "reset", "data": data}:
                self._reset(data)
            case {"type": "heartbeat", "data": {"seq": sent}}:
                self.reconnect = sent != self.position
            case {"type": "typing", "data": data}:
                self._typing[data["conversation_id"], data["who"]["id"]] = data
            case {"type": "presence", "data": {"online": True} as data}:
                self._presence[data["who"]["id"]] = data
            case {"type": "presence", "data": data}:
                self._presence.pop(data["who"]["id"], None)

    def _reset(self, data: Json) -> None:
        self.position, self.epoch = data["seq"], data["epoch"]
        self.needs_reload = True
        self._pending_frames.clear()

    def _on_change(self, frame: Json, seq: int) -> None:
        assert self.position is not None, "a change arrived before hello"
        if seq <= self.position:
            return
        if seq > self.position + 1:
            self.reconnect = True
            return
        self.position = seq
        if self.needs_reload:
            self._pending_frames.append(frame)
        elif seq > self._loaded_seq:
            self._apply(frame)

    def _apply(self, frame: Json) -> None:
        if frame["type"] not in _CHANGES:
            return
        data = frame["data"]
        if frame["type"] == "conversation_removed":
            self._remove(data["conversation_id"], frame["seq"])
            return
        apply_frame(data, self._conversations, self._messages)
        if frame["type"] == "account_updated":
            self._put_account(data["account"])
        if frame["type"] == "new_message" and data["message"]["direction"] == "outgoing":
            for key in [key for key in self._typing if key[0] == data["conversation_id"]]:
                del self._typing[key]

    def _remove(self, conversation_id: str, seq: int) -> None:
        self._removed[conversation_id] = seq
        self._conversations.pop(conversation_id, None)
        for number in [n for n, one in self._messages.items() if one["conversation_id"] == conversation_id]:
            del self._messages[number]
        for key in [key for key in self._typing if key[0] == conversation_id]:
            del self._typing[key]

    def _is_removed(self, row: Json, version: str) -> bool:
        return bool(row[version] <= self._removed.get(row["conversation_id"], 0))

    def _load(self, snapshot: Json) -> None:
        epoch, seq = _position_of(snapshot)
        if epoch != self.epoch:
            return
        self._conversations.clear()
        self._messages.clear()
        self._accounts.clear()
        self._removed.clear()
        self._upsert(snapshot)
        self.needs_reload, self._loaded_seq = False, seq
        pending, self._pending_frames = self._pending_frames, []
        for frame in pending:
            if frame["seq"] > seq:
                self._apply(frame)

    def _upsert(self, snapshot: Json) -> None:
        for path, response in snapshot.items():
            for row in response["body"]:
                if path == _CONVERSATIONS and not self._is_removed(row, "last_seq"):
                    upsert(self._conversations, row, key="conversation_id", version="last_seq")
                elif path == _ACCOUNTS:
                    self._put_account(row)
                elif path.endswith(_MESSAGES) and not self._is_removed(row, "seq"):
                    upsert(self._messages, row, key="id", version="seq")

    def _put_account(self, account: Json) -> None:
        self._accounts[account["platform"], account["page_id"]] = account


def replay(snapshot: Json | None, frames: Sequence[Json]) -> Json:
    """Return a client's state after a vector's `snapshot` and `frames`."""
    client = ReferenceClient(snapshot)
    for entry in frames:
        client.receive(entry)
    return client.state()


def _position_of(snapshot: Mapping[str, Any]) -> tuple[str, int]:
    responses = [response["headers"] for response in snapshot.values() if "Inbox-Seq" in response["headers"]]
    [epoch] = {headers["Inbox-Epoch"] for headers in responses}
    return epoch, min(int(headers["Inbox-Seq"]) for headers in responses)


def _message_order(message: Json) -> tuple[datetime, str, int]:
    return time_of(message), message["message_id"], message["id"]


def _conversation_order(conversation: Json) -> tuple[datetime, str]:
    at = conversation["last_message_at"]
    return _MIN_TIME if at is None else datetime.fromisoformat(at), conversation["conversation_id"]
