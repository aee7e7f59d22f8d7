"""Messages: described, described again, and what other items say about them."""

from msgspec.structs import replace

from store.core.annotations import NOTHING, join
from store.core.facts import Arrival, MessageFact, Said
from store.core.merge.participants import later_profile, link_elsewhere, linked
from store.core.merge.receipts import receive
from store.core.merge.state import News, Overlay
from store.core.rows import (
    UNCOVERED,
    ConversationKey,
    ConversationRow,
    MessageRow,
    ParticipantKey,
    Receipt,
    Thread,
    Waiting,
)
from store.core.visible import shown


def take_message(overlay: Overlay, arrival: Arrival, fact: MessageFact) -> News:
    """Apply a description of a message."""
    row = overlay.messages.get(fact.key)
    if row is None:
        _add(overlay, arrival, fact)
        return News.STORED
    if not fact.is_timed:
        fact = replace(fact, created_at=row.created_at)
    return _describe_again(overlay, arrival, fact, row)


def annotate(overlay: Overlay, arrival: Arrival, said: Said) -> News:
    """Apply what an item says about a message, or keep it until the message comes."""
    was = overlay.messages.get(said.key)
    if was is None:
        return _wait(overlay, arrival, said)
    annotations = join(was.annotations, said.annotations)
    if annotations == was.annotations:
        return News.NONE
    overlay.change_message(arrival, was, replace(was, annotations=annotations))
    if annotations.read_covering_at != was.annotations.read_covering_at:
        _cover_earlier(overlay, arrival, overlay.messages[said.key])
    return News.STORED


def _wait(overlay: Overlay, arrival: Arrival, said: Said) -> News:
    waiting = overlay.waiting_annotations.get(said.key, Waiting(NOTHING, ()))
    annotations = join(waiting.annotations, said.annotations)
    if annotations == waiting.annotations:
        return News.NONE
    items = waiting.items
    if arrival.position is not None and arrival.position not in items:
        items = (*items, arrival.position)
    overlay.put_waiting(said.key, Waiting(annotations, items))
    return News.WAITING


def _add(overlay: Overlay, arrival: Arrival, fact: MessageFact) -> None:
    assert arrival.conversation_id is not None
    assert arrival.participant_id is not None
    thread = Thread(arrival.user_id, arrival.platform, arrival.page_id, arrival.participant_id)
    is_outgoing = fact.direction == "outgoing"
    waiting = overlay.claim_waiting(fact.key)
    seq = overlay.next_seq(arrival.user_id)
    coverage = overlay.coverage(thread, fact.created_at) if is_outgoing else UNCOVERED
    row = MessageRow(
        key=fact.key,
        id=seq,
        seq=seq,
        conversation_id=arrival.conversation_id,
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
        annotations=NOTHING if waiting is None else waiting.annotations,
        coverage=coverage,
    )
    if waiting is not None or coverage is not UNCOVERED:
        row = shown(row)
    aliases = _put_conversation(overlay, arrival, row)
    overlay.put_new_message(row, thread)
    overlay.log(arrival, seq, "new_message", row.conversation_id, row.id)
    if aliases:
        link_elsewhere(overlay, arrival, aliases)
    _cover_earlier(overlay, arrival, row)


def _put_conversation(overlay: Overlay, arrival: Arrival, row: MessageRow) -> list[str]:
    """Put a new message into its conversation, new where there is none; return ids that were not known."""
    conversation = overlay.conversations.get(ConversationKey(arrival.user_id, row.conversation_id))
    if conversation is None:
        conversation = _new_conversation(overlay, arrival, row)
    aliases = [alias for alias in arrival.aliases if alias not in conversation.aliases] if arrival.aliases else []
    order = row.order
    is_last = order > conversation.last_message
    overlay.put_conversation(
        replace(
            conversation,
            profile=later_profile(conversation.profile, arrival.profile),
            aliases=linked(conversation.aliases, aliases) if aliases else conversation.aliases,
            last_message_id=row.id if is_last else conversation.last_message_id,
            last_message=order if is_last else conversation.last_message,
            unread_count=conversation.unread_count + (row.direction == "incoming" and row.deleted_at is None),
            last_seq=row.seq,
            created_at=min(conversation.created_at, row.created_at),
        )
    )
    return aliases


def _new_conversation(overlay: Overlay, arrival: Arrival, row: MessageRow) -> ConversationRow:
    assert arrival.participant_id is not None
    participant = ParticipantKey(arrival.user_id, arrival.platform, arrival.participant_id)
    return ConversationRow(
        key=ConversationKey(arrival.user_id, row.conversation_id),
        platform=arrival.platform,
        participant_id=arrival.participant_id,
        profile=overlay.claim_profile(participant),
        last_message_id=row.id,
        last_message=row.order,
        unread_count=0,
        read_seq=0,
        last_seq=row.seq,
        created_at=row.created_at,
        aliases=tuple(sorted(overlay.aliases_of(participant))),
    )


def _describe_again(overlay: Overlay, arrival: Arrival, fact: MessageFact, was: MessageRow) -> News:
    """Take the description that counts: the one with the greater time, then digest."""
    conversation = overlay.conversations[ConversationKey(arrival.user_id, was.conversation_id)]
    if fact.created_at < conversation.created_at:
        overlay.put_conversation(replace(conversation, created_at=fact.created_at))
    digest = fact.digest
    if (fact.created_at, digest) <= (was.created_at, was.digest):
        return News.NONE
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
        coverage=overlay.coverage(overlay.thread_of(was), fact.created_at) if is_later else was.coverage,
    )
    overlay.change_message(arrival, was, row)
    if is_later:
        _cover_earlier(overlay, arrival, overlay.messages[row.key])
    return News.STORED


def _cover_earlier(overlay: Overlay, arrival: Arrival, row: MessageRow) -> None:
    """Let a read of this message stand for all that went out before it, where its platform means that."""
    at = row.annotations.read_covering_at
    if at is not None and row.direction == "outgoing":
        receive(overlay, arrival, Receipt(overlay.thread_of(row), "read", row.created_at, at))
