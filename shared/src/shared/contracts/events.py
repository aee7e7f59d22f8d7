"""The events between services, one class per version.

To change one, add an optional field with a default. If an old consumer would misread the result, add a `V2` class and
publish both until no queue is bound to `.v1`. Golden messages in tests/contract/golden keep every version readable.
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
    """The profile of a person, as far as the platform provides it."""

    name: str | None = None
    username: str | None = None
    profile_pic: str | None = None
    fetched_at: datetime
    """When the platform provided it (UTC); the latest one wins."""

    @property
    def is_empty(self) -> bool:
        """Whether it contains nothing. Such a profile never overwrites another."""
        return not (self.name or self.username or self.profile_pic)


class WebhookReceivedV1(Event, frozen=True, kw_only=True, tag="webhook.received.v1"):
    """Ingest received a verified webhook. Nothing has been interpreted yet."""

    wire: ClassVar[Wire] = Wire.MSGPACK

    platform: Platform
    """From the path that it was posted to; what the body says takes precedence."""
    body: bytes
    signed_by: str = ""
    """The ID of the app secret that verified it; empty if it was received before webhooks carried one."""


class WebhookReleasedV1(Event, frozen=True, kw_only=True, tag="webhook.released.v1"):
    """An item that waited for its page to be connected goes through the enricher again."""

    wire: ClassVar[Wire] = Wire.MSGPACK

    webhook_id: str
    item_index: int
    platform: Platform
    page_id: str
    channel: Channel
    entry: bytes
    """JSON of an `entry` that contains only this item."""
    account_version: int
    """The version of the page's ownership that released it; older cached owners must not be used."""


class InboxEnrichedV1(Event, frozen=True, kw_only=True, tag="inbox.enriched.v1"):
    """One item of a webhook, with the user and the conversation that it belongs to."""

    webhook_id: str
    item_index: int
    user_id: str
    platform: Platform
    page_id: str
    participant_id: str | None
    """The customer; None if the item names none."""
    conversation_id: str | None
    """None if and only if `participant_id` is None."""
    participant: Profile | None = None
    participant_aliases: tuple[str, ...] = ()
    """Other ids of the same customer, according to this item."""
    item: Item


class PageItems(msgspec.Struct, frozen=True, kw_only=True):
    """The number of items of a webhook that belong to a page."""

    platform: Platform
    page_id: str
    """Empty for items that name no page."""
    items: int


class WebhookSplitV1(Event, frozen=True, kw_only=True, tag="webhook.split.v1"):
    """The manifest of a webhook: how many items must arrive in the store, which looks for them until they do."""

    webhook_id: str
    pages: tuple[PageItems, ...]
    """One per page. Items are numbered from 0 across all pages."""


class ProfileRequestedV1(Event, frozen=True, kw_only=True, tag="profile.requested.v1"):
    """A profile was not available in time and has to be looked up later."""

    user_id: str
    platform: Platform
    page_id: str
    participant_id: str


class ProfileResolvedV1(Event, frozen=True, kw_only=True, tag="profile.resolved.v1"):
    """A later lookup has ended: with a profile, with a time for the next attempt, or for good."""

    user_id: str
    platform: Platform
    page_id: str
    participant_id: str
    profile: Profile | None
    retry_at: datetime | None = None
    """When to try again (UTC). None without a profile means that there is nothing to look for."""


class InboxPersistedV1(Event, frozen=True, kw_only=True, tag="inbox.persisted.v1"):
    """A change of a user's inbox is committed. One stream per shard of users, in `seq` order per user."""

    user_id: str
    seq: int
    kind: FrameKind
    data: msgspec.Raw
    """JSON: the `data` of the frame, rendered from the rows after the change."""

    @property
    def shard_key(self) -> str:
        """Changes of one user keep their order."""
        return self.user_id


class SignalSentV1(Event, frozen=True, kw_only=True, tag="signal.sent.v1"):
    """Typing or presence of a device, sent between gateways. It is ephemeral and never stored."""

    user_id: str
    gateway_id: str
    """The gateway process that the device is connected to."""
    kind: Literal["typing", "presence"]
    who: Who
    conversation_id: str | None = None
    """For `typing`: where."""
    online: bool = True
    """For `presence`: whether the device is online."""
    viewing: str | None = None
    """For `presence`: the conversation on its screen."""
    until: datetime
    """When it expires (UTC)."""

    @property
    def shard_key(self) -> str:
        """Only gateways that serve the user receive it."""
        return self.user_id


class AccountChangedV1(Event, frozen=True, kw_only=True, tag="account.changed.v1"):
    """The owner of a page or its access token has changed. Contains no token."""

    user_id: str
    platform: Platform
    page_id: str
    version: int
    """Grows with every change of the page's ownership, and whenever a token is set, even to the same value."""


class TokensRevokedV1(Event, frozen=True, kw_only=True, tag="tokens.revoked.v1"):
    """An administrator revoked a user's tokens; sockets that were opened with them are closed."""

    user_id: str
    token_id: str | None = None
    """The one token that has this ID (`jti`); None: all that were issued before `not_before`."""
    not_before: datetime
    """When they were revoked (UTC)."""


class TokenRefusedV1(Event, frozen=True, kw_only=True, tag="token.refused.v1"):
    """The platform no longer accepts the access token of a page: a new one is needed."""

    platform: Platform
    page_id: str
    version: int
    """The page's `version` whose token was refused; a token that was set since is not affected."""
    reason: str
    """A sentence for the user."""


class WebhookUnclaimedV1(Event, frozen=True, kw_only=True, tag="webhook.unclaimed.v1"):
    """An item of a page that no user has connected."""

    wire: ClassVar[Wire] = Wire.MSGPACK

    webhook_id: str
    item_index: int
    platform: Platform
    page_id: str
    channel: Channel
    entry: bytes
    """JSON of an `entry` that contains only this item."""


class ItemParkedV1(Event, frozen=True, kw_only=True, tag="item.parked.v1"):
    """An event was given up. Contains everything that is needed to understand and replay it."""

    wire: ClassVar[Wire] = Wire.MSGPACK

    handler: str
    """The queue whose handler gave it up."""
    reason: str
    attempts: int
    event_type: str
    """The type of the original; empty if it could not be decoded."""
    content_type: str
    original: bytes
    """The original event as it was on the wire, encoded as `content_type`."""
    webhook_id: str | None = None
    """The webhook of the item, if the original is not the event that contained it."""
    item_index: int | None = None
