"""A message field has the same name in the table, in the row of the merge and in what clients see."""

from shared.contracts.inbox import Message
from store.core.facts import MessageKey
from store.core.rows import MessageRow
from store.repository.inbox.message_columns import CHANGED, INSERTED, MESSAGE_ROW
from store.tables import messages
from tests.unit.store.facts import at

_DERIVED = {"key", "coverage"}


def _row(**changes: object) -> MessageRow:
    plain = {
        "key": MessageKey("user-1", "facebook", "page-1", "message", "m-1"),
        "id": 1,
        "seq": 1,
        "conversation_id": "c",
        "digest": b"digest",
        "direction": "incoming",
        "sender_id": "person-1",
        "content": "hello",
        "created_at": at(0),
        "status": None,
    }
    return MessageRow(**plain | changes)


def test_every_column_is_a_field_of_the_row_or_of_its_key() -> None:
    fields = set(MessageKey._fields) | set(MessageRow.__struct_fields__) - _DERIVED
    assert {column.name for column in messages.columns} == fields
    assert set(MESSAGE_ROW.names) == {column.name for column in INSERTED.columns} == fields


def test_every_field_that_clients_see_is_a_column_except_the_sender_name() -> None:
    assert set(Message.__struct_fields__) - {"sender_name"} <= {column.name for column in messages.columns}


def test_the_identity_of_a_message_never_changes() -> None:
    changing = {column.name for column in CHANGED.columns} - {"user_id", "id"}
    assert not changing & {*MessageKey._fields, "id", "conversation_id", "direction"}


def test_a_column_without_values_is_sent_as_an_empty_array() -> None:
    found = INSERTED.arguments([_row(), _row(error="too long")])
    assert found["m_content"] == ("hello", "hello")
    assert found["m_error"] == (None, "too long")
    assert {name for name, array in found.items() if not array} >= {"m_attachments", "m_annotations", "m_edited_at"}
