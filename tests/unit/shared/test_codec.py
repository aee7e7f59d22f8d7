"""Events to bytes and back, one at a time and together."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import Event, Wire, decode, encode, join, split
from shared.errors import MalformedEvent
from tests import builders

ANY_EVENT = st.one_of(
    st.builds(lambda body: builders.webhook_received(body=body), st.binary(max_size=200)),
    st.builds(
        lambda text, number: builders.inbox_enriched(item=builders.message_item(content=text), item_index=number),
        st.text(max_size=50),
        st.integers(min_value=0, max_value=999),
    ),
    st.builds(lambda reason, body: builders.item_parked(reason=reason, original=body), st.text(), st.binary()),
)


@given(ANY_EVENT)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    assert decode(event.wire, encode(event)) == event


@given(st.sampled_from(Wire), st.lists(ANY_EVENT, max_size=70))
def test_a_batch_comes_apart_into_its_parts(wire: Wire, events: Sequence[Event]) -> None:
    parts = [encode(event) for event in events if event.wire is wire]

    assert split(wire, join(wire, parts)) == parts


@given(st.sampled_from(Wire), st.integers(min_value=0, max_value=4))
def test_one_unreadable_part_leaves_its_neighbours_readable(wire: Wire, place: int) -> None:
    good = builders.inbox_enriched() if wire is Wire.JSON else builders.webhook_received()
    codec = msgspec.json if wire is Wire.JSON else msgspec.msgpack
    parts = [encode(good)] * 4
    parts.insert(place, codec.encode({"type": "of.tomorrow.v9"}))

    apart = split(wire, join(wire, parts))

    with pytest.raises(MalformedEvent):
        decode(wire, apart.pop(place))
    assert [decode(wire, part) for part in apart] == [good] * 4


@given(st.sampled_from(Wire), st.binary(max_size=100))
def test_bytes_of_any_kind_are_read_or_refused_as_malformed(wire: Wire, body: bytes) -> None:
    try:
        parts = split(wire, body)
    except MalformedEvent:
        return
    for part in parts:
        with pytest.raises(MalformedEvent):
            decode(wire, part)


@pytest.mark.parametrize("content_type", ["", "text/plain"])
def test_an_unknown_content_type_is_malformed(content_type: str) -> None:
    with pytest.raises(MalformedEvent):
        split(content_type, b"[]")
    with pytest.raises(MalformedEvent):
        decode(content_type, b"{}")
