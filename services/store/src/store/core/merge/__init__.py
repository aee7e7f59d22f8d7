"""How facts become rows: commutative and idempotent, so that neither order nor repetition of events matters.

Ties are broken by total orders that do not know what came first: a message described twice is what the later
description says (created_at, then its digest), a conversation's last message is the greatest by (created_at,
message_id), a profile is the one fetched last. What is said about messages joins in `store.core.annotations`.
"""

from collections.abc import Iterable

from store.core.facts import Arrival
from store.core.ledger import ItemEntry, ItemOutcome
from store.core.merge.messages import annotate, take_message
from store.core.merge.participants import later_profile, learn_profile, link
from store.core.merge.receipts import receive
from store.core.merge.state import News, Overlay
from store.core.rows import Changes, ConversationKey, Loaded, Receipt, Thread

__all__ = ["later_profile", "merge"]


def merge(loaded: Loaded, arrivals: Iterable[Arrival]) -> Changes:
    """Return what `arrivals` change about `loaded`. An arrival that contradicts it is refused, alone."""
    overlay = Overlay(loaded)
    for arrival in arrivals:
        reason = _contradiction(overlay, arrival)
        if reason is not None:
            overlay.refused[arrival.cause.id] = reason
            continue
        _note(overlay, arrival, _take(overlay, arrival))
    return overlay.changes()


def _take(overlay: Overlay, arrival: Arrival) -> News:
    """Apply one arrival and return whether it told anything."""
    news = News.NONE
    if arrival.message is not None:
        if arrival.message.key not in overlay.messages:
            take_message(overlay, arrival, arrival.message)
            return News.STORED
        news = take_message(overlay, arrival, arrival.message)
    for said in arrival.about:
        news = max(news, annotate(overlay, arrival, said))
    if arrival.participant_id is None:
        return news
    if arrival.watermark is not None:
        mark = arrival.watermark
        thread = Thread(arrival.user_id, arrival.platform, arrival.page_id, arrival.participant_id)
        news = max(news, receive(overlay, arrival, Receipt(thread, mark.status, mark.upto, mark.at)))
    if arrival.profile is not None:
        news = max(news, learn_profile(overlay, arrival, arrival.profile))
    if arrival.aliases:
        news = max(news, link(overlay, arrival))
    return news


def _note(overlay: Overlay, arrival: Arrival, news: News) -> None:
    """Write down what has become of the item; of the same item twice in a batch the first time counts."""
    position = arrival.position
    if position is None or arrival.record is not None or arrival.raw is not None:
        return
    outcome: ItemOutcome = "stored"
    if arrival.is_ignored:
        outcome = "ignored"
    elif news is not News.STORED:
        outcome = "waiting" if news is News.WAITING else "duplicate"
    entry = ItemEntry(*position, arrival.platform, arrival.page_id, outcome, arrival.kind)
    overlay.outcomes.setdefault(position, entry)


def _contradiction(overlay: Overlay, arrival: Arrival) -> str | None:
    """Return why the arrival cannot be true beside what is stored; None when it can."""
    message = arrival.message
    if arrival.participant_id is None or arrival.conversation_id is None:
        return None if message is None else "a message that names no participant belongs to no conversation"
    conversation = overlay.conversations.get(ConversationKey(arrival.user_id, arrival.conversation_id))
    if conversation is not None and (conversation.platform, conversation.participant_id) != (
        arrival.platform,
        arrival.participant_id,
    ):
        return (
            f"conversation {arrival.conversation_id} is that of {conversation.platform} participant "
            f"{conversation.participant_id}: two participants of one user share an id"
        )
    known = overlay.messages.get(message.key) if message is not None else None
    if message is not None and known is not None:
        if known.conversation_id != arrival.conversation_id:
            return f"message {message.key.message_id} is in conversation {known.conversation_id} already"
        if known.direction != message.direction:
            return f"message {message.key.message_id} is stored as {known.direction}"
    return None
