from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import Profile
from store.core.facts import Update
from store.core.merge import later_profile
from store.core.rows import ConversationKey, ParticipantKey
from tests.unit.store.facts import USERS, Memory, at, histories, message, profile, update, without_deadline


def only_conversation(memory: Memory) -> Any:
    [row] = memory.conversations.values()
    return row


@without_deadline
@given(histories, st.data())
def test_order_repetition_and_batching_do_not_change_the_facts(history: list[Update], data: st.DataObject) -> None:
    one, other = Memory(), Memory()
    one.take(history)
    again = data.draw(st.lists(st.sampled_from(history), max_size=6)) if history else []
    shuffled = data.draw(st.permutations([*history, *again]))
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        other.take(shuffled[:size])
        shuffled = shuffled[size:]

    assert one.facts() == other.facts()
    assert not one.refused


@without_deadline
@given(histories, st.integers(1, 5))
def test_seqs_have_no_holes_and_rows_have_the_seq_of_their_last_change(history: list[Update], size: int) -> None:
    memory = Memory()
    for start in range(0, len(history), size):
        memory.take(history[start : start + size])

    for user in USERS:
        mine = [entry for entry in memory.log if entry.user_id == user]
        assert [entry.seq for entry in mine] == list(range(1, memory.last_seqs[user] + 1))
        for row in memory.messages.values():
            if row.key.user_id == user:
                touching = [entry.seq for entry in mine if entry.message_id == row.id]
                assert (row.id, row.seq) == (touching[0], touching[-1])
        for key, conversation in memory.conversations.items():
            if key.user_id == user:
                touching = [entry.seq for entry in mine if entry.conversation_id == key.conversation_id]
                assert conversation.last_seq == touching[-1]


@without_deadline
@given(histories)
def test_repeated_updates_change_nothing(history: list[Update]) -> None:
    memory = Memory()
    memory.take(history)
    changes = memory.take(history)

    assert not changes.log
    assert not changes.last_seqs
    assert not changes.new_messages


@without_deadline
@given(histories)
def test_unread_count_is_the_number_of_incoming_messages_that_are_not_unsent(history: list[Update]) -> None:
    memory = Memory()
    memory.take(history)

    for key, conversation in memory.conversations.items():
        incoming = [
            row
            for row in memory.messages.values()
            if (row.key.user_id, row.conversation_id) == key and row.direction == "incoming" and row.deleted_at is None
        ]
        assert conversation.unread_count == len(incoming)


def test_a_late_message_does_not_become_the_last_message() -> None:
    memory = Memory()
    memory.take([update("c-1", message=message("m-2", created_at=at(5)))])
    memory.take([update("c-2", message=message("m-1", created_at=at(1)))])

    row = only_conversation(memory)
    assert row.last_message.message_id == "m-2"
    assert row.last_message_id == 1
    assert (row.last_seq, row.created_at) == (2, at(1))


def test_the_greater_id_is_the_last_of_two_simultaneous_messages() -> None:
    memory = Memory()
    memory.take([update("c-1", message=message("m-b")), update("c-2", message=message("m-a"))])

    assert only_conversation(memory).last_message.message_id == "m-b"


def test_a_message_with_a_profile_is_one_change() -> None:
    memory = Memory()
    changes = memory.take([update(message=message(), profile=profile("Ada"))])

    assert [entry.kind for entry in changes.log] == ["new_message"]
    assert only_conversation(memory).profile == profile("Ada")


def test_a_newer_name_updates_the_conversation() -> None:
    memory = Memory()
    memory.take([update("c-1", message=message(), profile=profile("Ada", second=1))])
    changes = memory.take([update("c-2", profile=profile("Grace", second=2))])

    assert [(entry.kind, entry.seq) for entry in changes.log] == [("conversation_updated", 2)]
    assert only_conversation(memory).last_seq == 2


def test_an_unchanged_newer_profile_is_stored_without_a_change() -> None:
    memory = Memory()
    memory.take([update("c-1", message=message(), profile=profile("Ada", second=1))])
    changes = memory.take([update("c-2", profile=profile("Ada", second=2))])

    assert not changes.log
    assert only_conversation(memory).profile.fetched_at == at(2)


def test_an_older_profile_changes_nothing() -> None:
    memory = Memory()
    memory.take([update("c-1", message=message(), profile=profile("Ada", second=5))])
    memory.take([update("c-2", profile=profile("Grace", second=2))])

    assert only_conversation(memory).profile == profile("Ada", second=5)


def test_an_early_profile_waits_for_its_conversation() -> None:
    memory = Memory()
    kept = memory.take([update("c-1", profile=profile("Ada"))])
    assert not kept.log
    assert memory.waiting == {ParticipantKey("user-1", "facebook", "person-1"): profile("Ada")}

    memory.take([update("c-2", message=message())])
    assert only_conversation(memory).profile == profile("Ada")
    assert memory.waiting == {}


def test_a_second_description_updates_the_message_in_place() -> None:
    memory = Memory()
    memory.take([update("c-1", message=message(content="draft", created_at=at(1)))])
    changes = memory.take([update("c-2", message=message(content="final", created_at=at(2)))])

    [row] = changes.changed_messages
    assert (row.id, row.seq, row.content) == (1, 2, "final")
    assert [entry.kind for entry in changes.log] == ["message_updated"]
    assert only_conversation(memory).unread_count == 1


def test_a_message_without_a_time_keeps_its_place_when_it_is_repeated() -> None:
    memory = Memory()
    memory.take([update("c-1", message=message(created_at=at(1), is_timed=False))])

    assert not memory.take([update("c-2", message=message(created_at=at(9), is_timed=False))]).log
    changes = memory.take([update("c-3", message=message(content="zzz", created_at=at(9), is_timed=False))])
    assert [row.created_at for row in changes.changed_messages] in ([], [at(1)]), "its hash decides, not its arrival"


@pytest.mark.parametrize(
    "liar",
    [
        pytest.param(update("bad", person="person-2", conversation_id="x" * 16, message=message("m-9")), id="same id"),
        pytest.param(
            update("bad", person="person-2", conversation_id="y" * 16, message=message("m-1")), id="other conversation"
        ),
        pytest.param(
            update("bad", conversation_id="x" * 16, message=message("m-1", direction="outgoing")), id="other direction"
        ),
        pytest.param(
            update("bad", participant_id=None, conversation_id=None, message=message("m-9")), id="no participant"
        ),
    ],
)
def test_only_the_contradicting_update_is_refused(liar: Update) -> None:
    memory = Memory()
    memory.take([update("c-1", conversation_id="x" * 16, message=message("m-1"))])
    changes = memory.take([liar, update("c-2", conversation_id="x" * 16, message=message("m-2"))])

    assert list(changes.refused) == ["bad"]
    assert [row.key.message_id for row in changes.new_messages] == ["m-2"]
    assert list(memory.conversations) == [ConversationKey("user-1", "x" * 16)]


@given(st.data())
def test_later_profile_is_commutative_and_associative(data: st.DataObject) -> None:
    some = st.none() | st.builds(
        Profile, name=st.sampled_from([None, "a", "b"]), fetched_at=st.sampled_from([at(0), at(1)])
    )
    one, two, three = data.draw(some), data.draw(some), data.draw(some)

    assert later_profile(one, two) == later_profile(two, one)
    assert later_profile(later_profile(one, two), three) == later_profile(one, later_profile(two, three))
