"""The state of one merge: what was loaded, overlaid with what has changed so far."""

from datetime import datetime
from enum import IntEnum

from msgspec.structs import replace

from shared.contracts import Profile
from shared.contracts.inbox import FrameKind
from store.core.facts import Arrival, ItemPosition, NaturalKey
from store.core.ledger import ItemEntry
from store.core.rows import (
    UNCOVERED,
    Changes,
    ConversationKey,
    ConversationRow,
    Coverage,
    Loaded,
    LogEntry,
    MessageRow,
    ParticipantKey,
    Receipt,
    Thread,
    Waiting,
)
from store.core.visible import looks_alike, shown


class News(IntEnum):
    """What an arrival told, in ascending order of what counts for it."""

    NONE = 0
    WAITING = 1
    """Something that has to wait for its message."""
    STORED = 2


class Overlay:
    """Everything that the arrivals touch as it is by now, and which of it is to be written."""

    def __init__(self, loaded: Loaded) -> None:
        self.messages = dict(loaded.messages)
        self.conversations = dict(loaded.conversations)
        self.waiting_profiles = dict(loaded.waiting_profiles)
        self.waiting_annotations = dict(loaded.waiting_annotations)
        self.refused: dict[str, str] = {}
        self.outcomes: dict[ItemPosition, ItemEntry] = {}
        self.kept_profiles: dict[ParticipantKey, None] = {}
        self._loaded = loaded
        self._last_seqs = dict(loaded.last_seqs)
        self._new: dict[NaturalKey, None] = {}
        self._changed: dict[NaturalKey, None] = {}
        self._dirty: dict[ConversationKey, None] = {}
        self._claimed_profiles: dict[ParticipantKey, None] = {}
        self._kept_annotations: dict[NaturalKey, None] = {}
        self._claimed_annotations: dict[NaturalKey, None] = {}
        self._settled: dict[ItemPosition, None] = {}
        self._receipts: dict[Thread, list[Receipt]] = {}
        self._links: dict[ParticipantKey, dict[str, None]] = {}
        self._log: list[LogEntry] = []
        self._sent: dict[Thread, dict[NaturalKey, None]] | None = None

    def changes(self) -> Changes:
        """Return what is to be written."""
        before = self._loaded.last_seqs
        return Changes(
            new_messages=[self.messages[key] for key in self._new],
            changed_messages=[self.messages[key] for key in self._changed if key not in self._new],
            conversations=[self.conversations[key] for key in self._dirty],
            waiting_profiles={k: self.waiting_profiles[k] for k in self.kept_profiles if k in self.waiting_profiles},
            claimed_profiles=list(self._claimed_profiles),
            waiting_annotations={
                key: self.waiting_annotations[key] for key in self._kept_annotations if key in self.waiting_annotations
            },
            claimed_annotations=list(self._claimed_annotations),
            receipts=[receipt for receipts in self._receipts.values() for receipt in receipts],
            links=[(participant, alias) for participant, aliases in self._links.items() for alias in aliases],
            log=self._log,
            last_seqs={user: seq for user, seq in self._last_seqs.items() if seq != before[user]},
            refused=self.refused,
            outcomes=self.outcomes,
            settled=list(self._settled),
        )

    def next_seq(self, user_id: str) -> int:
        """Take the user's next number."""
        seq = self._last_seqs[user_id] + 1
        self._last_seqs[user_id] = seq
        return seq

    def log(self, arrival: Arrival, seq: int, kind: FrameKind, conversation_id: str, message_id: int | None) -> None:
        """Note a change."""
        self._log.append(
            LogEntry(
                user_id=arrival.user_id,
                seq=seq,
                kind=kind,
                cause=arrival.cause,
                message_id=message_id,
                conversation_id=conversation_id,
            )
        )

    def put_conversation(self, conversation: ConversationRow) -> None:
        """Take a conversation as it is now."""
        self.conversations[conversation.key] = conversation
        self._dirty[conversation.key] = None

    def change_conversation(self, arrival: Arrival, conversation: ConversationRow) -> None:
        """Take a conversation as it is now, which somebody can see."""
        seq = self.next_seq(arrival.user_id)
        self.put_conversation(replace(conversation, last_seq=seq))
        self.log(arrival, seq, "conversation_updated", conversation.key.conversation_id, None)

    def put_new_message(self, row: MessageRow, thread: Thread) -> None:
        """Take a message that was not there."""
        self.messages[row.key] = row
        self._new[row.key] = None
        if self._sent is not None and row.direction == "outgoing":
            self._sent.setdefault(thread, {})[row.key] = None

    def change_message(self, arrival: Arrival, was: MessageRow, row: MessageRow) -> bool:
        """Take a message as it is now; only what somebody can see takes a number. Return whether anything differs."""
        row = shown(row)
        self.messages[row.key] = row
        if looks_alike(was, row):
            differs = (was.digest, was.annotations) != (row.digest, row.annotations)
            if differs:
                self._changed[row.key] = None
            return differs
        self._changed[row.key] = None
        row = replace(row, seq=self.next_seq(arrival.user_id))
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
        self.log(arrival, row.seq, "message_updated", row.conversation_id, row.id)
        return True

    def claim_profile(self, participant: ParticipantKey) -> Profile | None:
        """Return the profile that has waited for a conversation; it waits no longer."""
        profile = self.waiting_profiles.pop(participant, None)
        if profile is not None and participant in self._loaded.waiting_profiles:
            self._claimed_profiles[participant] = None
        return profile

    def put_waiting(self, key: NaturalKey, waiting: Waiting) -> None:
        """Keep what was said about a message that is not there."""
        self.waiting_annotations[key] = waiting
        self._kept_annotations[key] = None

    def claim_waiting(self, key: NaturalKey) -> Waiting | None:
        """Return what has waited for a message, whose items are stored now; it waits no longer."""
        waiting = self.waiting_annotations.pop(key, None)
        if waiting is None:
            return None
        loaded = self._loaded.waiting_annotations.get(key)
        if loaded is not None:
            self._claimed_annotations[key] = None
            self._settled.update(dict.fromkeys(loaded.items))
        for position in waiting.items:
            mine = self.outcomes.get(position)
            if mine is not None and mine.outcome == "waiting":
                self.outcomes[position] = mine._replace(outcome="stored")
        return waiting

    def aliases_of(self, participant: ParticipantKey) -> frozenset[str]:
        """Return the aliases of a participant who has no conversation."""
        return self._loaded.links.get(participant, frozenset()).union(self._links.get(participant, ()))

    def put_link(self, participant: ParticipantKey, alias: str) -> None:
        """Note that two ids are one customer's, in both directions."""
        self._links.setdefault(participant, {})[alias] = None
        self._links.setdefault(participant._replace(participant_id=alias), {})[participant.participant_id] = None

    def coverage(self, thread: Thread, at: datetime) -> Coverage:
        """Return which receipts cover what went out at that time."""
        found = self._loaded.coverage.get((thread, at), UNCOVERED)
        for receipt in self._receipts.get(thread, ()):
            if receipt.upto >= at:
                found = found.with_receipt(receipt)
        return found

    def put_receipt(self, receipt: Receipt) -> None:
        """Keep a receipt that nothing covers, in place of those that it makes superfluous."""
        kept = self._receipts.setdefault(receipt.thread, [])
        kept[:] = [
            known
            for known in kept
            if known.status != receipt.status or known.upto > receipt.upto or known.at < receipt.at
        ]
        kept.append(receipt)

    def sent_in(self, thread: Thread) -> list[MessageRow]:
        """Return what is known of what the page wrote to the participant."""
        if self._sent is None:
            self._sent = {}
            for row in self.messages.values():
                if row.direction == "outgoing":
                    self._sent.setdefault(self.thread_of(row), {})[row.key] = None
        return [self.messages[key] for key in self._sent.get(thread, ())]

    def thread_of(self, row: MessageRow) -> Thread:
        """Return the thread that a message is in."""
        conversation = self.conversations[ConversationKey(row.key.user_id, row.conversation_id)]
        return Thread(row.key.user_id, row.key.platform, row.key.page_id, conversation.participant_id)


def _with_message(conversation: ConversationRow, row: MessageRow) -> ConversationRow:
    """Return the conversation with `row`, described anew, as its last message where it is the greatest."""
    order = row.order
    is_last = order > conversation.last_message or row.id == conversation.last_message_id
    return replace(
        conversation,
        last_message_id=row.id if is_last else conversation.last_message_id,
        last_message=order if is_last else conversation.last_message,
        created_at=min(conversation.created_at, row.created_at),
    )
