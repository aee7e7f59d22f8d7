"""What answers look like: the examples of the OpenAPI document, made of the same structs as the answers."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from shared.contracts.inbox import Account, Attachment, Conversation, Message, Reaction

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
_EXAMPLES: dict[str, Any] = {
    "Account": _ACCOUNT,
    "Conversation": _CONVERSATION,
    "Message": _MESSAGE,
    "Frame": {"type": "conversation_updated", "seq": 1044, "data": {"conversation": _CONVERSATION}},
    "MintedToken": {"token": "eyJhbGciOiJIUzI1NiJ9.…", "expires_at": _AT},
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
    "Problem": {
        "type": "urn:switchboard:problem:not-found",
        "title": "There is no such thing.",
        "status": 404,
        "detail": "You have no such conversation.",
    },
}


def example(name: str | None, *, is_list: bool = False) -> Any:
    """Return an example of the answer `name`, as JSON would have it; None where there is none."""
    found = None if name is None else _EXAMPLES.get(name)
    if found is None:
        return None
    return msgspec.to_builtins([found] if is_list else found)
