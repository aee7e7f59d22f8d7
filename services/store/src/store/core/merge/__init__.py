"""How updates become rows. The merge is commutative and idempotent: order and repetition of events do not matter.

Ties are broken by total orders that are independent of arrival. Of two descriptions of a message, the later wins
(`created_at`, then digest). The last message of a conversation is the greatest by (`created_at`, `message_id`). Of two
profiles, the one fetched later wins. What items say about messages is joined in `store.core.annotations`.
"""

from collections.abc import Iterable

from store.core.facts import Update
from store.core.ledger import ItemEntry, ItemOutcome
from store.core.merge.messages import apply_annotation, apply_message
from store.core.merge.participants import apply_aliases, apply_profile, later_profile
from store.core.merge.receipts import apply_receipt
from store.core.merge.state import Effect, MergeState
from store.core.rows import Changes, ConversationKey, LoadedState, Receipt, Thread

__all__ = ["later_profile", "merge"]


def merge(loaded: LoadedState, updates: Iterable[Update]) -> Changes:
    """Return what `updates` change about `loaded`. An update that contradicts it is refused; the others are applied."""
    state = MergeState(loaded)
    for update in updates:
        reason = _contradiction(state, update)
        if reason is not None:
            state.refused[update.cause.id] = reason
            continue
        _record_outcome(state, update, _apply(state, update))
    return state.changes()


def _apply(state: MergeState, update: Update) -> Effect:
    """Apply one update and return the greatest of its effects."""
    effect = Effect.NONE
    if update.message is not None:
        if update.message.key not in state.messages:
            apply_message(state, update, update.message)
            return Effect.STORED
        effect = apply_message(state, update, update.message)
    for annotation in update.annotations:
        effect = max(effect, apply_annotation(state, update, annotation))
    if update.participant_id is None:
        return effect
    if update.watermark is not None:
        mark = update.watermark
        thread = Thread(update.user_id, update.platform, update.page_id, update.participant_id)
        effect = max(effect, apply_receipt(state, update, Receipt(thread, mark.status, mark.upto, mark.at)))
    if update.profile is not None:
        effect = max(effect, apply_profile(state, update, update.profile))
    if update.aliases:
        effect = max(effect, apply_aliases(state, update))
    return effect


def _record_outcome(state: MergeState, update: Update, effect: Effect) -> None:
    """Record what became of the item; if a batch holds the same item twice, the first outcome stays."""
    item = update.item
    if item is None or update.record is not None or update.raw is not None:
        return
    outcome: ItemOutcome = "stored"
    if update.is_ignored:
        outcome = "ignored"
    elif effect is not Effect.STORED:
        outcome = "waiting" if effect is Effect.PENDING else "duplicate"
    state.outcomes.setdefault(item, ItemEntry(*item, update.platform, update.page_id, outcome, update.kind))


def _contradiction(state: MergeState, update: Update) -> str | None:
    """Return why the update contradicts what is stored; None if it does not."""
    message = update.message
    if update.participant_id is None or update.conversation_id is None:
        return None if message is None else "a message that names no participant belongs to no conversation"
    conversation = state.conversations.get(ConversationKey(update.user_id, update.conversation_id))
    if conversation is not None and (conversation.platform, conversation.participant_id) != (
        update.platform,
        update.participant_id,
    ):
        return (
            f"conversation {update.conversation_id} is that of another {conversation.platform} participant: "
            "two participants of one user share an ID"
        )
    known = state.messages.get(message.key) if message is not None else None
    if message is not None and known is not None:
        if known.conversation_id != update.conversation_id:
            return f"message {message.key.message_id} is in conversation {known.conversation_id} already"
        if known.direction != message.direction:
            return f"message {message.key.message_id} is stored as {known.direction}"
    return None
