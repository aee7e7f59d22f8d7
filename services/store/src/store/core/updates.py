"""From events to the updates that the store applies."""

from collections.abc import Iterator
from datetime import UTC, datetime

from shared.contracts import (
    EditItem,
    InboxEnrichedV1,
    Item,
    MessageItem,
    Profile,
    ProfileResolvedV1,
    RawItem,
    ReactionItem,
    ReceiptItem,
    RecordItem,
    UnsendItem,
    conversation_id,
)
from shared.errors import PermanentError
from store.core.annotations import NO_ANNOTATIONS, Annotations, LatestReaction, edit_of
from store.core.facts import (
    Annotation,
    Cause,
    ItemKey,
    LookupResult,
    MessageFact,
    MessageKey,
    RawFact,
    RecordFact,
    Update,
    Watermark,
)

_AnnotatingItem = EditItem | UnsendItem | ReactionItem | ReceiptItem


# asyncpg stores the first and the last time that Python can represent as infinity, and reads infinity back without a
# time zone: nothing in such a conversation could be compared any more. In other zones there are times even beyond.
_EARLIEST = datetime.min.replace(tzinfo=UTC) + datetime.resolution
_LATEST = datetime.max.replace(tzinfo=UTC) - datetime.resolution


class TimeWithoutZone(PermanentError):
    """A time has no time zone: Postgres would take it as one in its own zone."""


class TimeOutOfRange(PermanentError):
    """A time is at, or beyond, either end of what can be stored."""


def to_update(event: InboxEnrichedV1 | ProfileResolvedV1) -> Update:
    """Return what `event` says. An empty profile counts as none.

    Raises:
        TimeWithoutZone: one of its times has no time zone.
        TimeOutOfRange: one of its times cannot be stored.
    """
    _check_times(event)
    if isinstance(event, ProfileResolvedV1):
        return _lookup_update(event)
    item = event.item
    if isinstance(item, MessageItem):
        return _item_update(event, "message", message=_message(event, item))
    if isinstance(item, RecordItem):
        record = RecordFact(
            kind=item.record, record_id=item.record_id, actor_id=item.actor_id, text=item.text, body=_text(item.body)
        )
        return _item_update(event, f"record.{item.record}", record=record)
    if isinstance(item, RawItem):
        return _item_update(event, item.label, raw=RawFact(item.label, _text(item.body)))
    return _annotating_update(event, item)


def _item_update(
    event: InboxEnrichedV1,
    kind: str,
    *,
    message: MessageFact | None = None,
    annotations: tuple[Annotation, ...] = (),
    watermark: Watermark | None = None,
    record: RecordFact | None = None,
    raw: RawFact | None = None,
    is_ignored: bool = False,
) -> Update:
    aliases = event.participant_aliases
    return Update(
        cause=Cause(event.id, event.occurred_at, event.received_at),
        item=ItemKey(event.webhook_id, event.item_index),
        kind=kind,
        is_ignored=is_ignored,
        user_id=event.user_id,
        platform=event.platform,
        page_id=event.page_id,
        participant_id=event.participant_id,
        conversation_id=event.conversation_id,
        profile=_unless_empty(event.participant),
        aliases=aliases and tuple(sorted({*aliases} - {"", event.participant_id})),
        message=message,
        annotations=annotations,
        watermark=watermark,
        record=record,
        raw=raw,
    )


def _lookup_update(event: ProfileResolvedV1) -> Update:
    return Update(
        cause=Cause(event.id, event.occurred_at, event.received_at),
        user_id=event.user_id,
        platform=event.platform,
        page_id=event.page_id,
        participant_id=event.participant_id,
        conversation_id=conversation_id(event.platform, event.user_id, event.participant_id),
        profile=_unless_empty(event.profile),
        lookup_result=LookupResult(event.retry_at),
    )


def _message(event: InboxEnrichedV1, item: MessageItem) -> MessageFact:
    return MessageFact(
        key=MessageKey(event.user_id, event.platform, event.page_id, item.message_kind, item.message_id),
        direction=item.direction,
        sender_id=item.sender_id,
        content=item.content,
        created_at=item.created_at,
        is_timed=item.is_timed,
        attachments=item.attachments,
        reply_to=item.reply_to,
        payload=item.payload,
        referral=item.referral,
        sent_via=item.sent_via,
        error=item.error,
    )


def _annotating_update(event: InboxEnrichedV1, item: _AnnotatingItem) -> Update:
    message_ids: tuple[str, ...] = ()
    watermark = None
    if isinstance(item, EditItem):
        kind, annotations = "edit", _edit(item)
    elif isinstance(item, UnsendItem):
        kind, annotations = "unsend", Annotations(deleted_at=_utc(item.unsent_at))
    elif isinstance(item, ReactionItem):
        reaction = LatestReaction(at=_utc(item.reacted_at), emoji=item.emoji or None)
        kind, annotations = "reaction", Annotations(reactions={item.actor_id: reaction})
    else:
        kind, annotations, message_ids = f"receipt.{item.status}", _receipt(item), item.message_ids
        watermark = _watermark(item) if event.participant_id is not None else None
    if not isinstance(item, ReceiptItem):
        message_ids = (item.message_id,)
    named = tuple(
        Annotation(MessageKey(event.user_id, event.platform, event.page_id, "message", message_id), annotations)
        for message_id in dict.fromkeys(message_ids)
        if annotations != NO_ANNOTATIONS
    )
    return _item_update(event, kind, annotations=named, watermark=watermark, is_ignored=not named and watermark is None)


def _edit(item: EditItem) -> Annotations:
    """Return what an edit says. Instagram sends edits without a text and with revision 0 if nothing was edited."""
    at = _utc(item.edited_at)
    if item.content is None:
        return Annotations(edited_at=at) if item.revision > 0 else NO_ANNOTATIONS
    return Annotations(edit=edit_of(item.content, revision=item.revision, at=at), edited_at=at)


def _receipt(item: ReceiptItem) -> Annotations:
    """Return what a receipt says about the messages that it names; `sent` says nothing that the message does not."""
    at = _utc(item.at)
    if item.status == "delivered":
        return Annotations(delivered_at=at)
    if item.status == "read":
        return Annotations(read_at=at, read_covering_at=at if item.covers_earlier else None)
    if item.status == "played":
        return Annotations(played_at=at)
    return Annotations(failed_at=at, error=item.error) if item.status == "failed" else NO_ANNOTATIONS


def _watermark(item: ReceiptItem) -> Watermark | None:
    if item.watermark is None or item.status not in ("delivered", "read", "played"):
        return None
    return Watermark("delivered" if item.status == "delivered" else "read", _utc(item.watermark), _utc(item.at))


def _unless_empty(profile: Profile | None) -> Profile | None:
    return None if profile is None or profile.is_empty else profile


def _text(raw: object) -> str:
    return bytes(raw).decode(errors="replace")  # type: ignore[call-overload, no-any-return]  # msgspec.Raw is a buffer


def _utc(time: datetime) -> datetime:
    return time.astimezone(UTC)


def _check_times(event: InboxEnrichedV1 | ProfileResolvedV1) -> None:
    times = [event.occurred_at, event.received_at]
    profile = event.profile if isinstance(event, ProfileResolvedV1) else event.participant
    if profile is not None:
        times.append(profile.fetched_at)
    if isinstance(event, ProfileResolvedV1):
        times += [] if event.retry_at is None else [event.retry_at]
    elif isinstance(event.item, MessageItem):
        times.append(event.item.created_at)
    else:
        times += _times_of(event.item)
    for time in times:
        if time.tzinfo is None:
            raise TimeWithoutZone(f"event {event.id} holds a time without a time zone")
        if not _EARLIEST <= time <= _LATEST:
            raise TimeOutOfRange(f"event {event.id} holds the time {time}, which is out of range")


def _times_of(item: Item) -> Iterator[datetime]:
    if isinstance(item, EditItem):
        yield item.edited_at
    elif isinstance(item, UnsendItem):
        yield item.unsent_at
    elif isinstance(item, ReactionItem):
        yield item.reacted_at
    elif isinstance(item, ReceiptItem):
        yield item.at
        if item.watermark is not None:
            yield item.watermark
