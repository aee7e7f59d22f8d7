"""Compares what is stored with what the corpus expects. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.acceptance.corpus import Case, Event
from tests.acceptance.expectations import Fields, is_ignored, matches
from tests.acceptance.observed import Inbox, Ledger, message_seen, record_seen
from tests.acceptance.plan import Outcome


@dataclass(frozen=True)
class Difference:
    """One mismatch."""

    file: str
    field: str
    expected: Any
    got: Any

    def __str__(self) -> str:
        return f"{self.file}: {self.field}: expected {self.expected!s}, got {self.got!s}"


def inbox_differences(case: Case, outcome: Outcome, inbox: Inbox) -> Iterator[Difference]:
    """Yield the mismatches of a strict case: whatever is missing, wrong or superfluous."""
    file = case.row.file
    seen = {message["message_id"]: message_seen(message, inbox.conversations) for message in inbox.messages}
    expected = dict(outcome.messages)
    if None in expected and (unnamed := [each for each in seen if each not in expected]):
        expected[unnamed[0]] = expected.pop(None)
    if sorted(map(str, expected)) != sorted(map(str, seen)):
        yield Difference(file, "messages", sorted(map(str, expected)), sorted(seen))
    if len(seen) != len(inbox.messages):
        yield Difference(file, "messages", "each once", [message["message_id"] for message in inbox.messages])
    for message_id, fields in expected.items():
        if message_id in seen:
            yield from _field_differences(file, "", fields, seen[message_id])
    participants = sorted({str(fields["participant"]) for fields in expected.values()})
    if participants != sorted(each["participant_id"] for each in inbox.conversations):
        yield Difference(file, "conversations", participants, [each["participant_id"] for each in inbox.conversations])
    unread = sum(fields["direction"] == "incoming" and not fields["is_unsent"] for fields in expected.values())
    if unread != (got := sum(each["unread_count"] for each in inbox.conversations)):
        yield Difference(file, "unread", unread, got)
    yield from _record_differences(file, outcome, inbox)


def _record_differences(file: str, outcome: Outcome, inbox: Inbox) -> Iterator[Difference]:
    left = [record_seen(record) for record in inbox.records]
    for fields in outcome.records:
        same_kind = [record for record in left if record["kind"] == fields["kind"]]
        if not same_kind:
            yield Difference(file, "record", fields["kind"], [record["kind"] for record in left])
            continue
        left.remove(same_kind[0])
        yield from _field_differences(file, "record.", fields, same_kind[0])
    if left:
        yield Difference(file, "records", "no more", [record["kind"] for record in left])


def _field_differences(file: str, prefix: str, expected: Fields, got: Mapping[str, Any]) -> Iterator[Difference]:
    for name, value in expected.items():
        if not matches(value, got.get(name)):
            yield Difference(file, prefix + name, _formatted(value), _formatted(got.get(name)))


def ledger_differences(case: Case, added: Ledger) -> Iterator[Difference]:
    """Yield the mismatches of the ledger; `added` is what the first delivery of the case added to it."""
    file, expected = case.row.file, case.row.expected.n_events
    if (case.is_strict or "n_events" in case.row.assertable) and added.received != expected:
        yield Difference(file, "n_events", expected, added.received)
    if added.unaccounted:
        yield Difference(file, "ledger.unaccounted", 0, added.unaccounted)
    if added.accounted != added.received:
        yield Difference(file, "ledger", f"{added.received} accounted for", added)
    if case.is_strict:
        raw = sum(map(is_ignored, case.row.events))
        if raw != sum(added.ignored.values()):
            yield Difference(file, "ledger.ignored", raw, dict(added.ignored))
        if added.parked:
            yield Difference(file, "ledger.parked", 0, added.parked)


def loose_differences(case: Case, inbox: Inbox) -> Iterator[Difference]:
    """Yield the mismatches of the assertable fields of a loose case."""
    row = case.row
    claims = {name: getattr(row.expected, name) for name in row.assertable if name != "n_events"}
    if not row.events or not claims:
        return
    event = row.events[0]
    if event.effect != "new_message":
        if claims.get("direction") == "none" and inbox.messages:
            yield Difference(row.file, "messages", "none", [message["message_id"] for message in inbox.messages])
        return
    if claims.get("message_id") is None and claims.get("text") is None:
        return
    yield from _loose_message_differences(row.file, event, claims, inbox)


def _loose_message_differences(
    file: str, event: Event, claims: Mapping[str, Any], inbox: Inbox
) -> Iterator[Difference]:
    seen = {message["message_id"]: message_seen(message, inbox.conversations) for message in inbox.messages}
    message_id = claims.get("message_id") or next(iter(seen), None)
    if message_id not in seen:
        if event.participant_id and event.page_or_account_id:  # otherwise it has no conversation or no owner
            yield Difference(file, "message", message_id, sorted(seen))
        return
    names = {"direction": "direction", "page_or_account_id": "page", "participant_id": "participant", "text": "text"}
    checked = {ours: claims[theirs] for theirs, ours in names.items() if claims.get(theirs) is not None}
    yield from _field_differences(file, "", checked, seen[message_id])


def repeat_differences(case: Case, what: str, before: Inbox, after: Inbox) -> Iterator[Difference]:
    """Yield the differences between two inboxes that should be equal."""
    for name in ("conversations", "messages", "records"):
        first, second = getattr(before, name), getattr(after, name)
        if first != second:
            yield Difference(case.row.file, f"{what}: {name}", *_parts(first, second))


def _parts(first: tuple[Mapping[str, Any], ...], second: tuple[Mapping[str, Any], ...]) -> tuple[Any, Any]:
    """Return the smallest parts that differ."""
    if len(first) != len(second):
        return len(first), len(second)
    one, other = next((one, other) for one, other in zip(first, second, strict=True) if one != other)
    names = [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]
    return {name: one.get(name) for name in names}, {name: other.get(name) for name in names}


def _formatted(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)
