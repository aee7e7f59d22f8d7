"""Vectors: objects that arrive out of order, pages, and unknown types and fields."""

from copy import deepcopy
from datetime import timedelta

from shared.contracts.inbox import Attachment
from tests.contract.inbox_server import ADA, GRACE, TEN_O_CLOCK, InboxServer
from tests.contract.vector import Vector, connect, server_with_messages
from tests.convergence.reducer import Json


def page(server: InboxServer, person: str) -> Json:
    """Return the step in which the messages of one conversation are loaded."""
    return {"step": "page", "snapshot": server.messages_response(person)}


def _edit(server: InboxServer, text: str, minutes: float) -> Json:
    return server.update_message("m_1", content=text, edited_at=TEN_O_CLOCK + timedelta(minutes=minutes))


def page_is_newer() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot()
    frames = [_edit(server, "First edit", 5), _edit(server, "Second edit", 6)]
    frames.append(server.update_conversation(ADA, unread_count=0))
    return Vector(
        "page-is-newer",
        "A conversation is opened, and its messages already include all later changes: frames with older versions "
        "only move the position.",
        snapshot,
        [page(server, ADA), *frames],
        server.expected_state(),
    )


def page_is_older() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot()
    opened = page(server, ADA)
    frames = [_edit(server, "Edited", 5), server.incoming(ADA, "m_3", "One")]
    return Vector(
        "page-is-older",
        "A page was read before changes that the client has already received: keep the newer versions, and keep "
        "messages that the page does not contain.",
        snapshot,
        [*frames, opened],
        server.expected_state(),
    )


def page_of_the_same_version() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    opened = page(server, ADA)
    for answer in opened["snapshot"].values():
        answer["body"][0]["sender_name"] = "Bluer Things"
    messages = {server.conversation_id(ADA): next(iter(opened["snapshot"].values()))["body"]}
    return Vector(
        "page-of-the-same-version",
        "A list is reloaded after the page that sent a message was renamed. That is no change of the message: of two "
        "equal versions, keep the one received later.",
        snapshot,
        [opened],
        server.expected_state(messages=messages),
    )


def page_while_loading() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot()
    held = server.expected_state(messages={}, needs_reload=True)
    frames = [connect(3), server.hello(resumed=False), server.reset("log_pruned"), page(server, ADA)]
    return Vector(
        "page-while-loading",
        "A page that was requested before a reset arrives before the load: discard it; the load brings its objects.",
        snapshot,
        frames,
        held,
    )


def page_of_another_epoch() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot()
    other = deepcopy(server)
    other.epoch = "91ab03cc"
    return Vector(
        "page-of-another-epoch",
        "A page has an epoch that the client does not know yet: discard it. The reset is on its way.",
        snapshot,
        [page(other, ADA)],
        server.expected_state(messages={}),
    )


def shown_as_later() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    new = server.incoming(ADA, "m_3", "One")
    edited = server.update_message("m_3", content="Won", edited_at=TEN_O_CLOCK + timedelta(minutes=6))
    new["data"]["message"], new["data"]["conversation"] = edited["data"]["message"], edited["data"]["conversation"]
    renamed = server.update_conversation(ADA, participant_name="Ada King")
    return Vector(
        "shown-as-later",
        "A frame contains its objects as they were a moment later, with versions above its own `seq`: take them as "
        "they are.",
        snapshot,
        [new, edited, renamed],
        server.expected_state(),
    )


def older_conversation() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    renamed = server.update_conversation(ADA, participant_name="Ada King")
    new = server.incoming(ADA, "m_3", "One")
    stale = deepcopy(new)
    stale["data"]["conversation"] |= {"participant_name": "Ada Lovelace", "last_seq": 3, "unread_count": 1}
    return Vector(
        "older-conversation-beside-a-new-message",
        "Each object of a frame has its own version: the message is new, but its conversation is older than the known "
        "one. The name comes from the newer conversation.",
        snapshot,
        [renamed, stale],
        server.expected_state(conversations=renamed_only(server, renamed)),
    )


def renamed_only(server: InboxServer, renamed: Json) -> list[Json]:
    """Return the conversations, with the one of the frame `renamed` as it is there."""
    told = renamed["data"]["conversation"]
    return [told if one["conversation_id"] == told["conversation_id"] else one for one in server.conversations()]


def unknown_things() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    frames: list[Json] = [{"type": "weather", "data": {"sunny": True}}, {"type": "bell"}]
    new = server.incoming(ADA, "m_3", "One")
    new["a_field_of_tomorrow"] = new["data"]["a_field_of_tomorrow"] = {"x": [1]}
    new["data"]["message"]["a_field_of_tomorrow"] = 1
    new["data"]["conversation"]["a_field_of_tomorrow"] = None
    frames.append(new)
    server.seq += 1
    frames.append({"type": "draft_saved", "seq": server.seq, "data": {"conversation": {"conversation_id": "none"}}})
    frames.append(server.heartbeat())
    frames.append(server.incoming(ADA, "m_4", "Two"))
    return Vector(
        "unknown-types-and-fields",
        "Ignore types and fields that only a newer server sends. A frame of an unknown type with a `seq` still moves "
        "the position; otherwise the next heartbeat would not match.",
        snapshot,
        frames,
        server.expected_state(),
    )


def order_of_moments() -> Vector:
    server = InboxServer()
    server.connect_page()
    late, later = TEN_O_CLOCK + timedelta(minutes=30), TEN_O_CLOCK + timedelta(minutes=30, milliseconds=500)
    server.incoming(GRACE, "m_2", "On the second", created_at=late)
    snapshot = server.snapshot(GRACE)
    frames = [
        server.incoming(ADA, "m_9", "The same moment", created_at=late),
        server.incoming(GRACE, "m_3", "Half a second later", created_at=later),
        server.incoming(GRACE, "m_1", "Sent before, comes after", created_at=TEN_O_CLOCK),
        server.incoming(GRACE, "m_10", "The same moment as the first", created_at=late),
    ]
    return Vector(
        "order-of-moments",
        "Messages arrive in another order than they were sent. Sort times as times, with or without fractions; at "
        "equal times sort by message ID, as text.",
        snapshot,
        frames,
        server.expected_state(),
    )


def message_of_a_conversation_not_held() -> Vector:
    server = server_with_messages()
    server.incoming(GRACE, "m_3", "One")
    snapshot = server.snapshot(ADA)
    only_ada = [one for one in server.conversations() if one["participant_id"] == ADA]
    snapshot["/api/conversations"]["body"] = only_ada
    return Vector(
        "messages-of-a-conversation-not-held",
        "Messages of a conversation that is not loaded: they keep the sender names that they have.",
        snapshot,
        [page(server, GRACE)],
        server.expected_state(conversations=only_ada),
    )


def attachment() -> Vector:
    server = server_with_messages()
    server.incoming(ADA, "m_3", None, attachments=(Attachment(type="image", expires_at=TEN_O_CLOCK),))
    snapshot = server.snapshot(ADA)
    picture = Attachment(type="image", url="https://cdn.example/b.jpg", mime_type="image/jpeg", size=1234)
    return Vector(
        "attachment-becomes-known",
        "An attachment gets a url later: the list is replaced whole, like every field.",
        snapshot,
        [server.update_message("m_3", attachments=(picture,))],
        server.expected_state(),
    )


def postback() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    frames = [
        server.incoming(ADA, "m_3", "Show me more", kind="postback", payload="MORE_2"),
        server.update_conversation(ADA, unread_count=0),
    ]
    return Vector(
        "postback", "A button was pressed: it is a message of its own kind.", snapshot, frames, server.expected_state()
    )


VECTORS = [
    page_is_newer,
    page_is_older,
    page_of_the_same_version,
    page_while_loading,
    page_of_another_epoch,
    shown_as_later,
    older_conversation,
    unknown_things,
    order_of_moments,
    message_of_a_conversation_not_held,
    attachment,
    postback,
]
