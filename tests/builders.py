"""A valid example of every event; a test names only the fields that it is about."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from shared.contracts import (
    AccountChangedV1,
    Event,
    Hop,
    InboxEnrichedV1,
    InboxPersistedV1,
    ItemParkedV1,
    MessageItem,
    PageItems,
    Profile,
    ProfileRequestedV1,
    ProfileResolvedV1,
    SignalSentV1,
    TokenRefusedV1,
    TokensRevokedV1,
    WebhookReceivedV1,
    WebhookReleasedV1,
    WebhookSplitV1,
    WebhookUnclaimedV1,
    Wire,
    conversation_id,
)
from shared.contracts.inbox import Who

NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
A_SECOND_LATER = NOON.replace(second=1)
ENTRY = (
    b'{"id":"page-1","time":1767355200000,"messaging":[{"sender":{"id":"person-1"},"recipient":{"id":"page-1"},'
    b'"timestamp":1767355200000,"message":{"mid":"m_1","text":"hello"}}]}'
)
BODY = b'{"object":"page","entry":[' + ENTRY + b"]}"
_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def _of(default: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    base = {"id": "0" * 32, "occurred_at": NOON, "received_at": A_SECOND_LATER, "traceparent": _TRACE}
    return {**base, **default, **changes}


def webhook_received(**changes: Any) -> WebhookReceivedV1:
    return WebhookReceivedV1(
        **_of({"platform": "facebook", "body": BODY, "hops": (Hop("ingest", A_SECOND_LATER),)}, changes)
    )


def webhook_released(**changes: Any) -> WebhookReleasedV1:
    return WebhookReleasedV1(**_of({**_item(), "entry": ENTRY, "account_version": 3}, changes))


def webhook_unclaimed(**changes: Any) -> WebhookUnclaimedV1:
    return WebhookUnclaimedV1(**_of({**_item(), "entry": ENTRY}, changes))


def inbox_enriched(**changes: Any) -> InboxEnrichedV1:
    default: dict[str, Any] = {
        "webhook_id": "1" * 32,
        "item_index": 0,
        "user_id": "user-1",
        "platform": "facebook",
        "page_id": "page-1",
        "participant_id": "person-1",
        "conversation_id": conversation_id("facebook", "user-1", "person-1"),
        "participant": Profile(name="Ada Lovelace", fetched_at=NOON),
        "item": message_item(),
        "hops": (Hop("ingest", A_SECOND_LATER), Hop("enricher", A_SECOND_LATER)),
    }
    return InboxEnrichedV1(**_of(default, changes))


def message_item(**changes: Any) -> MessageItem:
    default: dict[str, Any] = {
        "message_id": "m_1",
        "direction": "incoming",
        "sender_id": "person-1",
        "content": "hello",
        "created_at": NOON,
    }
    return MessageItem(**{**default, **changes})


def webhook_split(**changes: Any) -> WebhookSplitV1:
    pages = (PageItems(platform="facebook", page_id="page-1", items=2),)
    return WebhookSplitV1(**_of({"webhook_id": "1" * 32, "pages": pages}, changes))


def token_refused(**changes: Any) -> TokenRefusedV1:
    default = {
        "platform": "facebook",
        "page_id": "page-1",
        "version": 3,
        "reason": "The session has expired: connect the page again.",
    }
    return TokenRefusedV1(**_of(default, changes))


def inbox_persisted(**changes: Any) -> InboxPersistedV1:
    default = {"user_id": "user-1", "seq": 1, "kind": "new_message", "data": msgspec.Raw(b'{"conversation_id":"c"}')}
    return InboxPersistedV1(**_of(default, changes))


def profile_requested(**changes: Any) -> ProfileRequestedV1:
    return ProfileRequestedV1(**_of(_person(), changes))


def profile_resolved(**changes: Any) -> ProfileResolvedV1:
    profile = Profile(name="Ada Lovelace", username="ada", profile_pic="https://cdn.example/a.png", fetched_at=NOON)
    return ProfileResolvedV1(**_of({**_person(), "profile": profile}, changes))


def account_changed(**changes: Any) -> AccountChangedV1:
    default = {"user_id": "user-1", "platform": "facebook", "page_id": "page-1", "version": 3}
    return AccountChangedV1(**_of(default, changes))


def signal_sent(**changes: Any) -> SignalSentV1:
    default = {
        "user_id": "user-1",
        "gateway_id": "gateway-1",
        "kind": "presence",
        "who": Who(id="laptop", name="Grace Hopper"),
        "viewing": "4b99494293814ed3",
        "until": A_SECOND_LATER,
    }
    return SignalSentV1(**_of(default, changes))


def tokens_revoked(**changes: Any) -> TokensRevokedV1:
    default = {"user_id": "user-1", "token_id": "5f1e9f2d7c0a4b155a0d3e6f7b8c9d0e", "not_before": NOON}
    return TokensRevokedV1(**_of(default, changes))


def item_parked(**changes: Any) -> ItemParkedV1:
    default = {
        "handler": "enricher.webhooks.v1",
        "reason": "MalformedBody: not JSON",
        "attempts": 1,
        "event_type": "webhook.received.v1",
        "content_type": Wire.MSGPACK.value,
        "original": b"\x80",
    }
    return ItemParkedV1(**_of(default, changes))


def _item() -> dict[str, Any]:
    return {
        "webhook_id": "1" * 32,
        "item_index": 0,
        "platform": "facebook",
        "page_id": "page-1",
        "channel": "messaging",
    }


def _person() -> dict[str, Any]:
    return {"user_id": "user-1", "platform": "facebook", "page_id": "page-1", "participant_id": "person-1"}


EXAMPLES: dict[str, Event] = {
    event.type_name(): event
    for event in (
        webhook_received(),
        webhook_released(),
        webhook_unclaimed(),
        inbox_enriched(),
        inbox_persisted(),
        profile_requested(),
        profile_resolved(),
        account_changed(),
        item_parked(),
        webhook_split(),
        token_refused(),
        signal_sent(),
        tokens_revoked(),
    )
}
