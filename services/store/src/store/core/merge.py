"""How facts become rows: commutative and idempotent, so that neither order nor repetition of events matters.

Ties are broken by total orders that do not know what came first: a message described twice is what the later
description says (created_at, then its canonical text), a conversation's last message is the greatest by (created_at,
message_id), a profile is the one fetched last.
"""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from shared.contracts import Profile
from shared.contracts.inbox import FrameKind
from store.core.facts import Arrival, MessageFact, NaturalKey
from store.core.rows import (
    Changes,
    ConversationKey,
    ConversationRow,
    Loaded,
    LogEntry,
    MessageRow,
    ParticipantKey,
)

_canonical = msgspec.json.Encoder(order="sorted")


def merge(loaded: Loaded, arrivals: Iterable[Arrival]) -> Changes:
    """Return what `arrivals` change about `loaded`. An arrival that contradicts it is refused, alone."""
    merging = _Merging(loaded)
    for arrival in arrivals:
        merging.take(arrival)
    return merging.changes()


def later_profile(one: Profile | None, other: Profile | None) -> Profile | None:
    """Return the one fetched later; of equally late ones the greater by name, username, picture."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=_profile_order)


def _profile_order(profile: Profile) -> tuple[object, ...]:
    return (profile.fetched_at, profile.name or "", profile.username or "", profile.profile_pic or "")


def _looks_alike(one: Profile | None, other: Profile | None) -> bool:
    """Whether a person sees no difference between the two."""
    if one is None or other is None:
        return one is other
    return (one.name, one.username, one.profile_pic) == (other.name, other.username, other.profile_pic)


def _supersedes(fact: MessageFact, row: MessageRow) -> bool:
    """Whether `fact` says something else about the message of `row`, and later."""
    said = (fact.sender_id, fact.content, fact.attachments, fact.reply_to)
    stored = (row.sender_id, row.content, row.attachments, row.reply_to)
    if fact.created_at == row.created_at and said == stored:
        return False
    return (fact.created_at, _canonical.encode(said)) > (row.created_at, _canonical.encode(stored))


class _Merging:
    """The state of one merge: what was loaded, overlaid with what has changed so far."""

    def __init__(self, loaded: Loaded) -> None:
        self._last_seqs = dict(loaded.last_seqs)
        self._messages = dict(loaded.messages)
        self._conversations = dict(loaded.conversations)
        self._waiting = dict(loaded.waiting_profiles)
        self._loaded = loaded
        self._new: dict[NaturalKey, None] = {}
        self._changed: dict[NaturalKey, None] = {}
        self._dirty: dict[ConversationKey, None] = {}
        self._kept: dict[ParticipantKey, None] = {}
        self._claimed: dict[ParticipantKey, None] = {}
        self._log: list[LogEntry] = []
        self._refused: dict[str, str] = {}

    def take(self, arrival: Arrival) -> None:
        """Apply one arrival."""
        reason = self._contradiction(arrival)
        if reason is not None:
            self._refused[arrival.cause.id] = reason
            return
        if arrival.message is not None and arrival.message.key not in self._messages:
            self._add_message(arrival, arrival.message)
            return
        if arrival.message is not None:
            self._describe_again(arrival, arrival.message)
        if arrival.profile is not None and arrival.participant_id is not None:
            self._learn_profile(arrival, arrival.profile)

    def changes(self) -> Changes:
        """Return what is to be written."""
        last_seqs = {user: seq for user, seq in self._last_seqs.items() if seq != self._loaded.last_seqs[user]}
        return Changes(
            new_messages=[self._messages[key] for key in self._new],
            changed_messages=[self._messages[key] for key in self._changed if key not in self._new],
            conversations=[self._conversations[key] for key in self._dirty],
            waiting_profiles={key: self._waiting[key] for key in self._kept if key in self._waiting},
            claimed_profiles=list(self._claimed),
            log=self._log,
            last_seqs=last_seqs,
            refused=self._refused,
        )

    def _contradiction(self, arrival: Arrival) -> str | None:
        """Return why the arrival cannot be true beside what is stored; None when it can."""
        message = arrival.message
        if arrival.participant_id is None or arrival.conversation_id is None:
            return None if message is None else "a message that names no participant belongs to no conversation"
        conversation = self._conversations.get(ConversationKey(arrival.user_id, arrival.conversation_id))
        if conversation is not None and (conversation.platform, conversation.participant_id) != (
            arrival.platform,
            arrival.participant_id,
        ):
            return (
                f"conversation {arrival.conversation_id} is that of {conversation.platform} participant "
                f"{conversation.participant_id}: two participants of one user share an id"
            )
        known = self._messages.get(message.key) if message is not None else None
        if message is not None and known is not None:
            if known.conversation_id != arrival.conversation_id:
                return f"message {message.key.message_id} is in conversation {known.conversation_id} already"
            if known.direction != message.direction:
                return f"message {message.key.message_id} is stored as {known.direction}"
        return None

    def _next_seq(self, user_id: str) -> int:
        seq = self._last_seqs[user_id] + 1
        self._last_seqs[user_id] = seq
        return seq

    def _add_message(self, arrival: Arrival, fact: MessageFact) -> None:
        assert arrival.conversation_id is not None
        seq = self._next_seq(arrival.user_id)
        row = MessageRow(
            key=fact.key,
            id=seq,
            seq=seq,
            conversation_id=arrival.conversation_id,
            direction=fact.direction,
            sender_id=fact.sender_id,
            content=fact.content,
            created_at=fact.created_at,
            status="sent" if fact.direction == "outgoing" else None,
            attachments=fact.attachments,
            reply_to=fact.reply_to,
        )
        self._messages[row.key] = row
        self._new[row.key] = None
        conversation = self._conversation_with(arrival, row)
        self._put(
            replace(
                conversation,
                profile=later_profile(conversation.profile, arrival.profile),
                unread_count=conversation.unread_count + (row.direction == "incoming"),
                last_seq=seq,
            )
        )
        self._log_message(arrival, row, "new_message")

    def _conversation_with(self, arrival: Arrival, row: MessageRow) -> ConversationRow:
        """Return the conversation, new where there is none, with `row` as a candidate for its last message."""
        key = ConversationKey(arrival.user_id, row.conversation_id)
        known = self._conversations.get(key)
        if known is not None:
            return _with_message(known, row)
        assert arrival.participant_id is not None
        participant = ParticipantKey(arrival.user_id, arrival.platform, arrival.participant_id)
        waiting = self._waiting.pop(participant, None)
        if waiting is not None and participant in self._loaded.waiting_profiles:
            self._claimed[participant] = None
        return ConversationRow(
            key=key,
            platform=arrival.platform,
            participant_id=arrival.participant_id,
            profile=waiting,
            last_message_id=row.id,
            last_message=row.order,
            unread_count=0,
            read_seq=0,
            last_seq=row.seq,
            created_at=row.created_at,
        )

    def _describe_again(self, arrival: Arrival, fact: MessageFact) -> None:
        row = self._messages[fact.key]
        conversation = self._conversations[ConversationKey(arrival.user_id, row.conversation_id)]
        if fact.created_at < conversation.created_at:
            conversation = self._put(replace(conversation, created_at=fact.created_at))
        if not _supersedes(fact, row):
            return
        seq = self._next_seq(arrival.user_id)
        row = replace(
            row,
            seq=seq,
            sender_id=fact.sender_id,
            content=fact.content,
            created_at=fact.created_at,
            attachments=fact.attachments,
            reply_to=fact.reply_to,
        )
        self._messages[row.key] = row
        self._changed[row.key] = None
        self._put(replace(_with_message(conversation, row), last_seq=seq))
        self._log_message(arrival, row, "message_updated")

    def _learn_profile(self, arrival: Arrival, profile: Profile) -> None:
        assert arrival.participant_id is not None
        assert arrival.conversation_id is not None
        conversation = self._conversations.get(ConversationKey(arrival.user_id, arrival.conversation_id))
        if conversation is None:
            participant = ParticipantKey(arrival.user_id, arrival.platform, arrival.participant_id)
            kept = later_profile(self._waiting.get(participant), profile)
            assert kept is not None
            self._waiting[participant] = kept
            self._kept[participant] = None
            return
        learnt = later_profile(conversation.profile, profile)
        if learnt == conversation.profile:
            return
        if not _looks_alike(learnt, conversation.profile):
            seq = self._next_seq(arrival.user_id)
            conversation = replace(conversation, last_seq=seq)
            self._log.append(
                LogEntry(
                    user_id=arrival.user_id,
                    seq=seq,
                    kind="conversation_updated",
                    cause=arrival.cause,
                    conversation_id=arrival.conversation_id,
                )
            )
        self._put(replace(conversation, profile=learnt))

    def _put(self, conversation: ConversationRow) -> ConversationRow:
        self._conversations[conversation.key] = conversation
        self._dirty[conversation.key] = None
        return conversation

    def _log_message(self, arrival: Arrival, row: MessageRow, kind: FrameKind) -> None:
        self._log.append(
            LogEntry(
                user_id=arrival.user_id,
                seq=row.seq,
                kind=kind,
                cause=arrival.cause,
                message_id=row.id,
                conversation_id=row.conversation_id,
            )
        )


def _with_message(conversation: ConversationRow, row: MessageRow) -> ConversationRow:
    """Return the conversation with `row`, new or described anew, as its last message where it is the greatest."""
    order = row.order
    is_last = order > conversation.last_message or row.id == conversation.last_message_id
    return replace(
        conversation,
        last_message_id=row.id if is_last else conversation.last_message_id,
        last_message=order if is_last else conversation.last_message,
        created_at=min(conversation.created_at, row.created_at),
    )
