"""The vectors of what changes in an inbox: messages, what happens to them, conversations, accounts."""

from datetime import timedelta
from typing import Any, NamedTuple

from shared.contracts.inbox import Attachment, LinkedConversation, Reaction
from tests.contract.inbox_server import ADA, GRACE, PAGE, TEN_O_CLOCK, World
from tests.convergence.reducer import Json


class Vector(NamedTuple):
    """A file of vectors/; its README says what the parts are."""

    name: str
    description: str
    snapshot: Json | None
    frames: list[Json]
    expected: Json


def _at(minutes: float) -> Any:
    return TEN_O_CLOCK + timedelta(minutes=minutes)


def begun() -> World:
    """Return an inbox with a page and a thread of two messages."""
    world = World()
    world.connected_page()
    world.incoming(ADA, "m_1", "Is the blue one still there?")
    world.outgoing(ADA, "m_2", "It is.")
    return world


def new_message() -> Vector:
    world = begun()
    snapshot = world.snapshot(ADA)
    frames = [
        world.incoming(ADA, "m_3", "I take it!"),
        world.incoming(GRACE, "m_4", "Hello", attachments=(Attachment(type="image", url="https://cdn.example/a.jpg"),)),
        world.outgoing(ADA, "m_5", "It is yours."),
    ]
    return Vector(
        "new-message",
        "Messages come in a conversation that is held, and one opens a conversation. Lists are sorted anew.",
        snapshot,
        frames,
        world.expected(),
    )


def edit() -> Vector:
    world = begun()
    snapshot = world.snapshot(ADA)
    frames = [
        world.changed("m_1", content="Is the red one still there?", edited_at=_at(5)),
        world.changed("m_1", content="Is the green one still there?", edited_at=_at(6)),
    ]
    return Vector(
        "edit",
        "A message is edited twice: the whole object takes the place of the old one; id and created_at stay.",
        snapshot,
        frames,
        world.expected(),
    )


def unsend() -> Vector:
    world = begun()
    world.incoming(ADA, "m_3", "Sorry", attachments=(Attachment(type="image", url="https://cdn.example/a.jpg"),))
    snapshot = world.snapshot(ADA)
    frames = [world.changed("m_3", content=None, attachments=(), deleted_at=_at(7), unread_count=1)]
    return Vector(
        "unsend",
        "A message is unsent: it stays as a row without content, as the last message too, and is no longer unread. "
        "Fields are not merged, so nothing of what it said is left.",
        snapshot,
        frames,
        world.expected(),
    )


def reactions() -> Vector:
    world = begun()
    snapshot = world.snapshot(ADA)
    heart, thumb = Reaction(actor_id=ADA, emoji="❤", at=_at(5)), Reaction(actor_id=PAGE, emoji="👍🏽", at=_at(6))
    frames = [
        world.changed("m_2", reactions=(heart,)),
        world.changed("m_2", reactions=(heart, thumb)),
        world.changed("m_2", reactions=(thumb,)),
    ]
    return Vector(
        "reactions",
        "Two actors react, and one takes it back: the list of reactions is always whole.",
        snapshot,
        frames,
        world.expected(),
    )


def receipts() -> Vector:
    world = begun()
    snapshot = world.snapshot(ADA)
    frames = [
        world.changed("m_2", status="delivered", delivered_at=_at(5)),
        world.changed("m_2", status="read", delivered_at=_at(5), read_at=_at(9)),
        world.changed("m_2", status="read", delivered_at=_at(5), read_at=_at(8)),
    ]
    return Vector(
        "receipts",
        "An outgoing message is delivered and read; an earlier receipt that comes late makes read_at earlier.",
        snapshot,
        frames,
        world.expected(),
    )


def failed() -> Vector:
    world = begun()
    snapshot = world.snapshot(ADA)
    frames = [world.changed("m_2", status="failed", error="The message was not delivered: the window is closed.")]
    return Vector(
        "failed", "An outgoing message fails, with a sentence that says why.", snapshot, frames, world.expected()
    )


def rename() -> Vector:
    world = World()
    world.connected_page()
    world.incoming("7009", "m_1", "Hello")
    world.outgoing("7009", "m_2", "Hello")
    snapshot = world.snapshot("7009")
    frames = [
        world.about("7009", participant_username="ada.l"),
        world.incoming("7009", "m_3", "It is me"),
        world.about("7009", participant_name="Ada King", participant_profile_pic="https://cdn.example/ada.jpg"),
    ]
    return Vector(
        "rename",
        "A name becomes known after messages came: every earlier incoming message shows it, at first the user name, "
        "then the name. Outgoing messages keep theirs.",
        snapshot,
        frames,
        world.expected(),
    )


def username() -> Vector:
    world = World()
    world.incoming("7009", "m_1", "Hello")
    snapshot = world.snapshot("7009")
    return Vector(
        "username",
        "Of somebody only the user name becomes known: that is the name of what was written before.",
        snapshot,
        [world.about("7009", participant_username="ada.l")],
        world.expected(),
    )


def read() -> Vector:
    world = begun()
    world.incoming(GRACE, "m_3", "Hello")
    world.incoming(ADA, "m_4", "Hello?")
    snapshot = world.snapshot(ADA, GRACE)
    frames = [world.about(ADA, unread_count=0), world.incoming(ADA, "m_5", "Hello??")]
    return Vector(
        "read",
        "Another device marks a conversation as read; later one more message comes. Counts are those of the server and "
        "never the client's own.",
        snapshot,
        frames,
        world.expected(),
    )


def account_updated() -> Vector:
    world = begun()
    snapshot = world.snapshot(ADA)
    frames = [
        world.connected_page(status="needs_reauthorization", reason="The access token was refused."),
        world.connected_page("1000", name="Red Things"),
        world.connected_page(status="connected", reason=None),
        world.connected_page("1000", name="Red Things", status="disconnected"),
    ]
    return Vector(
        "account-updated",
        "The token of a page is refused and replaced; another page is connected and disconnected, and stays in the "
        "list.",
        snapshot,
        frames,
        world.expected(),
    )


def linked() -> Vector:
    world = World()
    world.incoming("16505551234", "wamid.1", "Hi", platform="whatsapp")
    snapshot = world.snapshot("16505551234")
    frames = [world.incoming("US.13491208655302741918", "wamid.2", "Hi again", platform="whatsapp")]
    other = LinkedConversation(
        participant_id="US.13491208655302741918", conversation_id=world.thread("US.13491208655302741918")
    )
    back = LinkedConversation(participant_id="16505551234", conversation_id=world.thread("16505551234"))
    frames += [
        world.about("16505551234", platform="whatsapp", linked=(other,)),
        world.about("US.13491208655302741918", platform="whatsapp", linked=(back,)),
    ]
    return Vector(
        "linked-conversations",
        "The same person writes under another id; both conversations then name each other. They stay two "
        "conversations.",
        snapshot,
        frames,
        world.expected(),
    )


STORIES = [new_message, edit, unsend, reactions, receipts, failed, rename, username, read, account_updated, linked]
