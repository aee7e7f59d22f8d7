"""Merging messages: their descriptions, and what other items say about them."""

from msgspec.structs import replace

from store.core.annotations import NO_ANNOTATIONS, join
from store.core.facts import Annotation, MessageFact, Update, without_content
from store.core.merge.participants import later_profile, link_other_conversations, merge_aliases
from store.core.merge.receipts import apply_receipt
from store.core.merge.state import Effect, MergeState
from store.core.rows import (
    UNCOVERED,
    ConversationKey,
    ConversationRow,
    MessageRow,
    ParticipantKey,
    PendingAnnotations,
    Receipt,
    Thread,
)
from store.core.visible import visible


def apply_message(state: MergeState, update: Update, fact: MessageFact) -> Effect:
    """Apply a description of a message; of several descriptions, the later one wins."""
    row = state.messages.get(fact.key)
    if row is None:
        _insert(state, update, fact)
        return Effect.STORED
    if not fact.is_timed:
        fact = replace(fact, created_at=row.created_at)
    return _describe_again(state, update, fact, row)


def apply_annotation(state: MergeState, update: Update, annotation: Annotation) -> Effect:
    """Apply what an item says about a message; if the message has not arrived, it is kept pending."""
    was = state.messages.get(annotation.key)
    if was is None:
        return _keep_pending(state, update, annotation)
    annotations = join(was.annotations, annotation.annotations)
    if annotations == was.annotations:
        return Effect.NONE
    state.change_message(update, was, replace(was, annotations=annotations))
    if annotations.read_covering_at != was.annotations.read_covering_at:
        _cover_earlier(state, update, state.messages[annotation.key])
    return Effect.STORED


def _keep_pending(state: MergeState, update: Update, annotation: Annotation) -> Effect:
    pending = state.pending_annotations.get(annotation.key, PendingAnnotations(NO_ANNOTATIONS, ()))
    annotations = join(pending.annotations, annotation.annotations)
    if annotations == pending.annotations:
        return Effect.NONE
    items = pending.items
    if update.item is not None and update.item not in items:
        items = (*items, update.item)
    participant_id = max(pending.participant_id or "", update.participant_id or "") or None
    state.put_pending(annotation.key, PendingAnnotations(annotations, items, participant_id))
    return Effect.PENDING


def _insert(state: MergeState, update: Update, fact: MessageFact) -> None:
    assert update.conversation_id is not None
    assert update.participant_id is not None
    thread = Thread(update.user_id, update.platform, update.page_id, update.participant_id)
    is_outgoing = fact.direction == "outgoing"
    pending = state.take_pending(fact.key)
    seq = state.next_seq(update.user_id)
    coverage = state.coverage(thread, fact.created_at) if is_outgoing else UNCOVERED
    row = MessageRow(
        key=fact.key,
        id=seq,
        seq=seq,
        conversation_id=update.conversation_id,
        direction=fact.direction,
        sender_id=fact.sender_id,
        content=fact.content,
        created_at=fact.created_at,
        digest=fact.digest,
        status="sent" if is_outgoing else None,
        attachments=fact.attachments,
        reply_to=fact.reply_to,
        payload=fact.payload,
        referral=fact.referral,
        sent_via=fact.sent_via,
        error=fact.error,
        annotations=NO_ANNOTATIONS if pending is None else pending.annotations,
        coverage=coverage,
    )
    if pending is not None or coverage is not UNCOVERED:
        row = visible(row)
    aliases = _put_in_conversation(state, update, row)
    state.put_new_message(row, thread)
    state.log(update, seq, "new_message", row.conversation_id, row.id)
    if aliases:
        link_other_conversations(state, update, aliases)
    _cover_earlier(state, update, row)


def _put_in_conversation(state: MergeState, update: Update, row: MessageRow) -> list[str]:
    """Put a new message into its conversation, creating it if necessary; return aliases that are new."""
    conversation = state.conversations.get(ConversationKey(update.user_id, row.conversation_id))
    if conversation is None:
        conversation = _new_conversation(state, update, row)
    aliases = [alias for alias in update.aliases if alias not in conversation.aliases] if update.aliases else []
    order = row.order
    is_last = order > conversation.last_message
    state.put_conversation(
        replace(
            conversation,
            profile=later_profile(conversation.profile, update.profile),
            aliases=merge_aliases(conversation.aliases, aliases) if aliases else conversation.aliases,
            last_message_id=row.id if is_last else conversation.last_message_id,
            last_message=order if is_last else conversation.last_message,
            unread_count=conversation.unread_count + (row.direction == "incoming" and row.deleted_at is None),
            last_seq=row.seq,
            created_at=min(conversation.created_at, row.created_at),
        )
    )
    return aliases


def _new_conversation(state: MergeState, update: Update, row: MessageRow) -> ConversationRow:
    assert update.participant_id is not None
    participant = ParticipantKey(update.user_id, update.platform, update.participant_id)
    return ConversationRow(
        key=ConversationKey(update.user_id, row.conversation_id),
        platform=update.platform,
        participant_id=update.participant_id,
        profile=state.take_pending_profile(participant),
        last_message_id=row.id,
        last_message=row.order,
        unread_count=0,
        read_seq=0,
        last_seq=row.seq,
        created_at=row.created_at,
        aliases=tuple(sorted(state.aliases_of(participant))),
    )


def _describe_again(state: MergeState, update: Update, fact: MessageFact, was: MessageRow) -> Effect:
    """Apply another description of a known message: the one with the greater time, then digest, wins."""
    conversation = state.conversations[ConversationKey(update.user_id, was.conversation_id)]
    if fact.created_at < conversation.created_at:
        state.put_conversation(replace(conversation, created_at=fact.created_at))
    digest = fact.digest if was.deleted_at is None else without_content(fact.digest)
    if (fact.created_at, digest) <= (was.created_at, was.digest):
        return Effect.NONE
    is_later = fact.created_at != was.created_at
    row = replace(
        was,
        sender_id=fact.sender_id,
        content=fact.content,
        created_at=fact.created_at,
        digest=digest,
        attachments=fact.attachments,
        reply_to=fact.reply_to,
        payload=fact.payload,
        referral=fact.referral,
        sent_via=fact.sent_via,
        error=fact.error,
        coverage=state.coverage(state.thread_of(was), fact.created_at) if is_later else was.coverage,
    )
    state.change_message(update, was, row)
    if is_later:
        _cover_earlier(state, update, state.messages[row.key])
    return Effect.STORED


def _cover_earlier(state: MergeState, update: Update, row: MessageRow) -> None:
    """If reading this message means that everything before it was read too, apply that as a receipt."""
    at = row.annotations.read_covering_at
    if at is not None and row.direction == "outgoing":
        apply_receipt(state, update, Receipt(state.thread_of(row), "read", row.created_at, at))
