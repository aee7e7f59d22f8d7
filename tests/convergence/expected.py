"""The expected facts, computed as simply as possible from the whole history, without any order.

The store computes its rows one event at a time; here every field is a minimum, a maximum or a set over the whole
history. Where several items have the same time, the store decides by a hash; here any of them is accepted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from shared.contracts import InboxEnrichedV1, MessageItem, Profile, ProfileResolvedV1
from shared.contracts.items import EditItem, ReactionItem, ReceiptItem, UnsendItem
from tests.convergence.reducer import Json, Screen

_RANKS = ("sent", "failed", "delivered", "read", "played")
_DESCRIBED = ("sender_id", "reply_to", "payload", "referral", "sent_via", "kind", "direction")
_ERASED: Json = {"content": None, "attachments": [], "payload": None, "referral": None, "error": None}
Key = tuple[str, str, str, str]
"""Platform, page, kind, message ID."""


@dataclass(frozen=True)
class Sent:
    """The participant of a thread, and a time in it."""

    to: str | None
    at: datetime


@dataclass(frozen=True)
class Said:
    """All items that a user received, with the event of each."""

    events: Sequence[InboxEnrichedV1]

    def about(self, kind: type[Any], key: Key) -> list[Any]:
        """Return the items of `kind` that name the message of `key`."""
        platform, page, message_kind, message_id = key
        if message_kind != "message":
            return []
        return [
            event.item
            for event in self.events
            if isinstance(event.item, kind)
            and (event.platform, event.page_id) == (platform, page)
            and message_id in (getattr(event.item, "message_ids", None) or (getattr(event.item, "message_id", None),))
        ]


def check(screen: Screen, told: Sequence[InboxEnrichedV1 | ProfileResolvedV1]) -> None:
    """Check what a user reads over REST against the events of that user's inbox."""
    events = [event for event in told if isinstance(event, InboxEnrichedV1)]
    said = Said(events)
    described: dict[Key, list[tuple[InboxEnrichedV1, MessageItem]]] = {}
    for event in events:
        if isinstance(event.item, MessageItem):
            key: Key = (event.platform, event.page_id, event.item.message_kind, event.item.message_id)
            described.setdefault(key, []).append((event, event.item))
    shown = {(m["platform"], m["page_id"], m["kind"], m["message_id"]): m for m in screen.messages.values()}
    assert shown.keys() == described.keys(), f"messages: {sorted(shown)} instead of {sorted(described)}"
    latest = {
        key: Sent(found[0][0].participant_id, max(item.created_at for _, item in found))
        for key, found in described.items()
    }
    for key, found in described.items():
        problem = _problem(shown[key], key, found, said, latest)
        assert problem is None, f"{problem} in {shown[key]}"
    _check_conversations(screen, events, described)
    _check_names(screen, told)


def _problem(
    shown: Json,
    key: Key,
    found: Sequence[tuple[InboxEnrichedV1, MessageItem]],
    said: Said,
    latest: dict[Key, Sent],
) -> str | None:
    """Return which field of `shown` differs from the events, or None."""
    conversation, [direction] = found[0][0].conversation_id, {item.direction for _, item in found}
    candidates = [_json(item) for _, item in found if item.created_at == latest[key].at]
    edits = [edit for edit in said.about(EditItem, key) if edit.content is not None or edit.revision > 0]
    deleted_at = min((unsend.unsent_at for unsend in said.about(UnsendItem, key)), default=None)
    receipts = _receipts(said, key, latest) if direction == "outgoing" else _Receipts()
    expected: Json = {
        "conversation_id": conversation,
        "created_at": latest[key].at,
        "edited_at": max((edit.edited_at for edit in edits), default=None),
        "deleted_at": deleted_at,
        "delivered_at": receipts.delivered_at,
        "read_at": receipts.read_at,
        "status": receipts.status if direction == "outgoing" else None,
    }
    for name, value in expected.items():
        if (_time(shown[name]) if isinstance(value, datetime) else shown[name]) != value:
            return f"{name} should be {value}"
    if not _fits_reactions(shown["reactions"], said.about(ReactionItem, key)):
        return "reactions"
    if deleted_at is not None:
        has_story = "story" in (shown["reply_to"] or {})
        return "what was unsent" if has_story or any(shown[n] != v for n, v in _ERASED.items()) else None
    if not any(all(shown[n] == one[n] for n in (*_DESCRIBED, "attachments")) for one in candidates):
        return f"a mixture, or none, of {candidates}"
    texts = [edit for edit in edits if edit.content is not None]
    if texts:
        last = max((edit.revision, edit.edited_at) for edit in texts)
        allowed = {edit.content for edit in texts if (edit.revision, edit.edited_at) == last}
    else:
        allowed = {one["content"] for one in candidates}
    return None if shown["content"] in allowed else f"content should be of {allowed}"


@dataclass(frozen=True)
class _Receipts:
    status: str = "sent"
    delivered_at: datetime | None = None
    read_at: datetime | None = None


def _receipts(said: Said, key: Key, latest: dict[Key, Sent]) -> _Receipts:
    """Return the status of an outgoing message, by the receipts that name or cover it."""
    platform, page, kind, message_id = key
    came: list[tuple[str, datetime]] = []
    for event in said.events:
        item = event.item
        if not isinstance(item, ReceiptItem) or (event.platform, event.page_id) != (platform, page):
            continue
        if kind == "message" and message_id in item.message_ids:
            came.append((item.status, item.at))
        marks = [] if item.watermark is None else [Sent(event.participant_id, item.watermark)]
        if item.covers_earlier:
            named = [(platform, page, "message", name) for name in item.message_ids]
            marks += [latest[one] for one in named if one in latest]
        if any(mark.to == latest[key].to and mark.at >= latest[key].at for mark in marks):
            came.append((item.status, item.at))
    read_at = min((at for status, at in came if status in {"read", "played"}), default=None)
    delivered = [at for status, at in came if status == "delivered"] + ([] if read_at is None else [read_at])
    best = max([_RANKS.index(status) for status, _ in came], default=0)
    return _Receipts(_RANKS[best], min(delivered, default=None), read_at)


def _fits_reactions(shown: Sequence[Json], said: Iterable[ReactionItem]) -> bool:
    last: dict[str, tuple[datetime, set[str | None]]] = {}
    for reaction in said:
        at, emoji = last.get(reaction.actor_id, (reaction.reacted_at, set()))
        if reaction.reacted_at > at:
            at, emoji = reaction.reacted_at, set()
        last[reaction.actor_id] = (at, emoji | ({reaction.emoji} if reaction.reacted_at == at else set()))
    now = {reaction["actor_id"]: reaction for reaction in shown}
    return len(now) == len(shown) <= len(last) and all(
        now[actor]["emoji"] in emoji and _time(now[actor]["at"]) == at if actor in now else None in emoji
        for actor, (at, emoji) in last.items()
    )


def _check_conversations(
    screen: Screen,
    events: Sequence[InboxEnrichedV1],
    described: dict[Key, list[tuple[InboxEnrichedV1, MessageItem]]],
) -> None:
    begun = {event.conversation_id for found in described.values() for event, _ in found}
    assert screen.conversations.keys() == begun
    linked: set[tuple[str, str]] = set()
    for event in events:
        for alias in event.participant_aliases if event.participant_id is not None else ():
            linked |= {(f"{event.platform} {event.participant_id}", alias)}
            linked |= {(f"{event.platform} {alias}", str(event.participant_id))}
    for conversation in screen.conversations.values():
        identity = f"{conversation['platform']} {conversation['participant_id']}"
        others = [link["participant_id"] for link in conversation["linked"]]
        assert others == sorted(alias for one, alias in linked if one == identity), f"linked of {conversation}"


def _check_names(screen: Screen, told: Sequence[InboxEnrichedV1 | ProfileResolvedV1]) -> None:
    profiles: dict[tuple[str, str | None], list[Profile]] = {}
    for event in told:
        profile = event.participant if isinstance(event, InboxEnrichedV1) else event.profile
        if profile is not None and not profile.is_empty:
            profiles.setdefault((event.platform, event.participant_id), []).append(profile)
    for conversation in screen.conversations.values():
        known = profiles.get((conversation["platform"], conversation["participant_id"]), [])
        last = max((profile.fetched_at for profile in known), default=None)
        names = {(one.name, one.username, one.profile_pic) for one in known if one.fetched_at == last}
        shown = tuple(conversation[f"participant_{name}"] for name in ("name", "username", "profile_pic"))
        assert shown in (names or {(None, None, None)}), f"{shown} instead of one of {names}"


def _json(item: MessageItem) -> Json:
    """Return the item as clients see it in a message."""
    told = {name: getattr(item, name) for name in (*_DESCRIBED[:-2], "content", "attachments", "direction")}
    return {**msgspec.json.decode(msgspec.json.encode(told)), "kind": item.message_kind}


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
