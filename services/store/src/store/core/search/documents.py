"""What is indexed of messages and participants, and under which keys."""

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from hashlib import blake2b

from shared.contracts.inbox import Conversation, Message
from store.core.search.tokenizer import tokenize

BUCKET_NUMBERS = 1 << 14
"""How many message IDs share a key. A search walks the keys from the newest on, until it has found enough."""
_BUCKET_DIGITS = 6
_USER_BYTES = 6


def user_key(user_id: str) -> str:
    """Return the prefix of all terms of a user: 8 characters. Users who share it by chance are told apart later."""
    return urlsafe_b64encode(blake2b(user_id.encode(), digest_size=_USER_BYTES).digest()).decode()


def message_key(user_id: str, message_id: int) -> str:
    """Return the prefix of all terms of the user's message with this `messages.id`."""
    return f"{user_key(user_id)}{bucket_of(message_id):0{_BUCKET_DIGITS}x}"


def bucket_of(message_id: int) -> int:
    """Return the message's bucket; newer messages have higher ones."""
    return message_id // BUCKET_NUMBERS


def platform_term(platform: str) -> str:
    """Return the term that all texts of a platform have; no text that people write becomes this term."""
    return f"@{platform}"


def search_document(platform: str, text: str) -> str:
    """Return `text` as it is stored: its terms, separated by spaces."""
    return " ".join([platform_term(platform), *(token.term for token in tokenize(text))])


def message_text(content: str | None, titles: Iterable[str | None]) -> str:
    """Return the searchable text of a message: its content and the titles of its attachments."""
    return "\n".join(part for part in (content, *titles) if part)


def person_text(name: str | None, username: str | None, participant_id: str, aliases: Iterable[str]) -> str:
    """Return the searchable text of a participant: names, IDs and aliases."""
    return "\n".join(part for part in (name, username, participant_id, *aliases) if part)


def message_search_text(message: Message) -> str:
    """Return the searchable text of `message`."""
    return message_text(message.content, (attachment.title for attachment in message.attachments))


def person_search_text(conversation: Conversation) -> str:
    """Return the searchable text of the participant of `conversation`."""
    return person_text(
        conversation.participant_name,
        conversation.participant_username,
        conversation.participant_id,
        (linked.participant_id for linked in conversation.linked),
    )
