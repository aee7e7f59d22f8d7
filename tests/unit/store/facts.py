"""Updates for tests of the merge, and an in-memory store that applies its decisions."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from shared.contracts import InboxEnrichedV1, Profile, conversation_id
from shared.contracts.inbox import ReplyTo
from shared.contracts.items import EditItem, Item, ReactionItem, ReceiptItem, UnsendItem
from store.core.facts import Cause, ItemKey, MessageFact, MessageKey, Update
from store.core.merge import merge
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
from store.core.updates import to_update
from tests.builders import NOON

USERS = ("user-1", "user-2")
PEOPLE = ("person-1", "person-2")


def at(second: int) -> Any:
    return NOON + timedelta(seconds=second)


def profile(name: str | None = "Ada", *, second: int = 0) -> Profile:
    return Profile(name=name, fetched_at=at(second))


def update(
    cause: str = "c-1",
    *,
    user: str = "user-1",
    person: str = "person-1",
    message: MessageFact | None = None,
    **more: Any,
) -> Update:
    default = {
        "page_id": "page-1",
        "platform": "facebook",
        "conversation_id": conversation_id("facebook", user, person),
        "participant_id": person,
    }
    position = ItemKey(f"webhook of {cause}", 0)
    return Update(cause=Cause(cause, NOON, NOON), item=position, user_id=user, message=message, **{**default, **more})


def message(mid: str = "m-1", *, user: str = "user-1", **changes: Any) -> MessageFact:
    default = {
        "key": MessageKey(user, "facebook", "page-1", "message", mid),
        "direction": "incoming",
        "sender_id": "person-1",
        "content": f"text of {mid}",
        "created_at": NOON,
        "attachments": (),
        "reply_to": None,
    }
    return MessageFact(**{**default, **changes})


def update_with(
    item: Item, cause: str = "c-1", *, user: str = "user-1", person: str | None = "person-1", **more: Any
) -> Update:
    """Return the update of an event with `item`."""
    return to_update(
        InboxEnrichedV1(
            **{
                "id": cause,
                "occurred_at": NOON,
                "received_at": NOON,
                "webhook_id": f"webhook of {cause}",
                "item_index": 0,
                "user_id": user,
                "platform": "facebook",
                "page_id": "page-1",
                "participant_id": person,
                "conversation_id": None if person is None else conversation_id("facebook", user, person),
                "item": item,
                **more,
            }
        )
    )


def edit(mid: str = "m-1", content: str | None = "edited", *, revision: int = 1, second: int = 10) -> EditItem:
    return EditItem(message_id=mid, revision=revision, edited_at=at(second), content=content)


def unsend(mid: str = "m-1", *, second: int = 20) -> UnsendItem:
    return UnsendItem(message_id=mid, unsent_at=at(second))


def reaction(mid: str = "m-1", emoji: str | None = "❤", *, actor: str = "person-1", second: int = 10) -> ReactionItem:
    return ReactionItem(message_id=mid, actor_id=actor, emoji=emoji, reacted_at=at(second))


def receipt(status: Any, *mids: str, second: int = 10, upto: int | None = None, **more: Any) -> ReceiptItem:
    watermark = None if upto is None else at(upto)
    return ReceiptItem(status=status, at=at(second), message_ids=mids, watermark=watermark, **more)


class _Covering(dict[tuple[Thread, Any], Coverage]):
    """Computes coverage for any time, where Postgres loads it for the times that matter."""

    def __init__(self, receipts: Iterable[Receipt]) -> None:
        super().__init__()
        self._receipts = list(receipts)

    def get(self, key: tuple[Thread, Any], default: Any = None) -> Any:
        found = UNCOVERED
        for known in self._receipts:
            if known.thread == key[0] and known.upto >= key[1]:
                found = found.with_receipt(known)
        return found if found != UNCOVERED else default


class Memory:
    """Applies the decisions of the merge as Postgres does."""

    def __init__(self) -> None:
        self.last_seqs = dict.fromkeys(USERS, 0)
        self.messages: dict[MessageKey, MessageRow] = {}
        self.conversations: dict[ConversationKey, ConversationRow] = {}
        self.waiting: dict[ParticipantKey, Profile] = {}
        self.annotations: dict[MessageKey, PendingAnnotations] = {}
        self.receipts: set[Receipt] = set()
        self.links: set[tuple[ParticipantKey, str]] = set()
        self.log: list[LogEntry] = []
        self.refused: dict[str, str] = {}
        self.outcomes: dict[ItemKey, str] = {}

    def take(self, updates: Sequence[Update]) -> Changes:
        links: dict[ParticipantKey, frozenset[str]] = {}
        for key, alias in self.links:
            links[key] = links.get(key, frozenset()) | {alias}
        loaded = LoadedState(
            last_seqs=dict(self.last_seqs),
            messages={key: _as_loaded(row) for key, row in self.messages.items()},
            conversations=dict(self.conversations),
            pending_profiles=dict(self.waiting),
            links=links,
            pending_annotations=dict(self.annotations),
            coverage=_Covering(self.receipts),
        )
        changes = merge(loaded, updates)
        self.messages |= {row.key: row for row in (*changes.new_messages, *changes.changed_messages)}
        self.conversations |= {row.key: row for row in changes.conversations}
        for participant in changes.claimed_profiles:
            del self.waiting[participant]
        self.waiting |= changes.pending_profiles
        for claimed in changes.claimed_annotations:
            del self.annotations[claimed]
        self.annotations |= changes.pending_annotations
        for told in changes.receipts:
            self.receipts -= {known for known in self.receipts if _is_redundant(known, told)}
            self.receipts.add(told)
        self.links |= set(changes.links)
        self.log += changes.log
        self.last_seqs |= changes.last_seqs
        self.refused |= changes.refused
        for position, entry in changes.outcomes.items():
            self.outcomes.setdefault(position, entry.outcome)
        for position in changes.resolved_items:
            if self.outcomes[position] == "waiting":
                self.outcomes[position] = "stored"
        return changes

    def facts(self) -> object:
        """Return everything stored, without numbers that depend on the order of arrival."""
        by_id = {(row.key.user_id, row.id): row.key for row in self.messages.values()}
        return (
            {key: msgspec.structs.replace(row, id=0, seq=0, coverage=UNCOVERED) for key, row in self.messages.items()},
            {
                key: (
                    msgspec.structs.replace(row, last_message_id=0, last_seq=0),
                    by_id[key.user_id, row.last_message_id],
                )
                for key, row in self.conversations.items()
            },
            self.waiting,
            {key: waiting.annotations for key, waiting in self.annotations.items()},
            self.receipts,
            self.links,
        )


def _as_loaded(row: MessageRow) -> MessageRow:
    return msgspec.structs.replace(row, coverage=Coverage(row.delivered_at, row.read_at))


def _is_redundant(known: Receipt, told: Receipt) -> bool:
    return (
        (known.thread, known.status) == (told.thread, told.status) and known.upto <= told.upto and known.at >= told.at
    )


def numbered(updates: Iterable[Update]) -> list[Update]:
    """Give every update its own cause."""
    return [
        msgspec.structs.replace(one, cause=Cause(f"c-{i}", NOON, NOON), item=ItemKey("webhook", i))
        for i, one in enumerate(updates)
    ]


_profiles = st.builds(profile, st.sampled_from(["Ada", "Grace", None]).filter(bool), second=st.integers(0, 2))


_seconds = st.integers(0, 3)
_NUMBERS = st.integers(0, 2)


@st.composite
def _items(draw: st.DrawFn, person: str) -> Item:
    named = st.builds(f"{person}-{{}}".format, _NUMBERS)
    mid, second = draw(named), draw(_seconds)
    kind = draw(st.sampled_from(["edit", "unsend", "reaction", "receipt", "receipt"]))
    if kind == "edit":
        text = draw(st.sampled_from(["one", "two", None]))
        return edit(mid, text, revision=draw(st.integers(0, 2)), second=second)
    if kind == "unsend":
        return unsend(mid, second=second)
    if kind == "reaction":
        emoji, actor = draw(st.sampled_from(["❤", "👍", None])), draw(st.sampled_from([person, "page-1"]))
        return reaction(mid, emoji, actor=actor, second=second)
    return receipt(
        draw(st.sampled_from(["sent", "failed", "delivered", "read", "played"])),
        *draw(st.lists(named, max_size=2)),
        second=second,
        upto=draw(st.none() | _seconds),
        covers_earlier=draw(st.booleans()),
        error=draw(st.sampled_from(["no such number", "blocked", None])),
    )


@st.composite
def _arrivals(draw: st.DrawFn) -> Update:
    user = draw(st.sampled_from((USERS[0], *USERS)))  # mostly the same user, so that facts meet
    person = draw(st.sampled_from((PEOPLE[0], *PEOPLE)))
    aliases = draw(st.sampled_from([(), (), tuple(p for p in PEOPLE if p != person), ("also",)]))
    kind = draw(st.sampled_from(["profile", "message", "message", "said", "said", "said"]))
    if kind == "profile":
        return update(user=user, person=person, profile=draw(_profiles), aliases=aliases)
    if kind == "said":
        return update_with(draw(_items(person)), user=user, person=person, participant_aliases=aliases)
    # A message ID belongs to one person and one direction; its content and times vary.
    number = draw(_NUMBERS)
    direction = "incoming" if number % 2 else "outgoing"
    told = message(
        f"{person}-{number}",
        user=user,
        direction=direction,
        content=draw(st.sampled_from(["hello", "hello!", None])),
        created_at=at(draw(_seconds)),
        payload=draw(st.sampled_from([None, "BUY"])),
        error=draw(st.sampled_from([None, None, "cannot be shown"])),
        reply_to=draw(st.sampled_from([None, ReplyTo(message_id="m", story={"id": "s"}), ReplyTo(story={"id": "s"})])),
    )
    return update(user=user, person=person, message=told, profile=draw(st.none() | _profiles), aliases=aliases)


histories = st.lists(_arrivals(), max_size=14).map(numbered)
without_deadline = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For tests of histories: each takes some hundred draws, which are slow on a busy machine."""
