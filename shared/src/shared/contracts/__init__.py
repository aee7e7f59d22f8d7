"""The only definition of what crosses a service border."""

from shared.contracts.codec import AnyEvent, decode, encode, join, split
from shared.contracts.event import Event, Hop, Wire
from shared.contracts.events import (
    AccountChangedV1,
    Channel,
    InboxEnrichedV1,
    InboxPersistedV1,
    Item,
    ItemParkedV1,
    Profile,
    ProfileRequestedV1,
    ProfileResolvedV1,
    RawItem,
    TextMessage,
    WebhookReceivedV1,
    WebhookReleasedV1,
    WebhookUnclaimedV1,
)
from shared.contracts.platform import PLATFORMS, SHARD_COUNT, Platform, conversation_id, derive_id, shard_of

__all__ = [
    "PLATFORMS",
    "SHARD_COUNT",
    "AccountChangedV1",
    "AnyEvent",
    "Channel",
    "Event",
    "Hop",
    "InboxEnrichedV1",
    "InboxPersistedV1",
    "Item",
    "ItemParkedV1",
    "Platform",
    "Profile",
    "ProfileRequestedV1",
    "ProfileResolvedV1",
    "RawItem",
    "TextMessage",
    "WebhookReceivedV1",
    "WebhookReleasedV1",
    "WebhookUnclaimedV1",
    "Wire",
    "conversation_id",
    "decode",
    "derive_id",
    "encode",
    "join",
    "shard_of",
    "split",
]
