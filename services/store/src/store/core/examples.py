"""Examples of responses for the OpenAPI document, made of the same structs as the responses."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from shared.contracts.inbox import Account, Attachment, Conversation, Message, Reaction
from shared.contracts.internal import RevokedTokens
from store.core.ledger import AccountLedger
from store.core.state_hashes import UserState

_AT = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
_MESSAGE = Message(
    id=1042,
    seq=1043,
    message_id="m_AbC",
    conversation_id="2f1c7d0a9b3e4f55",
    platform="facebook",
    page_id="1001",
    direction="incoming",
    sender_id="7001",
    sender_name="Ada Lovelace",
    content="Is the blue one still there?",
    created_at=_AT,
    attachments=(Attachment(type="image", url="https://cdn.example/a.jpg", mime_type="image/jpeg"),),
    reactions=(Reaction(actor_id="1001", emoji="👍", at=_AT),),
)
_CONVERSATION = Conversation(
    conversation_id="2f1c7d0a9b3e4f55",
    platform="facebook",
    participant_id="7001",
    participant_name="Ada Lovelace",
    participant_username=None,
    participant_profile_pic="https://cdn.example/ada.jpg",
    last_message=_MESSAGE,
    last_message_at=_AT,
    unread_count=3,
    last_seq=1043,
)
_ACCOUNT = Account(
    platform="facebook", page_id="1001", user_id="42", name="Blue Things", status="connected", connected_at=_AT
)
_PARKED: dict[str, Any] = {
    "id": "9f2d7c0a4b1e4c55a0d3e6f7b8c9d0e1",
    "parked_at": _AT,
    "handler": "store.inbox.v1",
    "event_type": "inbox.enriched.v1",
    "reason": "Unstorable: the text holds a NUL",
    "attempts": 1,
    "replayed_at": None,
}
EXAMPLES: dict[str, Any] = {
    "Account": _ACCOUNT,
    "AuditRecord": {
        "number": 7,
        "at": _AT,
        "actor_kind": "admin",
        "actor": "ops",
        "action": "account.connected",
        "target": "facebook/1001",
        "user_id": "42",
        "details": {"access_token_given": True, "name_given": True},
        "hash": "5d41402abc4b2a76b9719d911017c592ae2f2f5f5e1b1a2a3c0d7e9b8f6a4c21",
    },
    "Conversation": _CONVERSATION,
    "Message": _MESSAGE,
    "Frame": {"type": "conversation_updated", "seq": 1044, "data": {"conversation": _CONVERSATION}},
    "KeysRotated": {
        "key_id": "3f0c2d7e91ab03cc",
        "examined": 12,
        "rotated": 11,
        "undecryptable": ["instagram/2002"],
        "next_cursor": None,
    },
    "MintedToken": {
        "token": "eyJhbGciOiJIUzI1NiJ9.…",
        "token_id": "5f1e9f2d7c0a4b155a0d3e6f7b8c9d0e",
        "expires_at": _AT,
    },
    "RevokedTokens": RevokedTokens(user_id="42", not_before=_AT),
    "SearchHit": {
        "type": "message",
        "conversation": _CONVERSATION,
        "message": _MESSAGE,
        "snippet": [
            {"text": "Is the ", "match": False},
            {"text": "blue", "match": True},
            {"text": " one still there?", "match": False},
        ],
    },
    "Record": {
        "record_id": "1001_comment_7",
        "kind": "comment",
        "platform": "facebook",
        "page_id": "1001",
        "participant_id": None,
        "actor_id": "7001",
        "text": "So blue!",
        "occurred_at": _AT,
        "body": {"item": "comment", "verb": "add", "message": "So blue!"},
    },
    "AccountLedger": AccountLedger(
        platform="facebook",
        page_id="1001",
        received=120,
        stored=97,
        duplicate=20,
        parked=1,
        waiting=1,
        ignored={"messaging_feedback": 1},
        unaccounted=0,
    ),
    "Erasure": {
        "id": _PARKED["id"],
        "status": "done",
        "requested_at": _AT,
        "finished_at": _AT,
        "messages": 1042,
        "others": 17,
    },
    "Unaccounted": {
        "webhook_id": "4c1e9f2d7c0a4b155a0d3e6f7b8c9d0e",
        "platform": "facebook",
        "page_id": "1001",
        "received_at": _AT,
        "items": 3,
        "missing": 1,
    },
    "UserState": UserState(user_id="42", conversations=17, messages=1042, hash="5b1f0c2d7e91ab03cc4f55e6f7b8c9d0"),
    "ParkedSummary": _PARKED,
    "ParkedDetail": _PARKED
    | {
        "content_type": "application/json",
        "original": {"type": "inbox.enriched.v1"},
        "original_base64": "eyJ0eXBlIjoi…",
    },
    "Replayed": {
        "replayed": [_PARKED["id"]],
        "not_replayed": [{"id": "unknown", "reason": "No such item was parked."}],
    },
}


def example(name: str, *, is_list: bool = False) -> Any:
    """Return the example of the response `name`, as JSON types."""
    found = EXAMPLES[name]
    return msgspec.to_builtins([found] if is_list else found)
