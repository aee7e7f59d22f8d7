"""The state of one merge: what was loaded, with the changes so far."""

from datetime import datetime
from enum import IntEnum

from msgspec.structs import replace

from shared.contracts import Profile
from shared.contracts.inbox import FrameKind
from store.core.facts import ItemKey, MessageKey, Update
from store.core.ledger import ItemEntry
from store.core.rows import (
    UNCOVERED,
    Changes,
    ConversationKey,
    ConversationRow,
    Coverage,
    LoadedState,
    LogEntry,
    MessageRow,
    ParticipantKey,
    PendingAnnotations,
    Receipt,
    Thread,
)
from store.core.visible import looks_same, visible


class Effect(IntEnum):
    """What an update changed; the greatest of several effects decides its outcome."""

    NONE = 0
    PENDING = 1
    """It waits for its message."""
    STORED = 2


class MergeState:
    """Everything that the updates touch, as it is by now, and which of it has to be written."""

    def __init__(self, loaded: LoadedState) -> None:
        self.messages = dict(loaded.messages)
        self.conversations = dict(loaded.conversations)
        self.pending_profiles = dict(loaded.pending_profiles)
        self.pending_annotations = dict(loaded.pending_annotations)
        self.refused: dict[str, str] = {}
        self.outcomes: dict[ItemKey, ItemEntry] = {}
        self._changed_profiles: dict[ParticipantKey, None] = {}
        self._loaded = loaded
        self._last_seqs = dict(loaded.last_seqs)
        self._new_messages: dict[MessageKey, None] = {}
        self._changed_messages: dict[MessageKey, None] = {}
        self._changed_conversations: dict[ConversationKey, None] = {}
        self._claimed_profiles: dict[ParticipantKey, None] = {}
        self._changed_annotations: dict[MessageKey, None] = {}
        self._claimed_annotations: dict[MessageKey, None] = {}
        self._resolved: dict[ItemKey, None] = {}
        self._receipts: dict[Thread, list[Receipt]] = {}
        self._links: dict[ParticipantKey, dict[str, None]] = {}
        self._log: list[LogEntry] = []
        self._outgoing: dict[Thread, dict[MessageKey, None]] | None = None

    def changes(self) -> Changes:
        """Return what has to be written."""
        before = self._loaded.last_seqs
        return Changes(
            new_messages=[self.messages[key] for key in self._new_messages],
            changed_messages=[self.messages[key] for key in self._changed_messages if key not in self._new_messages],
            conversations=[self.conversations[key] for key in self._changed_conversations],
            pending_profiles={
                k: self.pending_profiles[k] for k in self._changed_profiles if k in self.pending_profiles
            },
            claimed_profiles=list(self._claimed_profiles),
            pending_annotations={
                key: self.pending_annotations[key]
                for key in self._changed_annotations
                if key in self.pending_annotations
            },
            claimed_annotations=list(self._claimed_annotations),
            receipts=[receipt for receipts in self._receipts.values() for receipt in receipts],
            links=[(participant, alias) for participant, aliases in self._links.items() for alias in aliases],
            log=self._log,
            last_seqs={user: seq for user, seq in self._last_seqs.items() if seq != before[user]},
            refused=self.refused,
            outcomes=self.outcomes,
            resolved_items=list(self._resolved),
        )

    def next_seq(self, user_id: str) -> int:
        """Allocate the user's next seq."""
        seq = self._last_seqs[user_id] + 1
        self._last_seqs[user_id] = seq
        return seq

    def log(self, update: Update, seq: int, kind: FrameKind, conversation_id: str, message_id: int | None) -> None:
        """Append a change to the user's event log."""
        self._log.append(
            LogEntry(
                user_id=update.user_id,
                seq=seq,
                kind=kind,
                cause=update.cause,
                message_id=message_id,
                conversation_id=conversation_id,
            )
        )

    def put_conversation(self, conversation: ConversationRow) -> None:
        """Store a version of a conversation that looks the same to users."""
        self.conversations[conversation.key] = conversation
        self._changed_conversations[conversation.key] = None

    def change_conversation(self, update: Update, conversation: ConversationRow) -> None:
        """Store a version of a conversation that looks different to users, with a seq of its own."""
        seq = self.next_seq(update.user_id)
        self.put_conversation(replace(conversation, last_seq=seq))
        self.log(update, seq, "conversation_updated", conversation.key.conversation_id, None)

    def put_new_message(self, row: MessageRow, thread: Thread) -> None:
        """Store a new message."""
        self.messages[row.key] = row
        self._new_messages[row.key] = None
        if self._outgoing is not None and row.direction == "outgoing":
            self._outgoing.setdefault(thread, {})[row.key] = None

    def change_message(self, update: Update, was: MessageRow, row: MessageRow) -> bool:
        """Store a version of a message; only a visible change takes a seq. Return whether anything differs."""
        row = visible(row)
        self.messages[row.key] = row
        if looks_same(was, row):
            differs = (was.digest, was.annotations) != (row.digest, row.annotations)
            if differs:
                self._changed_messages[row.key] = None
            return differs
        self._changed_messages[row.key] = None
        row = replace(row, seq=self.next_seq(update.user_id))
        self.messages[row.key] = row
        conversation = self.conversations[ConversationKey(row.key.user_id, row.conversation_id)]
        was_unread = row.direction == "incoming" and was.deleted_at is None and row.id > conversation.read_seq
        if row.created_at != was.created_at:  # an order that is as it was may have been loaded without its ids
            conversation = _with_message(conversation, row)
        self.put_conversation(
            replace(
                conversation,
                unread_count=conversation.unread_count - (was_unread and row.deleted_at is not None),
                last_seq=row.seq,
            )
        )
        self.log(update, row.seq, "message_updated", row.conversation_id, row.id)
        return True

    def put_pending_profile(self, participant: ParticipantKey, profile: Profile) -> None:
        """Keep a profile until its conversation exists."""
        self.pending_profiles[participant] = profile
        self._changed_profiles[participant] = None

    def take_pending_profile(self, participant: ParticipantKey) -> Profile | None:
        """Return the profile that was pending for a conversation; it no longer is."""
        profile = self.pending_profiles.pop(participant, None)
        if profile is not None and participant in self._loaded.pending_profiles:
            self._claimed_profiles[participant] = None
        return profile

    def put_pending(self, key: MessageKey, pending: PendingAnnotations) -> None:
        """Keep annotations of a message that has not arrived."""
        self.pending_annotations[key] = pending
        self._changed_annotations[key] = None

    def take_pending(self, key: MessageKey) -> PendingAnnotations | None:
        """Return the pending annotations of a message that has arrived; their items count as stored now."""
        pending = self.pending_annotations.pop(key, None)
        if pending is None:
            return None
        loaded = self._loaded.pending_annotations.get(key)
        if loaded is not None:
            self._claimed_annotations[key] = None
            self._resolved.update(dict.fromkeys(loaded.items))
        for item in pending.items:
            entry = self.outcomes.get(item)
            if entry is not None and entry.outcome == "waiting":
                self.outcomes[item] = entry._replace(outcome="stored")
        return pending

    def aliases_of(self, participant: ParticipantKey) -> frozenset[str]:
        """Return the aliases of a participant without a conversation."""
        return self._loaded.links.get(participant, frozenset()).union(self._links.get(participant, ()))

    def put_link(self, participant: ParticipantKey, alias: str) -> None:
        """Store that two IDs belong to one participant, in both directions."""
        self._links.setdefault(participant, {})[alias] = None
        self._links.setdefault(participant._replace(participant_id=alias), {})[participant.participant_id] = None

    def coverage(self, thread: Thread, at: datetime) -> Coverage:
        """Return the coverage of a message that was sent at that time."""
        found = self._loaded.coverage.get((thread, at), UNCOVERED)
        for receipt in self._receipts.get(thread, ()):
            if receipt.upto >= at:
                found = found.with_receipt(receipt)
        return found

    def put_receipt(self, receipt: Receipt) -> None:
        """Store a receipt in place of those that it makes redundant."""
        kept = self._receipts.setdefault(receipt.thread, [])
        kept[:] = [
            known
            for known in kept
            if known.status != receipt.status or known.upto > receipt.upto or known.at < receipt.at
        ]
        kept.append(receipt)

    def outgoing_messages(self, thread: Thread) -> list[MessageRow]:
        """Return the loaded messages that the page sent to the participant."""
        if self._outgoing is None:
            self._outgoing = {}
            for row in self.messages.values():
                if row.direction == "outgoing":
                    self._outgoing.setdefault(self.thread_of(row), {})[row.key] = None
        return [self.messages[key] for key in self._outgoing.get(thread, ())]

    def thread_of(self, row: MessageRow) -> Thread:
        """Return the thread that a message is in."""
        conversation = self.conversations[ConversationKey(row.key.user_id, row.conversation_id)]
        return Thread(row.key.user_id, row.key.platform, row.key.page_id, conversation.participant_id)


def _with_message(conversation: ConversationRow, row: MessageRow) -> ConversationRow:
    """Return the conversation with `row`, described again, as its last message if it is the greatest."""
    order = row.order
    is_last = order > conversation.last_message or row.id == conversation.last_message_id
    return replace(
        conversation,
        last_message_id=row.id if is_last else conversation.last_message_id,
        last_message=order if is_last else conversation.last_message,
        created_at=min(conversation.created_at, row.created_at),
    )
