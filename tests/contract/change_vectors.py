"""Vectors: changes of messages, conversations and accounts."""

from datetime import timedelta
from typing import Any

from shared.contracts.inbox import Attachment, LinkedConversation, Reaction
from tests.contract.inbox_server import ADA, GRACE, PAGE, TEN_O_CLOCK, InboxServer
from tests.contract.vector import Vector, server_with_messages


def _at(minutes: float) -> Any:
    return TEN_O_CLOCK + timedelta(minutes=minutes)


def new_message() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    frames = [
        server.incoming(ADA, "m_3", "I take it!"),
        server.incoming(
            GRACE, "m_4", "Hello", attachments=(Attachment(type="image", url="https://cdn.example/a.jpg"),)
        ),
        server.outgoing(ADA, "m_5", "It is yours."),
    ]
    return Vector(
        "new-message",
        "A message arrives in a known conversation, and another one opens a new conversation. Lists are sorted again.",
        snapshot,
        frames,
        server.expected_state(),
    )


def edit() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    frames = [
        server.update_message("m_1", content="Is the red one still there?", edited_at=_at(5)),
        server.update_message("m_1", content="Is the green one still there?", edited_at=_at(6)),
    ]
    return Vector(
        "edit",
        "A message is edited twice: the whole object replaces the old one; id and created_at stay.",
        snapshot,
        frames,
        server.expected_state(),
    )


def unsend() -> Vector:
    server = server_with_messages()
    server.incoming(ADA, "m_3", "Sorry", attachments=(Attachment(type="image", url="https://cdn.example/a.jpg"),))
    snapshot = server.snapshot(ADA)
    frames = [server.update_message("m_3", content=None, attachments=(), deleted_at=_at(7), unread_count=1)]
    return Vector(
        "unsend",
        "A message is unsent: it remains as a row without content, also as the last message, and no longer counts as "
        "unread. Fields are not merged, so none of its content is left.",
        snapshot,
        frames,
        server.expected_state(),
    )


def reactions() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    heart, thumb = Reaction(actor_id=ADA, emoji="❤", at=_at(5)), Reaction(actor_id=PAGE, emoji="👍🏽", at=_at(6))
    frames = [
        server.update_message("m_2", reactions=(heart,)),
        server.update_message("m_2", reactions=(heart, thumb)),
        server.update_message("m_2", reactions=(thumb,)),
    ]
    return Vector(
        "reactions",
        "Two actors react, and one removes the reaction: the list of reactions is always whole.",
        snapshot,
        frames,
        server.expected_state(),
    )


def receipts() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    frames = [
        server.update_message("m_2", status="delivered", delivered_at=_at(5)),
        server.update_message("m_2", status="read", delivered_at=_at(5), read_at=_at(9)),
        server.update_message("m_2", status="read", delivered_at=_at(5), read_at=_at(8)),
    ]
    return Vector(
        "receipts",
        "An outgoing message is delivered and read; an earlier receipt that arrives late makes read_at earlier.",
        snapshot,
        frames,
        server.expected_state(),
    )


def failed() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    frames = [
        server.update_message("m_2", status="failed", error="The message was not delivered: the window is closed.")
    ]
    return Vector(
        "failed", "An outgoing message fails, with a sentence that says why.", snapshot, frames, server.expected_state()
    )


def rename() -> Vector:
    server = InboxServer()
    server.connect_page()
    server.incoming("7009", "m_1", "Hello")
    server.outgoing("7009", "m_2", "Hello")
    snapshot = server.snapshot("7009")
    frames = [
        server.update_conversation("7009", participant_username="ada.l"),
        server.incoming("7009", "m_3", "It is me"),
        server.update_conversation(
            "7009", participant_name="Ada King", participant_profile_pic="https://cdn.example/ada.jpg"
        ),
    ]
    return Vector(
        "rename",
        "A name becomes known after messages have arrived: every earlier incoming message shows it, first the "
        "username, then the name. Outgoing messages keep theirs.",
        snapshot,
        frames,
        server.expected_state(),
    )


def username() -> Vector:
    server = InboxServer()
    server.incoming("7009", "m_1", "Hello")
    snapshot = server.snapshot("7009")
    return Vector(
        "username",
        "Only the username of a customer becomes known: earlier incoming messages show it as the sender's name.",
        snapshot,
        [server.update_conversation("7009", participant_username="ada.l")],
        server.expected_state(),
    )


def read() -> Vector:
    server = server_with_messages()
    server.incoming(GRACE, "m_3", "Hello")
    server.incoming(ADA, "m_4", "Hello?")
    snapshot = server.snapshot(ADA, GRACE)
    frames = [server.update_conversation(ADA, unread_count=0), server.incoming(ADA, "m_5", "Hello??")]
    return Vector(
        "read",
        "Another device marks a conversation as read; later another message arrives. Unread counts come from the "
        "server; a client never computes them.",
        snapshot,
        frames,
        server.expected_state(),
    )


def account_updated() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    frames = [
        server.connect_page(status="needs_reauthorization", reason="The access token was refused."),
        server.connect_page("1000", name="Red Things"),
        server.connect_page(status="connected", reason=None),
        server.connect_page("1000", name="Red Things", status="disconnected"),
    ]
    return Vector(
        "account-updated",
        "The token of a page is refused and replaced; another page is connected and disconnected, and stays in the "
        "list.",
        snapshot,
        frames,
        server.expected_state(),
    )


def linked() -> Vector:
    server = InboxServer()
    server.incoming("16505551234", "wamid.1", "Hi", platform="whatsapp")
    snapshot = server.snapshot("16505551234")
    frames = [server.incoming("US.13491208655302741918", "wamid.2", "Hi again", platform="whatsapp")]
    other = LinkedConversation(
        participant_id="US.13491208655302741918", conversation_id=server.conversation_id("US.13491208655302741918")
    )
    back = LinkedConversation(participant_id="16505551234", conversation_id=server.conversation_id("16505551234"))
    frames += [
        server.update_conversation("16505551234", platform="whatsapp", linked=(other,)),
        server.update_conversation("US.13491208655302741918", platform="whatsapp", linked=(back,)),
    ]
    return Vector(
        "linked-conversations",
        "The same person writes under another ID; both conversations then link to each other. They stay two "
        "conversations.",
        snapshot,
        frames,
        server.expected_state(),
    )


def removed() -> Vector:
    server = server_with_messages()
    server.incoming(GRACE, "m_3", "Hello")
    snapshot = server.snapshot(ADA, GRACE)
    page = {"step": "page", "snapshot": server.snapshot(ADA)}
    return Vector(
        "removed",
        "A conversation is erased. The client drops it with its messages, and does not take it from a page that was "
        "read before.",
        snapshot,
        [server.remove_conversation(ADA), page],
        server.expected_state(),
    )


def removed_and_begun_anew() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    frames = [server.remove_conversation(ADA), server.incoming(ADA, "m_9", "Me again")]
    return Vector(
        "removed-and-begun-anew",
        "An erased person writes again: the conversation has the same ID and begins with the new message.",
        snapshot,
        frames,
        server.expected_state(),
    )


VECTORS = [
    new_message,
    edit,
    unsend,
    reactions,
    receipts,
    failed,
    rename,
    username,
    read,
    account_updated,
    linked,
    removed,
    removed_and_begun_anew,
]
