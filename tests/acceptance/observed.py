"""What a user sees over REST, in the vocabulary of `expectations`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Object = Mapping[str, Any]
_ARRIVAL_FIELDS = frozenset({"id", "seq", "last_seq", "conversation_id", "unread_count", "last_message", "linked"})


@dataclass(frozen=True)
class Ledger:
    """The ledger's counts of some pages: items by what became of them."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    parked: int = 0
    waiting: int = 0
    unaccounted: int = 0
    ignored: Mapping[str, int] = field(default_factory=dict)

    @property
    def accounted(self) -> int:
        """Number of items that are accounted for."""
        return self.stored + self.duplicate + self.parked + self.waiting + sum(self.ignored.values())

    def since(self, before: "Ledger") -> "Ledger":
        """Return the difference to `before`."""
        labels = self.ignored.keys() | before.ignored.keys()
        added = {label: self.ignored.get(label, 0) - before.ignored.get(label, 0) for label in labels}
        return Ledger(
            received=self.received - before.received,
            stored=self.stored - before.stored,
            duplicate=self.duplicate - before.duplicate,
            parked=self.parked - before.parked,
            waiting=self.waiting - before.waiting,
            unaccounted=self.unaccounted - before.unaccounted,
            ignored={label: number for label, number in added.items() if number},
        )


@dataclass(frozen=True)
class Inbox:
    """All objects of one user as REST returns them, without those of the probe."""

    conversations: tuple[Object, ...] = ()
    messages: tuple[Object, ...] = ()
    records: tuple[Object, ...] = ()

    def without_arrival(self) -> "Inbox":
        """Return it without fields that depend on arrival or user: comparable between users."""
        return Inbox(
            *(tuple(map(_without_arrival, objects)) for objects in (self.conversations, self.messages, self.records))
        )


def _without_arrival(thing: Object) -> Object:
    return {name: value for name, value in thing.items() if name not in _ARRIVAL_FIELDS}


def message_seen(message: Object, conversations: Sequence[Object]) -> dict[str, Any]:
    """Return a message in the vocabulary of `expectations`."""
    conversation = next((each for each in conversations if each["conversation_id"] == message["conversation_id"]), {})
    reply_to = message.get("reply_to") or {}
    attachments = message.get("attachments") or []
    return {
        "kind": message.get("kind"),
        "direction": message["direction"],
        "page": message["page_id"],
        "participant": conversation.get("participant_id"),
        "participant_name": conversation.get("participant_name"),
        "linked": sorted(each["participant_id"] for each in conversation.get("linked", ())),
        "sender": message["sender_id"],
        "text": message["content"],
        "created_at": _time(message["created_at"]),
        "attachments": sorted(each["type"] for each in attachments),
        "media_ids": sorted(each["media_id"] for each in attachments if each.get("media_id")),
        "payload": message.get("payload"),
        "has_referral": bool(message.get("referral")),
        "reply_to": reply_to.get("message_id"),
        "story": (reply_to.get("story") or {}).get("id"),
        "sent_via": message.get("sent_via"),
        "error": message.get("error"),
        "is_edited": message.get("edited_at") is not None,
        "is_unsent": message.get("deleted_at") is not None,
        "reactions": sorted((each["actor_id"], each["emoji"]) for each in message.get("reactions", ())),
        "status": message.get("status"),
        "delivered_at": _time(message.get("delivered_at")),
        "read_at": _time(message.get("read_at")),
    }


def record_seen(record: Object) -> dict[str, Any]:
    """Return a record in the vocabulary of `expectations`."""
    return {name: record.get(name) for name in ("kind", "page_id", "participant_id", "actor_id", "text")}


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
