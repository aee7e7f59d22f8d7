from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.core.cursors import ConversationPosition, CursorSigner, InvalidCursor, MessagePosition
from tests.unit.store.facts import at

SIGNER = CursorSigner([b"new", b"old"])
QUERY = ("user-1", "conversations")


@given(st.datetimes(timezones=st.just(UTC)), st.text(max_size=40), st.integers(0, 2**63 - 1))
def test_a_cursor_round_trips(created_at: object, message_id: str, row_id: int) -> None:
    position = MessagePosition(created_at, message_id, row_id)  # type: ignore[arg-type]  # drawn as a datetime
    assert SIGNER.decode(SIGNER.encode(position, bound_to=QUERY), MessagePosition, bound_to=QUERY) == position


@pytest.mark.parametrize("other", [("user-2", "conversations"), ("user-1", "messages"), ("user-1conversations", "")])
def test_a_cursor_is_bound_to_its_user_and_query(other: tuple[str, ...]) -> None:
    cursor = SIGNER.encode(ConversationPosition(at(0), "c"), bound_to=QUERY)
    with pytest.raises(InvalidCursor):
        SIGNER.decode(cursor, ConversationPosition, bound_to=other)


@given(st.text(max_size=60))
def test_arbitrary_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        SIGNER.decode(text, ConversationPosition, bound_to=QUERY)


def test_cursors_survive_a_key_rotation() -> None:
    cursor = CursorSigner([b"old"]).encode(ConversationPosition(at(0), "c"), bound_to=QUERY)
    assert SIGNER.decode(cursor, ConversationPosition, bound_to=QUERY).conversation_id == "c"


def test_a_cursor_of_another_list_is_refused() -> None:
    cursor = SIGNER.encode(ConversationPosition(at(0), "c"), bound_to=QUERY)
    with pytest.raises(InvalidCursor):
        SIGNER.decode(cursor, MessagePosition, bound_to=QUERY)


def test_the_id_of_the_signing_key_changes_with_the_key_and_reveals_nothing() -> None:
    assert SIGNER.key_id == CursorSigner([b"new"]).key_id != CursorSigner([b"old"]).key_id
    assert len(SIGNER.key_id) == 16
