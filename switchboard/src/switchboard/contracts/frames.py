"""Schemas of the frames on a WebSocket, in both directions."""

from collections.abc import Mapping
from typing import Any

from switchboard.contracts.schemas import FRAME_DATA, REFERENCE, Schema


def _change(kind: str, description: str) -> Schema:
    properties = {"type": {"const": kind}, "seq": {"type": "integer", "minimum": 1}, "data": _data(FRAME_DATA, kind)}
    return _object(kind, description, properties)


def _notice(kind: str, data: str | None, description: str) -> Schema:
    properties: dict[str, Any] = {"type": {"const": kind}}
    if data is not None:
        properties["data"] = {"$ref": REFERENCE + data}
    return _object(kind, description, properties)


def _data(names: Mapping[Any, str], kind: str) -> Schema:
    return {"$ref": REFERENCE + names[kind]}


def _object(title: str, description: str, properties: Schema) -> Schema:
    return {
        "title": title,
        "description": description,
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


SERVER_FRAMES: dict[str, Schema] = {
    "hello": _notice("hello", "HelloFrame", "The first frame of every connection, sent once the log has been read."),
    "new_message": _change("new_message", "A new message, in either direction."),
    "message_updated": _change(
        "message_updated",
        "A message was edited, unsent, reacted to, delivered, read, failed, or an attachment changed.",
    ),
    "conversation_updated": _change(
        "conversation_updated", "A conversation's name, picture, unread count or links changed."
    ),
    "conversation_removed": _change(
        "conversation_removed", "A conversation was erased: the client drops it and its messages."
    ),
    "account_updated": _change(
        "account_updated", "A page was connected or disconnected, or its access token was refused or replaced."
    ),
    "heartbeat": _notice("heartbeat", "HeartbeatFrame", "Every change up to `seq` was sent on this connection."),
    "reset": _notice("reset", "ResetFrame", "The client cannot resume: it must reload its state over REST."),
    "pong": _notice("pong", None, "The response to `ping`."),
    "typing": _notice("typing", "TypingFrame", "Another device of the user is typing."),
    "presence": _notice(
        "presence", "PresenceFrame", "Another device of the user went online or offline, or views another conversation."
    ),
}
"""By type. `seq` is the number of the change in the user's inbox."""
CLIENT_FRAMES: dict[str, Schema] = {
    kind: {"$ref": f"{REFERENCE}{kind.capitalize()}"} for kind in ("auth", "typing", "viewing", "read")
}


def any_of(title: str, description: str, frames: Mapping[str, Schema]) -> Schema:
    """Return the schema of any one of `frames`; their types discriminate."""
    return {"title": title, "description": description, "oneOf": list(frames.values())}
