"""The server of a vector: one user's inbox, and the frames and REST responses that it sends.

It is made of the real structs, so the vectors contain what is really sent, and it numbers changes as the store does: a
change takes the user's next `seq`, and the `seq` of its first change is a message's `id`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from shared.contracts import Platform, conversation_id
from shared.contracts.inbox import Account, Conversation, Message
from tests.convergence.reducer import Json

USER, PAGE, EPOCH = "42", "1001", "5f0c2d7e"
TEN_O_CLOCK = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ADA, GRACE = "7001", "7002"


class InboxServer:
    """One inbox. Methods that change it return the frame of the change. `person` is a participant's ID."""

    def __init__(self) -> None:
        self.epoch = EPOCH
        self.seq = 0
        self._conversations: dict[str, Conversation] = {}
        self._messages: dict[str, Message] = {}
        self._accounts: dict[str, Account] = {}

    def connect_page(self, page_id: str = PAGE, **changes: Any) -> Json:
        """Connect a page, or change its account."""
        known = self._accounts.get(page_id) or Account(
            platform="facebook",
            page_id=page_id,
            user_id=USER,
            name="Blue Things",
            status="connected",
            connected_at=TEN_O_CLOCK,
        )
        self._accounts[page_id] = replace(known, **changes)
        self.seq += 1
        return self._frame("account_updated", account=self._accounts[page_id])

    def incoming(self, person: str, message_id: str, content: str | None, **changes: Any) -> Json:
        """Add a message of a participant; their first one starts a conversation."""
        return self._new(person, message_id, direction="incoming", sender_id=person, content=content, **changes)

    def outgoing(self, person: str, message_id: str, content: str | None, **changes: Any) -> Json:
        """Add a message of the page."""
        fields = {"status": "sent", "sent_via": "page_inbox"} | changes
        return self._new(person, message_id, direction="outgoing", sender_id=PAGE, content=content, **fields)

    def update_message(self, message_id: str, *, unread_count: int | None = None, **changes: Any) -> Json:
        """Change a message, and the conversation's unread count if it is given."""
        self.seq += 1
        message = replace(self._messages[message_id], seq=self.seq, **changes)
        self._messages[message_id] = message
        self._touch(message.conversation_id, {} if unread_count is None else {"unread_count": unread_count})
        return self._frame("message_updated", message=message)

    def update_conversation(self, person: str, *, platform: Platform = "facebook", **changes: Any) -> Json:
        """Change a conversation."""
        self.seq += 1
        key = conversation_id(platform, USER, person)
        self._touch(key, changes)
        return self._frame("conversation_updated", conversation=self._conversation(key))

    def remove_conversation(self, person: str) -> Json:
        """Erase a conversation with its messages."""
        self.seq += 1
        key = self.conversation_id(person)
        del self._conversations[key]
        self._messages = {name: one for name, one in self._messages.items() if one.conversation_id != key}
        return self._frame("conversation_removed", conversation_id=key)

    def hello(self, *, resumed: bool) -> Json:
        data = {"seq": self.seq, "epoch": self.epoch, "resumed": resumed, "heartbeat_seconds": 20.0}
        return {"type": "hello", "data": data}

    def heartbeat(self) -> Json:
        return {"type": "heartbeat", "data": {"seq": self.seq}}

    def reset(self, reason: str) -> Json:
        return {"type": "reset", "data": {"seq": self.seq, "epoch": self.epoch, "reason": reason}}

    def snapshot(self, *people: str) -> Json:
        """Return the REST responses of now: all lists, and the messages of the conversations with `people`."""
        lists = {"/api/conversations": self._response(self.conversations())}
        for person in people:
            lists |= self.messages_response(person)
        return lists | {"/api/accounts": {"headers": {}, "body": self.accounts()}}

    def messages_response(self, person: str) -> Json:
        """Return the REST response with the messages of a conversation."""
        key = self.conversation_id(person)
        return {f"/api/conversations/{key}/messages": self._response(self.messages()[key])}

    def conversation_id(self, person: str) -> str:
        """Return the ID of the conversation with `person`."""
        [key] = [key for key, one in self._conversations.items() if one.participant_id == person]
        return key

    def conversations(self) -> list[Json]:
        shown = [self._conversation(key) for key in self._conversations]
        shown.sort(key=lambda one: (one.last_message_at, one.conversation_id), reverse=True)
        return [_as_json(one) for one in shown]

    def messages(self, without: Sequence[str] = ()) -> dict[str, list[Json]]:
        lists: dict[str, list[Json]] = {}
        for message in sorted(self._messages.values(), key=_sort_key, reverse=True):
            if message.message_id not in without:
                lists.setdefault(message.conversation_id, []).append(_as_json(self._with_sender_name(message)))
        return lists

    def accounts(self) -> list[Json]:
        return [_as_json(self._accounts[key]) for key in sorted(self._accounts)]

    def expected_state(self, **overrides: Any) -> Json:
        """Return the state of a client that has received everything, changed by `overrides`."""
        return {
            "conversations": self.conversations(),
            "messages": self.messages(),
            "accounts": self.accounts(),
            "position": self.seq,
            "epoch": self.epoch,
            "needs_reload": False,
            "reconnect": False,
            "typing": [],
            "presence": [],
        } | overrides

    def _new(self, person: str, message_id: str, *, platform: Platform = "facebook", **changes: Any) -> Json:
        self.seq += 1
        key = conversation_id(platform, USER, person)
        created_at = changes.pop("created_at", TEN_O_CLOCK + timedelta(minutes=self.seq))
        message = Message(
            id=self.seq,
            seq=self.seq,
            message_id=message_id,
            conversation_id=key,
            platform=platform,
            page_id=PAGE,
            sender_name="Blue Things" if changes["direction"] == "outgoing" else None,
            created_at=created_at,
            **changes,
        )
        self._messages[message_id] = message
        known = self._conversations.get(key) or _new_conversation(key, platform, person)
        self._conversations[key] = known
        self._touch(key, {"unread_count": known.unread_count + (message.direction == "incoming")})
        return self._frame("new_message", message=message)

    def _touch(self, key: str, changes: dict[str, Any]) -> None:
        self._conversations[key] = replace(self._conversations[key], last_seq=self.seq, **changes)

    def _conversation(self, key: str) -> Conversation:
        last = max((one for one in self._messages.values() if one.conversation_id == key), key=_sort_key)
        return replace(
            self._conversations[key], last_message=self._with_sender_name(last), last_message_at=last.created_at
        )

    def _with_sender_name(self, message: Message) -> Message:
        if message.direction == "outgoing":
            return message
        conversation = self._conversations[message.conversation_id]
        return replace(message, sender_name=conversation.participant_name or conversation.participant_username)

    def _frame(self, kind: str, **changes: Any) -> Json:
        data = changes
        if "message" in changes:
            message = self._with_sender_name(changes["message"])
            data = {
                "conversation_id": message.conversation_id,
                "message": message,
                "conversation": self._conversation(message.conversation_id),
            }
        return {"type": kind, "seq": self.seq, "data": _as_json(data)}

    def _response(self, body: list[Json]) -> Json:
        return {"headers": {"Inbox-Seq": str(self.seq), "Inbox-Epoch": self.epoch}, "body": body}


def _new_conversation(key: str, platform: Platform, person: str) -> Conversation:
    return Conversation(
        conversation_id=key,
        platform=platform,
        participant_id=person,
        participant_name={ADA: "Ada Lovelace", GRACE: "Grace Hopper"}.get(person),
        participant_username=None,
        participant_profile_pic=None,
        last_message=None,
        last_message_at=None,
        unread_count=0,
        last_seq=0,
    )


def _sort_key(message: Message) -> tuple[datetime, str, int]:
    return message.created_at, message.message_id, message.id


def _as_json(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))
