"""The server of a story: one user's inbox as the store has it, and the frames and REST answers that it gives.

Made of the real structs, so that what the vectors hold is what is sent. It numbers as the store does: a change takes
the user's next `seq`; that of its first change is a message's `id`.
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


class World:
    """One inbox. People are named by what the platform calls them."""

    def __init__(self) -> None:
        self.epoch = EPOCH
        self.seq = 0
        self._conversations: dict[str, Conversation] = {}
        self._messages: dict[str, Message] = {}
        self._accounts: dict[str, Account] = {}

    def connected_page(self, page_id: str = PAGE, **told: Any) -> Json:
        """Connect a page, or change what is said of it."""
        known = self._accounts.get(page_id) or Account(
            platform="facebook",
            page_id=page_id,
            user_id=USER,
            name="Blue Things",
            status="connected",
            connected_at=TEN_O_CLOCK,
        )
        self._accounts[page_id] = replace(known, **told)
        self.seq += 1
        return self._frame("account_updated", account=self._accounts[page_id])

    def incoming(self, person: str, message_id: str, content: str | None, **told: Any) -> Json:
        """A customer writes; the first time opens a conversation."""
        return self._new(person, message_id, direction="incoming", sender_id=person, content=content, **told)

    def outgoing(self, person: str, message_id: str, content: str | None, **told: Any) -> Json:
        """The business writes."""
        more = {"status": "sent", "sent_via": "page_inbox"} | told
        return self._new(person, message_id, direction="outgoing", sender_id=PAGE, content=content, **more)

    def changed(self, message_id: str, *, unread_count: int | None = None, **told: Any) -> Json:
        """Something happened to a message."""
        self.seq += 1
        message = replace(self._messages[message_id], seq=self.seq, **told)
        self._messages[message_id] = message
        self._touch(message.conversation_id, {} if unread_count is None else {"unread_count": unread_count})
        return self._frame("message_updated", message=message)

    def about(self, person: str, *, platform: Platform = "facebook", **told: Any) -> Json:
        """Something else changed about a conversation."""
        self.seq += 1
        key = conversation_id(platform, USER, person)
        self._touch(key, told)
        return self._frame("conversation_updated", conversation=self._conversation(key))

    def hello(self, *, resumed: bool) -> Json:
        data = {"seq": self.seq, "epoch": self.epoch, "resumed": resumed, "heartbeat_seconds": 20.0}
        return {"type": "hello", "data": data}

    def heartbeat(self) -> Json:
        return {"type": "heartbeat", "data": {"seq": self.seq}}

    def reset(self, reason: str) -> Json:
        return {"type": "reset", "data": {"seq": self.seq, "epoch": self.epoch, "reason": reason}}

    def snapshot(self, *opened: str) -> Json:
        """Return the lists as REST gives them now, with the messages of the conversations of `opened` people."""
        lists = {"/api/conversations": self._answer(self.conversations())}
        for person in opened:
            lists |= self.page(person)
        return lists | {"/api/accounts": {"headers": {}, "body": self.accounts()}}

    def page(self, person: str) -> Json:
        """Return the answer that lists the messages of a conversation."""
        key = self.thread(person)
        return {f"/api/conversations/{key}/messages": self._answer(self.messages()[key])}

    def thread(self, person: str) -> str:
        """Return the id of a person's conversation."""
        [key] = [key for key, one in self._conversations.items() if one.participant_id == person]
        return key

    def conversations(self) -> list[Json]:
        shown = [self._conversation(key) for key in self._conversations]
        shown.sort(key=lambda one: (one.last_message_at, one.conversation_id), reverse=True)
        return [_built(one) for one in shown]

    def messages(self, without: Sequence[str] = ()) -> dict[str, list[Json]]:
        lists: dict[str, list[Json]] = {}
        for message in sorted(self._messages.values(), key=_order, reverse=True):
            if message.message_id not in without:
                lists.setdefault(message.conversation_id, []).append(_built(self._named(message)))
        return lists

    def accounts(self) -> list[Json]:
        return [_built(self._accounts[key]) for key in sorted(self._accounts)]

    def expected(self, **other: Any) -> Json:
        """Return what a client holds that knows all of this; `other` says what it holds instead."""
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
        } | other

    def _new(self, person: str, message_id: str, *, platform: Platform = "facebook", **told: Any) -> Json:
        self.seq += 1
        key = conversation_id(platform, USER, person)
        created_at = told.pop("created_at", TEN_O_CLOCK + timedelta(minutes=self.seq))
        message = Message(
            id=self.seq,
            seq=self.seq,
            message_id=message_id,
            conversation_id=key,
            platform=platform,
            page_id=PAGE,
            sender_name="Blue Things" if told["direction"] == "outgoing" else None,
            created_at=created_at,
            **told,
        )
        self._messages[message_id] = message
        known = self._conversations.get(key) or _opened(key, platform, person)
        self._conversations[key] = known
        self._touch(key, {"unread_count": known.unread_count + (message.direction == "incoming")})
        return self._frame("new_message", message=message)

    def _touch(self, key: str, told: dict[str, Any]) -> None:
        self._conversations[key] = replace(self._conversations[key], last_seq=self.seq, **told)

    def _conversation(self, key: str) -> Conversation:
        last = max((one for one in self._messages.values() if one.conversation_id == key), key=_order)
        return replace(self._conversations[key], last_message=self._named(last), last_message_at=last.created_at)

    def _named(self, message: Message) -> Message:
        if message.direction == "outgoing":
            return message
        conversation = self._conversations[message.conversation_id]
        return replace(message, sender_name=conversation.participant_name or conversation.participant_username)

    def _frame(self, kind: str, **told: Any) -> Json:
        data = told
        if "message" in told:
            message = self._named(told["message"])
            data = {
                "conversation_id": message.conversation_id,
                "message": message,
                "conversation": self._conversation(message.conversation_id),
            }
        return {"type": kind, "seq": self.seq, "data": _built(data)}

    def _answer(self, body: list[Json]) -> Json:
        return {"headers": {"Inbox-Seq": str(self.seq), "Inbox-Epoch": self.epoch}, "body": body}


def _opened(key: str, platform: Platform, person: str) -> Conversation:
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


def _order(message: Message) -> tuple[datetime, str, int]:
    return message.created_at, message.message_id, message.id


def _built(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))
