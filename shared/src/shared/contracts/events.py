"""The events that cross a service border, one class per version.

To change one, add an optional field with a default. If an old consumer would misread the result, add a `V2` class and
publish both until no queue is bound to `.v1`. Golden messages in tests/contract/golden hold every version still.
"""

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from shared.contracts.event import Event, Wire
from shared.contracts.inbox import FrameKind, Who
from shared.contracts.items import Item
from shared.contracts.platform import Platform

Channel = Literal["messaging", "standby", "changes"]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Who somebody is, as far as the platform says."""

    name: str | None = None
    username: str | None = None
    profile_pic: str | None = None
    fetched_at: datetime
    """When the platform said so; a later one wins."""

    @property
    def is_empty(self) -> bool:
        """Whether it tells nothing: such a profile never overwrites one that does."""
        return not (self.name or self.username or self.profile_pic)


class WebhookReceivedV1(Event, frozen=True, kw_only=True, tag="webhook.received.v1"):
    """A verified webhook reached ingest; nothing has been interpreted."""

    wire: ClassVar[Wire] = Wire.MSGPACK

    platform: Platform
    """From the path it was posted to; what the body says comes first."""
    body: bytes


class WebhookReleasedV1(Event, frozen=True, kw_only=True, tag="webhook.released.v1"):
    """An item that waited for its page to be connected goes through the enricher once more."""

    wire: ClassVar[Wire] = Wire.MSGPACK

    webhook_id: str
    item_index: int
    platform: Platform
    page_id: str
    channel: Channel
    entry: bytes
    """JSON of one `entry` that holds this item alone."""
    account_version: int
    """Version of the page's ownership that released it: an older cached answer must not be used."""


class InboxEnrichedV1(Event, frozen=True, kw_only=True, tag="inbox.enriched.v1"):
    """One item of a webhook, with whose it is and which conversation it belongs to."""

    webhook_id: str
    item_index: int
    user_id: str
    platform: Platform
    page_id: str
    participant_id: str | None
    """The customer; None for an item that names none."""
    conversation_id: str | None
    """None exactly when `participant_id` is."""
    participant: Profile | None = None
    participant_aliases: tuple[str, ...] = ()
    """Other ids of the same customer, as this item tells them."""
    item: Item


class PageItems(msgspec.Struct, frozen=True, kw_only=True):
    """How many items of a webhook belong to a page."""

    platform: Platform
    page_id: str
    """Empty for items that name no page."""
    items: int


class WebhookSplitV1(Event, frozen=True, kw_only=True, tag="webhook.split.v1"):
    """The manifest of a webhook: what has to come out of it somewhere, and is looked for until it does."""

    webhook_id: str
    pages: tuple[PageItems, ...]
    """One a page; the items are numbered from 0 over all of them."""


class ProfileRequestedV1(Event, frozen=True, kw_only=True, tag="profile.requested.v1"):
    """Somebody's profile was not to be had in time; the look-up is to be made later."""

    user_id: str
    platform: Platform
    page_id: str
    participant_id: str


class ProfileResolvedV1(Event, frozen=True, kw_only=True, tag="profile.resolved.v1"):
    """A later look-up has ended: with a profile, with a reason to look again, or for good."""

    user_id: str
    platform: Platform
    page_id: str
    participant_id: str
    profile: Profile | None
    retry_at: datetime | None = None
    """When to look again; None with no profile means that there is nothing to look for."""


class InboxPersistedV1(Event, frozen=True, kw_only=True, tag="inbox.persisted.v1"):
    """A change of a user's inbox is committed. One stream of all kinds, in `seq` order, per user shard."""

    user_id: str
    seq: int
    kind: FrameKind
    data: msgspec.Raw
    """`data` of the frame, JSON, rendered from the rows as they were after the change."""

    @property
    def shard_key(self) -> str:
        """Keep a user's changes on one routing key."""
        return self.user_id


class SignalSentV1(Event, frozen=True, kw_only=True, tag="signal.sent.v1"):
    """Somebody writes, has come, has gone, or looks at something: between gateways, for the moment, never stored."""

    user_id: str
    gateway_id: str
    """Of the process that the device is connected to."""
    kind: Literal["typing", "presence"]
    who: Who
    conversation_id: str | None = None
    """`typing`: where."""
    online: bool = True
    """`presence`: whether the device is there."""
    viewing: str | None = None
    """`presence`: the conversation on its screen."""
    until: datetime
    """It means nothing after this (UTC)."""

    @property
    def shard_key(self) -> str:
        """Only gateways that serve the user hear it."""
        return self.user_id


class AccountChangedV1(Event, frozen=True, kw_only=True, tag="account.changed.v1"):
    """Who owns a page, or how it may be called, has changed. Carries no token."""

    user_id: str
    platform: Platform
    page_id: str
    version: int
    """Grows with every change of the page's ownership, and whenever a token is given, be it the same one."""


class TokenRefusedV1(Event, frozen=True, kw_only=True, tag="token.refused.v1"):
    """The platform does not take a page's access token any more: only a new one helps."""

    platform: Platform
    page_id: str
    version: int
    """The page's `version` whose token was refused: a token set since is not meant."""
    reason: str
    """As a sentence, for the user."""


class WebhookUnclaimedV1(Event, frozen=True, kw_only=True, tag="webhook.unclaimed.v1"):
    """An item of a page that nobody had connected."""

    wire: ClassVar[Wire] = Wire.MSGPACK

    webhook_id: str
    item_index: int
    platform: Platform
    page_id: str
    channel: Channel
    entry: bytes
    """JSON of one `entry` that holds this item alone."""


class ItemParkedV1(Event, frozen=True, kw_only=True, tag="item.parked.v1"):
    """An event was given up, with everything that is needed to understand and to replay it."""

    wire: ClassVar[Wire] = Wire.MSGPACK

    handler: str
    """The queue whose handler gave it up."""
    reason: str
    attempts: int
    event_type: str
    """Type of the original; empty when it could not be read."""
    content_type: str
    original: bytes
    """The original event as it was on the wire, in `content_type`."""
    webhook_id: str | None = None
    """Of the item, where the original is not the event that brought it."""
    item_index: int | None = None
