"""Annotations of messages, both before and after their message."""

from itertools import permutations
from typing import Any

import pytest

from shared.contracts import Item
from shared.contracts.inbox import Reaction, ReplyTo
from store.core.facts import Update
from store.core.rows import MessageRow
from tests.unit.store.facts import (
    Memory,
    at,
    edit,
    message,
    numbered,
    profile,
    reaction,
    receipt,
    unsend,
    update,
    update_with,
)

INCOMING = update("m", message=message("m-1", content="hello", created_at=at(1)))
OUTGOING = update("m", message=message("m-1", direction="outgoing", sender_id="page-1", created_at=at(1)))
STORY = ReplyTo(message_id="m-0", story={"id": "s"})


def after(*updates: Update) -> Memory:
    memory = Memory()
    for one in updates:
        memory.take([one])
    return memory


def in_every_order(*updates: Update) -> Memory:
    """Return the store after `updates`; assert that it is the same in every order and in one batch."""
    given = numbered(updates)
    memories = [after(*some) for some in permutations(given)]
    memories.append(Memory())
    memories[-1].take(given)
    for memory in memories[1:]:
        assert memory.facts() == memories[0].facts()
    return memories[0]


def row(memory: Memory, mid: str = "m-1") -> MessageRow:
    [found] = [row for row in memory.messages.values() if row.key.message_id == mid]
    return found


def fields_of(found: MessageRow, *names: str) -> tuple[Any, ...]:
    return tuple(getattr(found, name) for name in names)


@pytest.mark.parametrize(
    ("items", "shown"),
    [
        pytest.param([edit(content="new")], {"content": "new", "edited_at": at(10)}, id="edit"),
        pytest.param(
            [edit(content="new", second=5), edit(content=None, revision=2, second=9)],
            {"content": "new", "edited_at": at(9)},
            id="edit without text",
        ),
        pytest.param([edit(content=None, revision=0)], {"content": "hello", "edited_at": None}, id="revision 0"),
        pytest.param([edit(), unsend()], {"content": None, "deleted_at": at(20)}, id="edit and unsend"),
        pytest.param(
            [reaction(second=1), reaction(emoji="👍", second=2), reaction(actor="page-1", second=1)],
            {
                "reactions": (
                    Reaction(actor_id="page-1", emoji="❤", at=at(1)),
                    Reaction(actor_id="person-1", emoji="👍", at=at(2)),
                )
            },
            id="reactions",
        ),
        pytest.param([reaction(second=1), reaction(emoji=None, second=2)], {"reactions": ()}, id="removed reaction"),
        pytest.param([receipt("read", "m-1")], {"status": None, "read_at": None}, id="receipt of an incoming message"),
    ],
)
def test_annotations_show_in_any_order(items: list[Any], shown: dict[str, Any]) -> None:
    memory = in_every_order(INCOMING, *map(update_with, items))

    assert fields_of(row(memory), *shown) == tuple(shown.values())


@pytest.mark.parametrize(
    ("items", "status", "delivered", "read", "error"),
    [
        pytest.param([], "sent", None, None, None, id="nothing"),
        pytest.param([receipt("sent", "m-1")], "sent", None, None, None, id="sent"),
        pytest.param([receipt("delivered", "m-1", second=3)], "delivered", at(3), None, None, id="delivered"),
        pytest.param([receipt("read", "m-1", second=4)], "read", at(4), at(4), None, id="read is delivered"),
        pytest.param(
            [receipt("read", "m-1", second=4), receipt("delivered", "m-1", second=6)],
            "read",
            at(4),
            at(4),
            None,
            id="late delivery",
        ),
        pytest.param([receipt("played", "m-1", second=7)], "played", at(7), at(7), None, id="played"),
        pytest.param([receipt("failed", "m-1", error="blocked")], "failed", None, None, "blocked", id="failed"),
        pytest.param(
            [receipt("failed", "m-1", error="blocked"), receipt("delivered", "m-1", second=3)],
            "delivered",
            at(3),
            None,
            None,
            id="failed and then delivered",
        ),
        pytest.param(
            [
                receipt("delivered", second=5, upto=1),
                receipt("read", second=8, upto=2),
                receipt("read", second=6, upto=0),
            ],
            "read",
            at(5),
            at(8),
            None,
            id="watermarks",
        ),
        pytest.param(
            [receipt("read", second=9, upto=3), receipt("read", second=7, upto=2)],
            "read",
            at(7),
            at(7),
            None,
            id="earliest time wins",
        ),
        pytest.param([receipt("read", second=9, upto=0)], "sent", None, None, None, id="watermark before it"),
    ],
)
def test_receipts_decide_the_status_of_an_outgoing_message(
    items: list[Any], status: str, delivered: Any, read: Any, error: str | None
) -> None:
    memory = in_every_order(OUTGOING, *map(update_with, items))

    assert fields_of(row(memory), "status", "delivered_at", "read_at", "error") == (status, delivered, read, error)


def test_a_message_moved_to_a_later_time_is_covered_by_a_later_watermark() -> None:
    later = update("m2", message=message("m-1", direction="outgoing", sender_id="page-1", created_at=at(5)))
    memory = in_every_order(
        OUTGOING, later, update_with(receipt("read", second=6, upto=2)), update_with(receipt("read", second=9, upto=7))
    )

    assert fields_of(row(memory), "created_at", "read_at") == (at(5), at(9))


def test_a_receipt_does_not_cover_messages_of_another_page() -> None:
    memory = in_every_order(OUTGOING, update_with(receipt("read", upto=5), page_id="page-2"))

    assert row(memory).status == "sent"


def test_an_instagram_read_covers_earlier_outgoing_messages() -> None:
    earlier, later = (
        update(f"m{n}", message=message(f"m-{n}", direction="outgoing", created_at=at(n))) for n in (1, 3)
    )
    seen = update_with(receipt("read", "m-2", second=8, covers_earlier=True), person=None)
    named = update("m2", message=message("m-2", direction="outgoing", created_at=at(2)))
    memory = in_every_order(earlier, named, later, seen)

    assert [row(memory, f"m-{n}").status for n in (1, 2, 3)] == ["read", "read", "sent"]
    assert row(memory, "m-1").read_at == at(8)


@pytest.mark.parametrize("edits", [(), (update_with(edit(content="canary 3")),)], ids=["unedited", "edited"])
def test_an_unsend_erases_all_content(edits: tuple[Update, ...]) -> None:
    told = message("m-1", content="canary", payload="canary", error="canary", reply_to=STORY, created_at=at(1))
    again = message("m-1", content="canary 2", reply_to=ReplyTo(story={"id": "canary"}), created_at=at(0))
    memory = in_every_order(update(message=told), update(message=again), *edits, update_with(unsend()))

    assert "canary" not in repr(memory.facts())
    found = row(memory)
    assert fields_of(found, "content", "payload", "deleted_at") == (None, None, at(20))
    assert found.reply_to == ReplyTo(message_id="m-0")


def test_a_message_unsent_before_it_arrives_is_not_unread() -> None:
    memory = after(update_with(unsend(), "u"))
    changes = memory.take([INCOMING])

    assert [entry.kind for entry in changes.log] == ["new_message"]
    [conversation] = memory.conversations.values()
    assert (conversation.unread_count, conversation.last_message_id) == (0, 1)
    assert memory.annotations == {}


def test_an_unsend_lowers_the_unread_count_and_an_edit_does_not_raise_it() -> None:
    memory = after(INCOMING, update_with(edit(), "e"))
    [conversation] = memory.conversations.values()
    assert conversation.unread_count == 1
    memory.take([update_with(unsend(), "u")])
    memory.take([update_with(unsend(second=1), "u2")])

    [conversation] = memory.conversations.values()
    assert (conversation.unread_count, conversation.last_seq) == (0, 4)


def test_an_invisible_change_takes_no_seq() -> None:
    memory = after(OUTGOING, update_with(receipt("read", "m-1", second=5), "r"))
    changes = memory.take([update_with(receipt("delivered", "m-1", second=6), "d")])

    assert not changes.log
    [changed] = changes.changed_messages
    assert changed.annotations.delivered_at == at(6)
    assert row(memory).seq == 2


def test_annotations_alone_create_no_conversation() -> None:
    items: list[Item] = [edit(), unsend(), reaction(), receipt("read", "m-1", upto=5), receipt("delivered", "m-9")]
    memory = after(*numbered(map(update_with, items)))

    assert memory.conversations == {}
    assert memory.messages == {}
    assert not memory.log
    assert len(memory.annotations) == 2


def test_a_postback_with_the_same_id_is_a_separate_message() -> None:
    postback = message("m-1", content="Buy", key=message("m-1").key._replace(kind="postback"))
    memory = after(INCOMING, update("p", message=postback), update_with(edit(content="new"), "e"))

    assert sorted((key.kind, found.content) for key, found in memory.messages.items()) == [
        ("message", "new"),
        ("postback", "Buy"),
    ]


def test_an_alias_links_both_conversations_in_any_order() -> None:
    one = update("a", message=message("m-1"), aliases=("person-2",))
    other = update("b", person="person-2", message=message("m-2", sender_id="person-2"))
    memory = in_every_order(one, other)

    assert {row.participant_id: row.aliases for row in memory.conversations.values()} == {
        "person-1": ("person-2",),
        "person-2": ("person-1",),
    }
    assert not memory.take([msg_again := update("c", message=message("m-3"), aliases=("person-2",))]).links, msg_again


def test_a_link_updates_a_known_conversation() -> None:
    memory = after(INCOMING)
    changes = memory.take([update("b", aliases=("person-2",))])

    assert [entry.kind for entry in changes.log] == ["conversation_updated"]


def test_every_item_has_an_outcome() -> None:
    memory = after(
        update_with(unsend("m-1"), "before"),
        INCOMING,
        update_with(unsend("m-1"), "again"),
        update("same", message=message("m-1", content="hello", created_at=at(1))),
        update_with(edit(content=None, revision=0), "nothing"),
        update_with(reaction("m-9"), "waits"),
        update_with(reaction("m-9"), "says the same"),
        update_with(receipt("read", upto=3), "covers"),
        update("name", profile=profile("Ada")),
    )

    assert {
        position.webhook_id.removeprefix("webhook of "): outcome for position, outcome in memory.outcomes.items()
    } == {
        "before": "stored",
        "m": "stored",
        "again": "duplicate",
        "same": "duplicate",
        "nothing": "ignored",
        "waits": "waiting",
        "says the same": "duplicate",
        "covers": "stored",
        "name": "stored",
    }
