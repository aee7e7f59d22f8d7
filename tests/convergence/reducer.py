"""The client's side of the promise, as small as a client can be: frames in, screen out.

What docs/protocol.md asks of a client is all that happens here: whole objects come in the place of what is held, and
of two versions of an object the one with the higher number stays (`seq` of a message, `last_seq` of a conversation).
So the order of the frames does not matter either. A frame may show its objects as they were later than its own `seq`;
it is never older.

One thing is no field to be stored: the name of who wrote an incoming message is its conversation's, so a frame that
brings a new name renames every message of that conversation.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Screen:
    """Everything a client holds of one user's inbox."""

    conversations: Mapping[str, Json] = field(default_factory=dict)
    """By conversation id."""
    messages: Mapping[int, Json] = field(default_factory=dict)
    """By id."""


def fold(frames: Iterable[Json]) -> Screen:
    """Return what a client shows after `frames`: `{"type", "seq", "data"}`, in any order, repeated or not."""
    conversations: dict[str, Json] = {}
    messages: dict[int, Json] = {}
    for frame in frames:
        tell(frame["data"], conversations, messages)
    return named(Screen(conversations, messages))


def tell(told: Json, conversations: dict[str, Json], messages: dict[int, Json]) -> None:
    """Take in the objects that a frame's `data` holds."""
    if "conversation" in told:
        put(conversations, told["conversation"], key="conversation_id", version="last_seq")
    if "message" in told:
        put(messages, told["message"], key="id", version="seq")


def named(screen: Screen) -> Screen:
    """Return `screen` with every incoming message under the present name of its conversation, where that is held."""
    return Screen(
        screen.conversations,
        {
            number: message | {"sender_name": name_in(screen.conversations[message["conversation_id"]])}
            if message["direction"] == "incoming" and message["conversation_id"] in screen.conversations
            else message
            for number, message in screen.messages.items()
        },
    )


def name_in(conversation: Json) -> str | None:
    """Return what the customer is called: by name, else by user name."""
    name: str | None = conversation["participant_name"] or conversation["participant_username"]
    return name


def time_of(message: Json) -> datetime:
    """Return when a message was sent; as texts, times do not sort."""
    return datetime.fromisoformat(message["created_at"])


def put(held: dict[Any, Json], told: Json, *, key: str, version: str) -> None:
    """Take in an object, unless a newer version of it is held."""
    known = held.get(told[key])
    if known is None or told[version] >= known[version]:
        held[told[key]] = told
