"""What is on the wire, and in queues while a new version is rolled out, can be read for ever."""

from pathlib import Path
from typing import get_args

import msgspec
import pytest

from shared.contracts import AnyEvent, Event, Wire, conversation_id, decode, derive_id, encode, join, shard_of, split
from tests.builders import EXAMPLES

GOLDEN = Path(__file__).parent / "golden"
"""One encoded event a version, never edited: rename or require a field, and its message no longer decodes."""


def test_every_event_type_has_an_example_and_a_golden_message() -> None:
    types = {event.type_name() for event in get_args(AnyEvent)}

    assert types == set(EXAMPLES)
    assert types == {path.name.rpartition(".")[0] for path in GOLDEN.iterdir()}


@pytest.mark.parametrize("event", EXAMPLES.values(), ids=EXAMPLES)
def test_a_golden_message_still_reads_as_it_was_meant(event: Event) -> None:
    [path] = GOLDEN.glob(f"{event.type_name()}.*")

    assert decode(event.wire, path.read_bytes()) == event


@pytest.mark.parametrize("event", EXAMPLES.values(), ids=EXAMPLES)
def test_a_field_that_a_newer_version_added_is_no_error(event: Event) -> None:
    codec = msgspec.json if event.wire is Wire.JSON else msgspec.msgpack
    newer = codec.encode({**codec.decode(encode(event)), "a_field_of_tomorrow": 1})

    assert decode(event.wire, newer) == event


def test_a_batch_of_any_wire_form_comes_apart_as_it_was_put_together() -> None:
    for event in EXAMPLES.values():
        body = join(event.wire, [encode(event)] * 3)

        assert [decode(event.wire, part) for part in split(event.wire, body)] == [event] * 3


def test_identities_never_change() -> None:
    """These values are in somebody's database: if the test fails, the code is wrong."""
    assert conversation_id("facebook", "42", "1234567890") == "4b99494293814ed3"
    assert derive_id("webhook", "facebook", b"{}") == "41d296ad597a6d955db0845615824c99"
    assert [shard_of("42"), shard_of("user-1"), shard_of("ü")] == [8, 4, 5]
