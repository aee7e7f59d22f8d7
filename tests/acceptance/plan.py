"""How to play a case: the pages and messages that it needs, and the expected outcome. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts import Platform
from simulator import bodies
from simulator.bodies import Webhook
from simulator.pages import Page
from tests.acceptance.corpus import Case, Event, find_all, parse_json, parse_timestamp
from tests.acceptance.expectations import (
    Fields,
    base_expected,
    message_expected,
    receipt_status,
    record_expected,
    record_kind,
    watermark_of,
)

UNNAMED_PAGE = "acceptance-nobodys-page"
"""Is connected for the probe if a body names no page."""
PROBE = "acceptance-probe"
"""The customer whose messages prove that the pipeline still works."""
_PROBE_TIME = datetime(2026, 1, 1, tzinfo=UTC)
_WITHOUT_TIME = datetime(2020, 1, 1, tzinfo=UTC)
_APART = timedelta(seconds=10)


@dataclass(frozen=True)
class Base:
    """A message that an event of the body refers to and that the body does not contain."""

    message_id: str
    page_id: str
    participant_id: str
    is_outgoing: bool
    at: datetime
    name: str
    text: str = "What all this is about"

    def fields(self, platform: Platform) -> Fields:
        """Return its fields before any event applies to it."""
        return {
            "direction": "outgoing" if self.is_outgoing else "incoming",
            "page": self.page_id,
            "participant": self.participant_id,
            "text": self.text,
            "created_at": self.at,
            "reactions": [],
            "is_edited": False,
            "is_unsent": False,
            "status": "sent" if self.is_outgoing else None,
            "delivered_at": None,
            "read_at": None,
            **({"participant_name": self.name} if platform == "whatsapp" and not self.is_outgoing else {}),
        }

    def webhook(self, platform: Platform) -> Webhook:
        """Return the webhook with this message."""
        page = Page(platform, self.page_id, "Acceptance")
        content: dict[str, Any] = {"at": self.at, "message_id": self.message_id, "content": self.text}
        if self.is_outgoing:
            return bodies.echo(page, self.participant_id, **content)
        return bodies.text_message(page, self.participant_id, self.name, **content)


@dataclass(frozen=True)
class Outcome:
    """What must be stored after a case was played."""

    messages: Mapping[str | None, Fields]
    """By message ID; None: the one message whose ID is unknown."""
    records: Sequence[Fields]
    items: int
    """The number of items that the ledger must count."""
    bases: Sequence[Base] = field(default=())


def pages_of(case: Case) -> list[str]:
    """Return the pages to connect, sorted; none if the body names no page.

    These are the pages of the row, and if they are incomplete also those that the body names.
    """
    named = [event.page_or_account_id for event in case.row.events]
    value = parse_json(case.body)
    if not case.is_strict or None in named:
        named += [each.get("id") for entries in find_all(value, "entry") for each in _objects(entries)]
        named += list(find_all(value, "phone_number_id"))
    return sorted({str(page) for page in named if page is not None})


def ledger_pages_of(case: Case) -> list[str]:
    """Return the pages under which the ledger may count the body's items; an empty string means no page."""
    pages = pages_of(case) or [UNNAMED_PAGE]
    return pages if case.is_strict and case.row.events else ["", *pages]


def probe(case: Case, page_id: str, number: int) -> tuple[str, Webhook]:
    """Return ID and webhook of a message unrelated to the case; a higher number is a later message."""
    message_id = f"probe-{case.row.file}-{number}"
    at = _PROBE_TIME + timedelta(seconds=number)
    page = Page(case.platform, page_id, "Acceptance")
    webhook = bodies.text_message(page, PROBE, "Probe", at=at, message_id=message_id, content="Still there?")
    return message_id, webhook


def outcome_of(case: Case) -> Outcome:
    """Return the expected outcome of a strict case."""
    value = parse_json(case.body)
    entry_time = _entry_time(value)
    messages: dict[str | None, Fields] = {
        event.message_id: message_expected(event, case.platform, entry_time=entry_time)
        for event in case.row.events
        if event.effect == "new_message"
    }
    bases = {
        base.message_id: base
        for event in case.row.events
        for base in _bases(case.platform, event, value, entry_time)
        if base.message_id not in messages
    }
    messages |= {message_id: base.fields(case.platform) for message_id, base in bases.items()}
    for event in case.row.events:
        for target in _affected(event, value, messages):
            messages[target] = base_expected(messages[target], event, value, entry_time=entry_time)
    kinds = [(event, record_kind(event)) for event in case.row.events]
    records = [record_expected(event, kind) for event, kind in kinds if kind is not None]
    return Outcome(messages, records, case.row.expected.n_events, tuple(bases.values()))


def _bases(platform: Platform, event: Event, body: Any, entry_time: datetime | None) -> Iterator[Base]:
    """Yield the messages that `event` needs: those it names, one that it covers, and one that it does not cover."""
    page, participant = event.page_or_account_id, event.participant_id
    if page is None or participant is None or event.effect not in ("update_message", "receipt", "reaction"):
        return
    is_receipt = event.effect == "receipt"
    if is_receipt and receipt_status(event) is None:
        return
    at = watermark_of(event) or event.at or entry_time or _WITHOUT_TIME
    is_outgoing = is_receipt or (event.effect == "reaction") == (event.actor != "business")
    name = event.profile_name or "Somebody"
    needed = dict.fromkeys(targets(event, body), at - _APART)
    if is_receipt and platform != "whatsapp":
        named = "-".join(targets(event, body)) or str(event.watermark)
        needed |= {f"{named}-covered": at - 2 * _APART, f"{named}-later": at + _APART}
    for message_id, base_at in needed.items():
        yield Base(message_id, page, participant, is_outgoing, base_at, name)


def _affected(event: Event, body: Any, messages: Mapping[str | None, Fields]) -> list[str | None]:
    """Return the IDs of `messages` that `event` changes: those it names, and those that a receipt covers."""
    if event.effect not in ("update_message", "receipt", "reaction"):
        return []
    named: list[str | None] = [target for target in targets(event, body) if target in messages]
    until = watermark_of(event) or _covered_until(event, named, messages)
    if event.effect != "receipt" or until is None:
        return named
    place = (event.page_or_account_id, event.participant_id)
    covered = [
        message_id
        for message_id, fields in messages.items()
        if fields["direction"] == "outgoing" and (fields["page"], fields["participant"]) == place
        if fields["created_at"] <= until
    ]
    return list(dict.fromkeys([*named, *covered]))


def _covered_until(event: Event, named: Sequence[str | None], messages: Mapping[str | None, Fields]) -> datetime | None:
    """Return the time up to which a receipt without a watermark covers: Instagram names the last read message."""
    times = [messages[target]["created_at"] for target in named] if event.event_type == "read" else []
    return max(times, default=None)


def targets(event: Event, body: Any) -> list[str]:
    """Return the IDs of the messages that `event` refers to."""
    if event.mids:
        return list(event.mids)
    if event.target_message_id:
        return [event.target_message_id]
    if event.message_id_role == "target" and event.message_id:
        return [event.message_id]
    return [str(each) for each in find_all(body, "original_message_id")][:1] if event.effect == "update_message" else []


def _entry_time(body: Any) -> datetime | None:
    """Return the time of the body's entry, which replaces a missing timestamp; None if there are several."""
    times = {each.get("time") for entries in find_all(body, "entry") for each in _objects(entries)}
    return parse_timestamp(next(iter(times))) if len(times) == 1 else None


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]
