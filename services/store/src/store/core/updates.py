"""From events to what they say about an inbox."""

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
from store.core.annotations import NOTHING, Annotations, Reacted, edit_of
from store.core.facts import (
    Arrival,
    Cause,
    ItemPosition,
    LookupEnd,
    MessageFact,
    NaturalKey,
    RawFact,
    RecordFact,
    Said,
    Watermark,
)

_Said = EditItem | UnsendItem | ReactionItem | ReceiptItem


# The driver takes the first and the last moment that there are for infinity: what it reads back has no zone, and
# nothing in that conversation could be compared any more. In other zones there are moments even beyond these.
_EARLIEST = datetime.min.replace(tzinfo=UTC) + datetime.resolution
_LATEST = datetime.max.replace(tzinfo=UTC) - datetime.resolution


class TimeWithoutZone(PermanentError):
    """A time that names no moment: Postgres would take it for one of its own zone."""


class TimeOutOfRange(PermanentError):
    """A time at either end of all that there are, or beyond."""


def arrival_of(event: InboxEnrichedV1 | ProfileResolvedV1) -> Arrival:
    """Return what `event` says. An empty profile says nothing.

    Raises:
        TimeWithoutZone: one of its times is not in a time zone.
        TimeOutOfRange: one of its times is the first or the last that there is, or beyond.
    """
    _check_times(event)
    if isinstance(event, ProfileResolvedV1):
        return _lookup(event)
    item = event.item
    if isinstance(item, MessageItem):
        return _arrival(event, "message", message=_message(event, item))
    if isinstance(item, RecordItem):
        record = RecordFact(
            kind=item.record, record_id=item.record_id, actor_id=item.actor_id, text=item.text, body=_text(item.body)
        )
        return _arrival(event, f"record.{item.record}", record=record)
    if isinstance(item, RawItem):
        return _arrival(event, item.label, raw=RawFact(item.label, _text(item.body)))
    return _about_messages(event, item)


def _arrival(
    event: InboxEnrichedV1,
    kind: str,
    *,
    message: MessageFact | None = None,
    about: tuple[Said, ...] = (),
    watermark: Watermark | None = None,
    record: RecordFact | None = None,
    raw: RawFact | None = None,
    is_ignored: bool = False,
) -> Arrival:
    aliases = event.participant_aliases
    return Arrival(
        cause=Cause(event.id, event.occurred_at, event.received_at),
        position=ItemPosition(event.webhook_id, event.item_index),
        kind=kind,
        is_ignored=is_ignored,
        user_id=event.user_id,
        platform=event.platform,
        page_id=event.page_id,
        participant_id=event.participant_id,
        conversation_id=event.conversation_id,
        profile=_telling(event.participant),
        aliases=aliases and tuple(sorted({*aliases} - {"", event.participant_id})),
        message=message,
        about=about,
        watermark=watermark,
        record=record,
        raw=raw,
    )


def _lookup(event: ProfileResolvedV1) -> Arrival:
    return Arrival(
        cause=Cause(event.id, event.occurred_at, event.received_at),
        user_id=event.user_id,
        platform=event.platform,
        page_id=event.page_id,
        participant_id=event.participant_id,
        conversation_id=conversation_id(event.platform, event.user_id, event.participant_id),
        profile=_telling(event.profile),
        lookup_end=LookupEnd(event.retry_at),
    )


def _message(event: InboxEnrichedV1, item: MessageItem) -> MessageFact:
    return MessageFact(
        key=NaturalKey(event.user_id, event.platform, event.page_id, item.message_kind, item.message_id),
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


def _about_messages(event: InboxEnrichedV1, item: _Said) -> Arrival:
    message_ids: tuple[str, ...] = ()
    watermark = None
    if isinstance(item, EditItem):
        kind, said = "edit", _edit(item)
    elif isinstance(item, UnsendItem):
        kind, said = "unsend", Annotations(deleted_at=_utc(item.unsent_at))
    elif isinstance(item, ReactionItem):
        kind = "reaction"
        said = Annotations(reactions={item.actor_id: Reacted(at=_utc(item.reacted_at), emoji=item.emoji or None)})
    else:
        kind, said, message_ids = f"receipt.{item.status}", _receipt(item), item.message_ids
        watermark = _watermark(item) if event.participant_id is not None else None
    if not isinstance(item, ReceiptItem):
        message_ids = (item.message_id,)
    about = tuple(
        Said(NaturalKey(event.user_id, event.platform, event.page_id, "message", message_id), said)
        for message_id in dict.fromkeys(message_ids)
        if said != NOTHING
    )
    return _arrival(event, kind, about=about, watermark=watermark, is_ignored=not about and watermark is None)


def _edit(item: EditItem) -> Annotations:
    """Return what an edit says; without a text and a number it is Instagram's way of saying that nothing was edited."""
    at = _utc(item.edited_at)
    if item.content is None:
        return Annotations(edited_at=at) if item.revision > 0 else NOTHING
    return Annotations(edit=edit_of(item.content, revision=item.revision, at=at), edited_at=at)


def _receipt(item: ReceiptItem) -> Annotations:
    """Return what a receipt says about the messages that it names: that one was sent is known with the message."""
    at = _utc(item.at)
    if item.status == "delivered":
        return Annotations(delivered_at=at)
    if item.status == "read":
        return Annotations(read_at=at, read_covering_at=at if item.covers_earlier else None)
    if item.status == "played":
        return Annotations(played_at=at)
    return Annotations(failed_at=at, error=item.error) if item.status == "failed" else NOTHING


def _watermark(item: ReceiptItem) -> Watermark | None:
    if item.watermark is None or item.status not in ("delivered", "read", "played"):
        return None
    return Watermark("delivered" if item.status == "delivered" else "read", _utc(item.watermark), _utc(item.at))


def _telling(profile: Profile | None) -> Profile | None:
    return None if profile is None or profile.is_empty else profile


def _text(raw: object) -> str:
    return bytes(raw).decode(errors="replace")  # type: ignore[call-overload, no-any-return]  # msgspec.Raw is a buffer


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _check_times(event: InboxEnrichedV1 | ProfileResolvedV1) -> None:
    moments = [event.occurred_at, event.received_at]
    profile = event.profile if isinstance(event, ProfileResolvedV1) else event.participant
    if profile is not None:
        moments.append(profile.fetched_at)
    if isinstance(event, ProfileResolvedV1):
        moments += [] if event.retry_at is None else [event.retry_at]
    elif isinstance(event.item, MessageItem):
        moments.append(event.item.created_at)
    else:
        moments += _moments_of(event.item)
    for moment in moments:
        if moment.tzinfo is None:
            raise TimeWithoutZone(f"event {event.id} holds a time without a zone")
        if not _EARLIEST <= moment <= _LATEST:
            raise TimeOutOfRange(f"event {event.id} holds the time {moment}, beyond what can be compared")


def _moments_of(item: Item) -> Iterator[datetime]:
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
