"""What an event says about an inbox, apart from how it came."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from shared.contracts import (
    InboxEnrichedV1,
    MessageItem,
    Platform,
    Profile,
    ProfileResolvedV1,
    RawItem,
    conversation_id,
)
from shared.contracts.inbox import Attachment, Direction, ReplyTo
from shared.errors import PermanentError


class TimeWithoutZone(PermanentError):
    """A time that names no moment: Postgres would take it for one of its own zone."""


class Cause(msgspec.Struct, frozen=True):
    """The event behind a change."""

    id: str
    occurred_at: datetime
    received_at: datetime


class NaturalKey(NamedTuple):
    """What makes two sightings of a message one message: a platform's id alone may be that of an edit or a postback."""

    user_id: str
    platform: str
    page_id: str
    kind: str
    message_id: str


class MessageFact(msgspec.Struct, frozen=True):
    """A message as the platform described it."""

    key: NaturalKey
    direction: Direction
    sender_id: str
    content: str | None
    created_at: datetime
    attachments: tuple[Attachment, ...]
    reply_to: ReplyTo | None


class RawFact(msgspec.Struct, frozen=True):
    """An item of no known type, as it came."""

    label: str
    body: str


class LookupEnd(msgspec.Struct, frozen=True):
    """A profile look-up has ended."""

    retry_at: datetime | None
    """When to look again; None: never."""


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one event says about one inbox."""

    cause: Cause
    user_id: str
    platform: Platform
    page_id: str
    participant_id: str | None
    conversation_id: str | None
    profile: Profile | None = None
    message: MessageFact | None = None
    raw: RawFact | None = None
    lookup_end: LookupEnd | None = None

    @property
    def changes_inbox(self) -> bool:
        """Whether it may change what a user sees, so that the user's counter row has to be locked."""
        return self.message is not None or (self.profile is not None and self.participant_id is not None)


def arrival_of(event: InboxEnrichedV1 | ProfileResolvedV1) -> Arrival:
    """Return what `event` says. An empty profile says nothing.

    Raises:
        TimeWithoutZone: one of its times is not in a time zone.
    """
    cause = Cause(event.id, event.occurred_at, event.received_at)
    _check_zones(event)
    if isinstance(event, ProfileResolvedV1):
        return Arrival(
            cause=cause,
            user_id=event.user_id,
            platform=event.platform,
            page_id=event.page_id,
            participant_id=event.participant_id,
            conversation_id=conversation_id(event.platform, event.user_id, event.participant_id),
            profile=_telling(event.profile),
            lookup_end=LookupEnd(event.retry_at),
        )
    return Arrival(
        cause=cause,
        user_id=event.user_id,
        platform=event.platform,
        page_id=event.page_id,
        participant_id=event.participant_id,
        conversation_id=event.conversation_id,
        profile=_telling(event.participant),
        message=_message(event, event.item) if isinstance(event.item, MessageItem) else None,
        raw=_raw(event.item) if isinstance(event.item, RawItem) else None,
    )


def _check_zones(event: InboxEnrichedV1 | ProfileResolvedV1) -> None:
    moments = [event.occurred_at, event.received_at]
    profile = event.profile if isinstance(event, ProfileResolvedV1) else event.participant
    if profile is not None:
        moments.append(profile.fetched_at)
    if isinstance(event, InboxEnrichedV1) and isinstance(event.item, MessageItem):
        moments.append(event.item.created_at)
    if isinstance(event, ProfileResolvedV1) and event.retry_at is not None:
        moments.append(event.retry_at)
    for moment in moments:
        if moment.tzinfo is None:
            raise TimeWithoutZone(f"event {event.id} holds a time without a zone")


def _telling(profile: Profile | None) -> Profile | None:
    return None if profile is None or profile.is_empty else profile


def _message(event: InboxEnrichedV1, item: MessageItem) -> MessageFact:
    return MessageFact(
        NaturalKey(event.user_id, event.platform, event.page_id, "message", item.message_id),
        item.direction,
        item.sender_id,
        item.content,
        item.created_at,
        item.attachments,
        item.reply_to,
    )


def _raw(item: RawItem) -> RawFact:
    return RawFact(item.label, bytes(item.body).decode(errors="replace"))
