"""What of a message and of a person can be found, and under which keys it is indexed."""

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from hashlib import blake2b

from shared.contracts.inbox import Conversation, Message
from store.core.search.tokenizer import tokens

BUCKET_NUMBERS = 1 << 14
"""So many numbers of messages share a key: a search goes through keys from the newest on, until it has enough."""
_BUCKET_DIGITS = 6
_USER_BYTES = 6


def user_key(user_id: str) -> str:
    """Return what stands before every term of a user: 8 characters; who shares them by chance is told apart later."""
    return urlsafe_b64encode(blake2b(user_id.encode(), digest_size=_USER_BYTES).digest()).decode()


def message_key(user_id: str, message_id: int) -> str:
    """Return what stands before the terms of the user's message `message_id` (`messages.id`)."""
    return f"{user_key(user_id)}{bucket_of(message_id):0{_BUCKET_DIGITS}x}"


def bucket_of(message_id: int) -> int:
    """Return which bucket the message is in; the newer, the higher."""
    return message_id // BUCKET_NUMBERS


def platform_term(platform: str) -> str:
    """Return the term that every text of a platform has; people cannot write it."""
    return f"@{platform}"


def document(platform: str, text: str) -> str:
    """Return `text` as it is kept: its terms, joined."""
    return " ".join([platform_term(platform), *(token.term for token in tokens(text))])


def message_text(content: str | None, titles: Iterable[str | None]) -> str:
    """Return what can be found of a message: what it says, and how its attachments are called."""
    return "\n".join(part for part in (content, *titles) if part)


def person_text(name: str | None, username: str | None, participant_id: str, aliases: Iterable[str]) -> str:
    """Return what can be found of a person: every way of calling them."""
    return "\n".join(part for part in (name, username, participant_id, *aliases) if part)


def text_of_message(message: Message) -> str:
    """Return what can be found of `message` as it is now."""
    return message_text(message.content, (attachment.title for attachment in message.attachments))


def text_of_person(conversation: Conversation) -> str:
    """Return what can be found of the customer of `conversation`."""
    return person_text(
        conversation.participant_name,
        conversation.participant_username,
        conversation.participant_id,
        (linked.participant_id for linked in conversation.linked),
    )
