"""Events become updates: each kind of item, and times that cannot be stored."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from shared.contracts import (
    EditItem,
    Item,
    Profile,
    RawItem,
    ReactionItem,
    ReceiptItem,
    RecordItem,
    UnsendItem,
    conversation_id,
)
from store.core.accounts import OwnershipInterval, assign_owner, current_owner, owner_at
from store.core.annotations import Annotations
from store.core.facts import LookupResult, RawFact, RecordFact, Watermark
from store.core.updates import TimeOutOfRange, TimeWithoutZone, to_update
from tests.builders import NOON, inbox_enriched, message_item, profile_resolved
from tests.unit.store.facts import at

BODY = msgspec.Raw(b'{"a":1}')


def receipt(status: Any, **changes: Any) -> ReceiptItem:
    return ReceiptItem(**{"status": status, "at": NOON, "message_ids": ("m_1",), **changes})


def test_a_record_and_a_raw_item_keep_their_body() -> None:
    record = RecordItem(record="comment", record_id="r-1", actor_id="a-1", text="Nice", body=BODY)
    comment = to_update(inbox_enriched(item=record))
    raw = to_update(inbox_enriched(item=RawItem(label="messaging.other", body=BODY)))

    assert comment.record == RecordFact(kind="comment", record_id="r-1", actor_id="a-1", text="Nice", body='{"a":1}')
    assert (comment.kind, comment.changes_inbox) == ("record.comment", True)
    assert raw.raw == RawFact("messaging.other", '{"a":1}')
    assert raw.kind == "messaging.other"


def test_a_record_of_an_unknown_person_changes_no_inbox() -> None:
    record = RecordItem(record="comment", record_id="r-1", body=BODY)

    assert not to_update(inbox_enriched(item=record, participant=None)).changes_inbox


@pytest.mark.parametrize(
    ("item", "kind", "annotations"),
    [
        (receipt("delivered"), "receipt.delivered", Annotations(delivered_at=NOON)),
        (receipt("read"), "receipt.read", Annotations(read_at=NOON)),
        (
            receipt("read", covers_earlier=True),
            "receipt.read",
            Annotations(read_at=NOON, read_covering_at=NOON),
        ),
        (receipt("played"), "receipt.played", Annotations(played_at=NOON)),
        (receipt("failed", error="No."), "receipt.failed", Annotations(failed_at=NOON, error="No.")),
        (UnsendItem(message_id="m_1", unsent_at=NOON), "unsend", Annotations(deleted_at=NOON)),
    ],
)
def test_an_item_about_a_message_becomes_an_annotation(item: Item, kind: str, annotations: Annotations) -> None:
    update = to_update(inbox_enriched(item=item))

    [annotation] = update.annotations
    assert (update.kind, annotation.key.message_id, annotation.annotations) == (kind, "m_1", annotations)


@pytest.mark.parametrize(
    "item", [receipt("sent"), EditItem(message_id="m_1", revision=0, edited_at=NOON, content=None)]
)
def test_an_item_that_adds_nothing_is_ignored(item: Item) -> None:
    update = to_update(inbox_enriched(item=item))

    assert (update.is_ignored, update.annotations) == (True, ())


@pytest.mark.parametrize(
    ("status", "watermark"),
    [
        ("delivered", Watermark("delivered", at(5), NOON)),
        ("read", Watermark("read", at(5), NOON)),
        ("played", Watermark("read", at(5), NOON)),
        ("sent", None),
        ("failed", None),
    ],
)
def test_only_deliveries_and_reads_have_a_watermark(status: str, watermark: Watermark | None) -> None:
    assert to_update(inbox_enriched(item=receipt(status, watermark=at(5)))).watermark == watermark


def test_a_watermark_needs_a_participant() -> None:
    item = receipt("read", watermark=at(5))

    assert to_update(inbox_enriched(item=item, participant_id=None, conversation_id=None)).watermark is None


def test_a_lookup_updates_the_profile_and_an_empty_profile_is_dropped() -> None:
    found = to_update(profile_resolved(retry_at=at(60)))
    empty = to_update(profile_resolved(profile=Profile(fetched_at=NOON)))

    assert found.profile is not None
    assert found.profile.name == "Ada Lovelace"
    assert (found.lookup_result, found.item) == (LookupResult(at(60)), None)
    assert (empty.profile, empty.lookup_result) == (None, LookupResult(None))


def test_times_are_stored_in_utc() -> None:
    item = EditItem(message_id="m_1", revision=1, edited_at=NOON.astimezone(timezone(timedelta(hours=2))), content="x")

    [annotation] = to_update(inbox_enriched(item=item)).annotations

    assert annotation.annotations.edited_at == NOON
    assert annotation.annotations.edited_at.tzinfo is UTC


NAIVE = datetime(2026, 1, 2)  # noqa: DTZ001 - the missing zone is the point
TOO_EARLY, TOO_LATE = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def events(time: datetime) -> list[Any]:
    """Return one event for every field that holds a time."""
    items: list[Item] = [
        message_item(created_at=time),
        EditItem(message_id="m_1", revision=1, edited_at=time, content="x"),
        UnsendItem(message_id="m_1", unsent_at=time),
        ReactionItem(message_id="m_1", actor_id="a", emoji="❤", reacted_at=time),
        receipt("read", at=time),
        receipt("read", watermark=time),
    ]
    return [
        *(inbox_enriched(item=item) for item in items),
        inbox_enriched(occurred_at=time),
        inbox_enriched(received_at=time),
        inbox_enriched(participant=Profile(name="Ada", fetched_at=time)),
        profile_resolved(retry_at=time),
    ]


@pytest.mark.parametrize("event", events(NAIVE))
def test_a_time_without_a_zone_is_refused(event: Any) -> None:
    with pytest.raises(TimeWithoutZone):
        to_update(event)


@pytest.mark.parametrize("event", [*events(TOO_EARLY), *events(TOO_LATE)])
def test_a_time_at_either_end_of_the_range_is_refused(event: Any) -> None:
    with pytest.raises(TimeOutOfRange):
        to_update(event)


def interval(user_id: str, start: datetime, end: datetime | None = None) -> OwnershipInterval:
    return OwnershipInterval(
        user_id=user_id,
        owned_from=start,
        owned_until=end,
        version=1,
        name=None,
        token_ciphertext=None,
        status="connected",
        reason=None,
        connected_at=start,
    )


def test_an_event_is_assigned_to_the_owner_of_its_page() -> None:
    owner, event = interval("user-2", at(0)), inbox_enriched()

    moved = assign_owner(event, owner)

    assert (moved.user_id, moved.conversation_id) == ("user-2", conversation_id("facebook", "user-2", "person-1"))
    assert assign_owner(inbox_enriched(participant_id=None), owner).conversation_id is None
    assert assign_owner(event, None) is event
    assert assign_owner(moved, owner) is moved


def test_the_owner_depends_on_the_time() -> None:
    first, second = interval("user-1", at(0), at(10)), interval("user-2", at(10))

    assert [owner_at([first, second], at(second_)) for second_ in (9, 10)] == [first, second]
    assert current_owner([first, second]) is second
    assert current_owner([first]) is None
    assert owner_at([first], at(10)) is None
