"""The smallest possible client: frames in, screen out.

It does only what docs/protocol.md requires: a whole object replaces the known one, and of two versions of an object
the one with the higher number stays (`seq` of a message, `last_seq` of a conversation). So the order of the frames does
not matter either. A frame may show its objects as of a later time than its own `seq`, never an earlier one.

One field is derived: the sender of an incoming message has the name of its conversation, so a frame with a new name
renames every incoming message of that conversation.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Screen:
    """Everything a client knows of one user's inbox."""

    conversations: Mapping[str, Json] = field(default_factory=dict)
    """By conversation id."""
    messages: Mapping[int, Json] = field(default_factory=dict)
    """By id."""


def fold(frames: Iterable[Json]) -> Screen:
    """Return what a client shows after `frames` (`{"type", "seq", "data"}`), in any order, repeated or not."""
    conversations: dict[str, Json] = {}
    messages: dict[int, Json] = {}
    for frame in frames:
        apply_frame(frame["data"], conversations, messages)
    return with_sender_names(Screen(conversations, messages))


def apply_frame(told: Json, conversations: dict[str, Json], messages: dict[int, Json]) -> None:
    """Upsert the objects in a frame's `data`."""
    if "conversation" in told:
        upsert(conversations, told["conversation"], key="conversation_id", version="last_seq")
    if "message" in told:
        upsert(messages, told["message"], key="id", version="seq")


def with_sender_names(screen: Screen) -> Screen:
    """Return `screen` with the current name of the conversation, if it is known, on every incoming message."""
    return Screen(
        screen.conversations,
        {
            number: message | {"sender_name": display_name(screen.conversations[message["conversation_id"]])}
            if message["direction"] == "incoming" and message["conversation_id"] in screen.conversations
            else message
            for number, message in screen.messages.items()
        },
    )


def display_name(conversation: Json) -> str | None:
    """Return the customer's name, or else the username."""
    name: str | None = conversation["participant_name"] or conversation["participant_username"]
    return name


def time_of(message: Json) -> datetime:
    """Return when a message was sent; times do not sort as text."""
    return datetime.fromisoformat(message["created_at"])


def upsert(held: dict[Any, Json], told: Json, *, key: str, version: str) -> None:
    """Insert or replace an object, unless a newer version is known."""
    known = held.get(told[key])
    if known is None or told[version] >= known[version]:
        held[told[key]] = told
