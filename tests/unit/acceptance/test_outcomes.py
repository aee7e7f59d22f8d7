"""What a row of a corpus expects, and how it is compared with what is stored."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.acceptance.comparison import inbox_differences, ledger_differences, loose_differences, repeat_differences
from tests.acceptance.corpus import Case, CorpusProblem, Row, read_corpus
from tests.acceptance.expectations import record_kind
from tests.acceptance.observed import Inbox, Ledger
from tests.acceptance.plan import ledger_pages_of, outcome_of, pages_of
from tests.acceptance.report import report

AT = "1767355200000"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def event(**changes: Any) -> dict[str, Any]:
    default = {
        "event_type": "message.text",
        "direction": "incoming",
        "effect": "new_message",
        "actor": "customer",
        "page_or_account_id": "1",
        "participant_id": "9",
        "text": "Hi",
        "message_id": "m_1",
        "timestamp": AT,
    }
    return {**default, **changes}


def case(*events: dict[str, Any], body: Any = None, **changes: Any) -> Case:
    row = {
        "file": "one.json",
        "platform": "messenger",
        "event_type": "any",
        "oracle": "strict",
        "expected": {"n_events": len(events)},
        "events": events,
        **changes,
    }
    return Case(msgspec.convert(row, Row, strict=False), json.dumps(body).encode())


def message(**changes: Any) -> dict[str, Any]:
    default = {
        "message_id": "m_1",
        "conversation_id": "c",
        "page_id": "1",
        "direction": "incoming",
        "sender_id": "9",
        "content": "Hi",
        "kind": "message",
        "created_at": "2026-01-02T12:00:00Z",
        "attachments": [],
        "reactions": [],
    }
    return {**default, **changes}


def inbox(*messages: dict[str, Any], unread: int = 1, records: Any = (), **conversation: Any) -> Inbox:
    one = {"conversation_id": "c", "participant_id": "9", "unread_count": unread, **conversation}
    return Inbox((one,) if messages else (), messages, tuple(records))


def fields_of(differences: Any) -> list[str]:
    return [difference.field for difference in differences]


def test_a_message_that_matches_its_row_has_no_differences() -> None:
    played = case(event())

    assert list(inbox_differences(played, outcome_of(played), inbox(message()))) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"content": "Ho"}, "text"),
        ({"direction": "outgoing"}, "direction"),
        ({"page_id": "2"}, "page"),
        ({"sender_id": "8"}, "sender"),
        ({"created_at": "2026-01-02T12:00:01Z"}, "created_at"),
        ({"deleted_at": "2026-01-02T12:00:01Z"}, "is_unsent"),
        ({"kind": "postback"}, "kind"),
        ({"message_id": "m_2"}, "messages"),
    ],
)
def test_every_wrong_field_is_reported(changes: dict[str, Any], field: str) -> None:
    played = case(event())

    assert fields_of(inbox_differences(played, outcome_of(played), inbox(message(**changes)))) == [field]


def test_unexpected_objects_are_reported() -> None:
    played = case(event(effect="signal", event_type="optin", direction="none", text=None, message_id=None))
    record = {"kind": "optin", "page_id": "1", "participant_id": "9"}
    shown = inbox(message(), records=[record, {"kind": "referral"}])

    assert list(inbox_differences(played, outcome_of(played), inbox(records=[record]))) == []
    assert fields_of(inbox_differences(played, outcome_of(played), shown)) == [
        "messages",
        "conversations",
        "unread",
        "records",
    ]


def test_a_message_without_an_id_matches_the_only_one() -> None:
    played = case(event(message_id=None, event_type="postback", text=None, postback={"title": "Go", "payload": "GO"}))
    shown = message(message_id="made-up", kind="postback", content="Go", payload="GO")

    assert list(inbox_differences(played, outcome_of(played), inbox(shown))) == []
    assert fields_of(inbox_differences(played, outcome_of(played), inbox(message(kind="postback")))) == [
        "text",
        "payload",
    ]


def test_a_watermark_covers_only_messages_before_it() -> None:
    played = case(event(event_type="read", effect="receipt", direction="none", message_id=None, watermark=AT))

    outcome = outcome_of(played)

    assert [(base.is_outgoing, base.at <= NOON) for base in outcome.bases] == [(True, True), (True, False)]
    assert [fields["status"] for fields in outcome.messages.values()] == ["read", "sent"]


def test_a_watermark_covers_messages_of_the_same_body() -> None:
    read = event(event_type="read", effect="receipt", direction="none", message_id=None, watermark=AT)
    sent = event(event_type="message_echo.text", direction="outgoing", message_id="m_2")

    assert outcome_of(case(read, sent)).messages["m_2"]["status"] == "read"


def test_an_instagram_read_receipt_covers_earlier_messages() -> None:
    played = case(
        event(event_type="read", effect="receipt", direction="none", message_id_role="target"), platform="instagram"
    )

    assert {name: fields["status"] for name, fields in outcome_of(played).messages.items()} == {
        "m_1": "read",
        "m_1-covered": "read",
        "m_1-later": "sent",
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"event_type": "message_deleted", "message_id_role": "target"}, {"is_unsent": True, "text": None}),
        ({"event_type": "message_edit", "message_id_role": "target", "text": "Ho"}, {"is_edited": True, "text": "Ho"}),
        ({"event_type": "message_edit", "message_id_role": "target", "text": None}, {"is_edited": False}),
        (
            {"event_type": "reaction", "effect": "reaction", "target_message_id": "m_1", "emoji": "🎉"},
            {"reactions": [("9", "🎉")]},
        ),
        (
            {"event_type": "reaction", "effect": "reaction", "target_message_id": "m_1", "action": "unreact"},
            {"reactions": []},
        ),
    ],
)
def test_an_event_changes_its_message(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    fields = outcome_of(case(event(**{"effect": "update_message", "direction": "none", **changes}))).messages["m_1"]

    assert {name: fields[name] for name in expected} == expected


def test_the_target_of_a_whatsapp_edit_is_in_the_body() -> None:
    body = {"edit": {"original_message_id": "w_0", "message": {"type": "text", "text": {"body": "New"}}}}
    played = case(
        event(event_type="wa.message_echo.edit", effect="update_message", actor="business", text=None),
        body=body,
        platform="whatsapp",
    )

    [(target, fields)] = outcome_of(played).messages.items()
    assert (target, fields["text"], fields["direction"]) == ("w_0", "New", "outgoing")


@pytest.mark.parametrize(
    ("event_type", "effect", "kind"),
    [
        ("optin.user_ref", "signal", "optin"),
        ("change.feed.comment.add", "ignore", "comment"),
        ("change.feed.photo.add", "ignore", "feed"),
        ("change.foo", "ignore", None),
        ("wa.status.RINGING", "receipt", "status"),
        ("wa.status.read", "receipt", None),
        ("message.text", "new_message", None),
    ],
)
def test_the_kind_of_a_record_follows_from_the_event_type(event_type: str, effect: str, kind: str | None) -> None:
    [found] = case(event(event_type=event_type, effect=effect)).row.events

    assert record_kind(found) == kind


def test_a_strict_row_needs_its_pages_and_a_loose_one_those_of_its_body() -> None:
    body = {"entry": [{"id": 3, "messaging": []}]}

    assert pages_of(case(event(), body=body)) == ["1"]
    assert pages_of(case(event(), body=body, oracle="loose")) == ["1", "3"]
    assert pages_of(case(body=None, oracle="loose")) == []
    assert "" in ledger_pages_of(case(body=None, oracle="loose"))
    assert ledger_pages_of(case(event(), body=body)) == ["1"]


def test_only_assertable_fields_of_a_loose_row_are_checked() -> None:
    expected = {"n_events": 1, "direction": "incoming", "text": "Hi", "message_id": "m_1", "participant_id": "9"}
    played = case(event(), oracle="loose", expected=expected, assertable=["text", "message_id"])

    assert list(loose_differences(played, inbox(message(direction="outgoing")))) == []
    assert fields_of(loose_differences(played, inbox(message(content="Ho")))) == ["text"]
    assert fields_of(loose_differences(played, inbox())) == ["message"]


def test_the_ledger_must_account_for_every_item() -> None:
    played = case(event())

    assert list(ledger_differences(played, Ledger(received=1, stored=1))) == []
    assert fields_of(ledger_differences(played, Ledger(received=2, stored=1, parked=1))) == [
        "n_events",
        "ledger.parked",
    ]
    assert fields_of(ledger_differences(played, Ledger(received=1, unaccounted=1))) == ["ledger.unaccounted", "ledger"]
    assert fields_of(ledger_differences(played, Ledger(received=1, ignored={"other": 1}))) == ["ledger.ignored"]


def test_inboxes_of_users_are_compared_without_arrival_fields() -> None:
    one, other = message(id=1, seq=3, conversation_id="a"), message(id=2, seq=2, conversation_id="b")
    first, second = inbox(one).without_arrival(), inbox(other).without_arrival()

    assert list(repeat_differences(case(event()), "again", first, second)) == []
    assert fields_of(repeat_differences(case(event()), "again", inbox(one), inbox(other))) == ["again: messages"]


def test_a_report_has_a_line_per_difference_and_a_summary() -> None:
    played = case(event())
    differences = list(inbox_differences(played, outcome_of(played), inbox(message(content="Ho"))))

    assert list(report([played], differences, seconds=2)) == [
        "one.json: text: expected 'Hi', got 'Ho'",
        "1 bodies (1 strict, 0 loose), each posted twice, in 2 s: 1 FAILED, 1 differences",
    ]


def test_a_folder_without_an_index_is_not_a_corpus(tmp_path: Path) -> None:
    with pytest.raises(CorpusProblem, match="is not a corpus"):
        read_corpus(tmp_path)


def test_our_corpus_can_be_read_and_every_strict_row_has_an_outcome() -> None:
    cases = read_corpus(Path(__file__).parents[2] / "acceptance" / "corpus")

    assert {each.platform for each in cases} == {"facebook", "instagram", "whatsapp"}
    assert all(outcome_of(each).items == len(each.row.events) for each in cases if each.is_strict)
