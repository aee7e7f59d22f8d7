"""Reads a corpus from a folder: INDEX.json with one row per body, and the bodies. See README.md."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec

from shared.contracts import Platform

Effect = Literal["new_message", "update_message", "receipt", "reaction", "signal", "control", "ignore"]
_PLATFORMS: dict[str, Platform] = {"messenger": "facebook", "instagram": "instagram", "whatsapp": "whatsapp"}
_SECONDS_BELOW = 10**11


class CorpusProblem(Exception):
    """The folder is not a corpus."""


class Postback(msgspec.Struct, frozen=True, kw_only=True):
    """Title and payload of a pressed button."""

    title: str | None = None
    payload: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What an item of a body must become. A field that is None or absent is not checked, except as README.md says."""

    event_type: str
    direction: Literal["incoming", "outgoing", "none"]
    effect: Effect
    channel: str = "messaging"
    actor: Literal["customer", "business", "platform"] | None = None
    page_or_account_id: str | None = None
    participant_id: str | None = None
    text: str | None = None
    message_id: str | None = None
    message_id_role: Literal["own", "target"] | None = None
    timestamp: str | None = None
    target_message_id: str | None = None
    display_text: str | None = None
    postback: Postback | None = None
    attachment_types: tuple[str, ...] | None = None
    media_id: str | None = None
    quick_reply_payload: str | None = None
    reply_to_mid: str | None = None
    reply_to_story_id: str | None = None
    context_id: str | None = None
    app_id: str | None = None
    profile_name: str | None = None
    participant_user_id: str | None = None
    has_referral: bool = False
    action: Literal["react", "unreact"] | None = None
    emoji: str | None = None
    num_edit: int | str | None = None
    watermark: str | None = None
    mids: tuple[str, ...] = ()
    comment_text: str | None = None
    comment_author_id: str | None = None

    @property
    def at(self) -> datetime | None:
        """When it happened; None if the timestamp is not a time."""
        return parse_timestamp(self.timestamp)


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """The number of events, and fields of the first one."""

    n_events: int
    direction: str | None = None
    page_or_account_id: str | None = None
    participant_id: str | None = None
    text: str | None = None
    message_id: str | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of INDEX.json."""

    file: str
    platform: Literal["messenger", "instagram", "whatsapp"]
    event_type: str
    oracle: Literal["strict", "loose"]
    expected: Expected
    events: tuple[Event, ...]
    assertable: tuple[str, ...] = ()
    loose_because: tuple[str, ...] = ()
    quirks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """A row with the exact bytes of its body."""

    row: Row
    body: bytes

    @property
    def platform(self) -> Platform:
        """The platform, by Switchboard's name."""
        return _PLATFORMS[self.row.platform]

    @property
    def is_strict(self) -> bool:
        """Whether everything in the row must match."""
        return self.row.oracle == "strict"


def read_corpus(folder: Path) -> list[Case]:
    """Return the cases of `folder`, in the order of its index.

    Raises:
        CorpusProblem: the index is missing or invalid, or a body is missing.
    """
    try:
        rows = msgspec.json.decode((folder / "INDEX.json").read_bytes(), type=list[Row])
        return [Case(row, (folder / row.file).read_bytes()) for row in rows]
    except (OSError, msgspec.MsgspecError) as error:
        raise CorpusProblem(f"{folder} is not a corpus: {error}") from error


def parse_timestamp(value: str | int | None) -> datetime | None:
    """Return the time of a platform's timestamp, in seconds or milliseconds; None if it is not a time."""
    digits = str(value) if value is not None else ""
    if not digits.isascii() or not digits.isdigit() or int(digits) == 0:
        return None
    number = int(digits)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        milliseconds=number * 1000 if number < _SECONDS_BELOW else number
    )


def parse_json(body: bytes) -> Any:
    """Return the JSON value of `body`; None if it is not JSON."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def find_all(value: Any, name: str) -> Iterator[Any]:
    """Yield every value of the key `name`, at any depth of `value`, outermost first."""
    if isinstance(value, dict):
        if name in value:
            yield value[name]
        for child in value.values():
            yield from find_all(child, name)
    elif isinstance(value, list):
        for child in value:
            yield from find_all(child, name)
